"""The public keys that count, and whether one of them signed a manifest."""

import time
from collections.abc import Callable, Mapping
from struct import unpack_from

from reedmesh.config.settings import FEDERATION
from reedmesh.errors import ReedmeshError, WireError
from reedmesh.identity import succession
from reedmesh.identity.ed25519 import is_signed
from reedmesh.identity.keys import signed_text
from reedmesh.identity.trust_store import Trust
from reedmesh.protocol import shards
from reedmesh.protocol.shards import Manifest

LIFE = 2 * 86400  # seconds that a manifest's signature counts
AHEAD = 3600  # seconds that a neighbour's clock may be ahead of ours


class Keyring:
    """The public keys that count: those of `keys`, gateway name -> 32 bytes, or what `trust` makes of them by now.

    federation: whose manifests are believed. clock: s since 1970.
    """

    def __init__(
        self,
        keys: Mapping[str, bytes],
        trust: Trust | None = None,
        federation: str = FEDERATION,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._trust = trust
        self._federation = federation
        self._clock = clock

    def names(self) -> list[str]:
        """Gateways that have or had a key."""
        return self._trust.names() if self._trust else sorted(self._keys)

    def of(self, name: str) -> list[bytes]:
        """The keys that `name` may use now, the newest first."""
        return self._trust.of(name) if self._trust else [self._keys[name]] if name in self._keys else []

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
