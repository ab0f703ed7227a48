"""The public keys that count, and whether one of them signed a manifest."""

import logging
import time
from collections.abc import Callable, Collection, Mapping
from struct import unpack_from

from reedmesh.config.settings import FEDERATION
from reedmesh.errors import ReedmeshError, WireError
from reedmesh.identity import credential, revocation, succession
from reedmesh.identity.ed25519 import is_signed
from reedmesh.identity.keys import signed_text
from reedmesh.identity.trust_store import Trust
from reedmesh.protocol import shards
from reedmesh.protocol.shards import Manifest

log = logging.getLogger(__name__)

LIFE = 2 * 86400  # seconds that a manifest's signature counts
AHEAD = 3600  # seconds that a neighbour's clock may be ahead of ours


class Keyring:
    """The public keys that count: those of `keys`, gateway name -> 32 bytes, or what `trust` makes of them by now.

    federation: whose manifests are believed. clock: s since 1970. authority: the point of the site's authority, b"" for
    none; expected: names whose key it gives.
    """

    def __init__(
        self,
        keys: Mapping[str, bytes],
        trust: Trust | None = None,
        federation: str = FEDERATION,
        clock: Callable[[], float] = time.time,
        authority: bytes = b"",
        expected: Collection[str] = (),
    ) -> None:
        self._keys = keys
        self._trust = trust
        self._federation = federation
        self._clock = clock
        self._authority = authority
        self.expected = frozenset(expected)

    def names(self) -> list[str]:
        """Gateways that have or had a key, or are expected to show one."""
        known = self._trust.names() if self._trust else self._keys
        return sorted({*known, *self.expected})

    def of(self, name: str) -> list[bytes]:
        """The keys that `name` may use now, the newest first."""
        return self._trust.of(name) if self._trust else [self._keys[name]] if name in self._keys else []

    def ever(self, name: str) -> list[bytes]:
        """The keys that `name` uses or used and that were not revoked: for what it signed then."""
        if not self._trust:
            return self.of(name)
        gone = self._trust.known().revoked
        return [key for key in self._trust.ever(name) if key.hex() not in gone]

    def __contains__(self, name: str) -> bool:
        return bool(self.of(name))

    def check(self, manifest: Manifest) -> bytes:
        """The key with which the neighbour that `manifest` names as its sender has signed it; raises WireError."""
        sender, keys = manifest.sender, self.of(manifest.sender)
        if not keys:
            raise WireError(f"manifest of {sender}, which is no neighbour: see [[neighbours]] in the settings")
        if manifest.seal_kind != shards.ED25519:
            raise WireError(f"manifest of {sender} without a signature")
        stamp, signature = manifest.seal[:8], manifest.seal[8:]
        text = signed_text(self._federation, manifest.sealed, stamp)
        signer = next((key for key in keys if is_signed(key, signature, text)), None)
        if not signer:
            place = f"in federation {self._federation}: see `reedmesh keys show`, and exchange.federation"
            raise WireError(f"manifest not signed with a key of neighbour {sender} {place}")
        self._check_age(sender, unpack_from("<Q", stamp)[0])
        return signer

    def _check_age(self, sender: str, at: int) -> None:
        age = self._clock() - at
        if not -AHEAD <= age <= LIFE:
            when = f"{age / 86400:.1f} days ago" if age > 0 else f"{-age / 3600:.1f} hours from now"
            raise WireError(f"manifest of {sender} signed {when}: replayed, or a clock is wrong here or there")

    def succeed(self, name: str, frame: bytes) -> None:
        """Trust the key that a key of `name` appoints in `frame`, see `succession.py`; raises WireError."""
        said = succession.unpack(frame)
        if said.name != name or said.old not in self.of(name):
            raise WireError(f"succession: not {name}'s, or not of a key it is trusted with")
        if self._trust and said.new not in self.of(name):
            try:
                self._trust.succeed(name, said.old, said.new, said.until)
            except ReedmeshError as error:
                raise WireError(str(error)) from error

    def enrol(self, name: str, frame: bytes) -> bytes | None:
        """Trust the key of the credential in `frame`, see `credential.py`; it, if it is new. Raises WireError."""
        if not self._authority or not self._trust or name not in self.expected:
            raise WireError(f"credential of {name}: [exchange] authority is not set here, or {name} has a pinned key")
        said, key = credential.unpack(frame, self._authority)
        if said.term.name != name:
            raise WireError(f"credential of {said.term.name} among what {name} says")
        try:
            return key if self._trust.enrol(key, said.term) else None
        except ReedmeshError as error:
            raise WireError(str(error)) from error

    def take_back(self, frames: bytes) -> None:
        """Revoke the keys that the authority took back, see `revocation.py`, and keep the frames; raises WireError."""
        if not self._authority or not self._trust:
            raise WireError("revocation: [exchange] authority is not set here")
        try:
            for key, frame in revocation.unpack(frames, self._authority):
                if self._trust.take_back(key, frame):
                    log.error("the authority took back the key %s", key.hex())
        except ReedmeshError as error:
            raise WireError(str(error)) from error

    def taken_back(self) -> bytes:
        """Frames to pass on."""
        return self._trust.taken_back() if self._trust else b""
