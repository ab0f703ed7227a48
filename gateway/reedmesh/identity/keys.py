"""This gateway's Ed25519 key, its neighbours' public keys, and the signatures of manifests.

A manifest's seal is u64 time (s since 1970), signature [64], under a purpose, the federation's name, the manifest and
the time. So it counts in one federation only, and for two days: a gateway signs anew every day.

A gateway makes its key when it first starts, as `key` in its state directory, readable by its user alone. Its public
half, 64 hexadecimal digits, is what an operator writes into the neighbours' settings; fingerprints are for comparing
them by eye or by voice.
"""

import os
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from struct import pack, unpack_from

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from reedmesh.config.settings import FEDERATION
from reedmesh.errors import ConfigError, WireError
from reedmesh.identity import succession
from reedmesh.identity.ed25519 import is_signed, private_twin
from reedmesh.identity.succession import Succession
from reedmesh.identity.trust_store import Trust
from reedmesh.protocol import shards
from reedmesh.protocol.shards import Manifest

SEED = 32  # bytes of a private key, all that is in the file
LIFE = 2 * 86400  # seconds that a manifest's signature counts
AHEAD = 3600  # seconds that a neighbour's clock may be ahead of ours
_PURPOSE = b"reedmesh manifest\0"
PREVIOUS, DRAFT, SUCCESSION = "key.previous", "key.next", "succession"  # files beside it


class Key:
    """A private key. opens: its twin, for what is sealed for us."""

    def __init__(self, seed: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._private.public_key().public_bytes_raw()
        self.opens = private_twin(seed)

    def sign(self, manifest: Manifest, federation: str = FEDERATION, at: float | None = None) -> bytes:
        """The frame of `manifest`, sealed for a federation at a time, s since 1970, by default now."""
        manifest.seal_kind = shards.ED25519
        stamp = pack("<Q", int(time.time() if at is None else at))
        return shards.pack_manifest(manifest, stamp + self._private.sign(_text(federation, manifest.body(), stamp)))

    def signature(self, text: bytes) -> bytes:
        """The signature of `text`, 64 bytes; `text` begins with its purpose, so that it can pass for nothing else."""
        return self._private.sign(text)


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
        text = _text(self._federation, manifest.sealed, stamp)
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
            except ConfigError as error:
                raise WireError(str(error)) from error


def _text(federation: str, manifest: bytes, stamp: bytes) -> bytes:
    """What a manifest's signature speaks for."""
    return _PURPOSE + federation.encode() + b"\0" + manifest + stamp


def load(folder: Path) -> Key:
    """The key in `folder`, made if there is none; raises ConfigError when it is damaged or others can read it."""
    return Key(secret(folder / "key"))


def previous(folder: Path) -> Key | None:
    """The key that was rotated away last, which neighbours may still use; None if there is none."""
    path = folder / PREVIOUS
    return Key(secret(path)) if path.exists() else None


def rotate(folder: Path, name: str, until: int) -> Key:
    """Make a new key for the gateway `name`, appointed by the present one, which ends at `until` (s since 1970).

    What a crash leaves is the old key with a succession nobody needs, or all of it.
    """
    old = load(folder)
    new = Key(secret(folder / DRAFT))
    said = Succession(name, until, old.public, new.public)
    frame = succession.pack(said, old.signature(said.text()), new.signature(said.text()))
    draft = folder / f"{SUCCESSION}.new"
    draft.write_bytes(b"".join(_successions(folder)) + frame)
    draft.replace(folder / SUCCESSION)
    (folder / PREVIOUS).unlink(missing_ok=True)
    os.link(folder / "key", folder / PREVIOUS)
    (folder / DRAFT).replace(folder / "key")
    return new


def appointment(folder: Path) -> bytes | None:
    """The frame that appoints our present key, for neighbours that know but the one before; None if it is the first."""
    frames = _successions(folder)
    return frames[-1] if frames and succession.unpack(frames[-1]).new == load(folder).public else None


def lineage(folder: Path, name: str) -> list[bytes]:
    """The public keys the gateway `name` has had, the present one first; each was appointed by the one behind it."""
    found = [load(folder).public]
    for said in [succession.unpack(frame) for frame in _successions(folder)][::-1]:
        if said.name == name and said.new == found[-1]:
            found.append(said.old)
    return found


def counting(folder: Path, name: str) -> list[bytes]:
    """Our keys whose signatures count: the present one, and those before it that were not revoked."""
    gone = Trust(folder, {}).known().revoked
    first, *others = lineage(folder, name)
    return [first, *(each for each in others if each.hex() not in gone)]


def _successions(folder: Path) -> list[bytes]:
    """The frames that appointed each of our keys but the first, oldest first."""
    path = folder / SUCCESSION
    found, size = path.read_bytes() if path.exists() else b"", succession.SIZE
    return [found[at : at + size] for at in range(0, len(found) // size * size, size)]


def secret(path: Path) -> bytes:
    """The 32 secret bytes in the file `path`, made if there is none; raises ConfigError as `load` does."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        readable_by = path.stat().st_mode & 0o077
        seed = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}") from error
    if readable_by:
        raise ConfigError(f"{path}: others may read it: delete it, restart, and tell the new one to whom it concerns")
    if len(seed) != SEED:
        raise ConfigError(
            f"{path}: {len(seed)} bytes, a key has {SEED}: restore it, or delete it to have a new one made"
        )
    return seed


def read_public(text: str) -> bytes:
    """The 32 bytes of a public key written as 64 hexadecimal digits; raises ValueError."""
    key = bytes.fromhex(text)
    if len(key) != 32:
        raise ValueError(f"{len(key)} bytes, a public key has 32")
    return key


def fingerprint(public: bytes) -> str:
    """32 hexadecimal digits, in groups of four, of the key's SHA-256."""
    digits = sha256(public).hexdigest()[:32]
    return "-".join(digits[i : i + 4] for i in range(0, 32, 4))


def _make(path: Path) -> None:
    """Write a new key so that the file is whole or not there, was never readable by others, and replaces no other."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "wb") as out:
            out.write(secrets.token_bytes(SEED))
            out.flush()
            os.fsync(out.fileno())
        with suppress(FileExistsError):  # another process was first: its key is the key
            os.link(draft, path)
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
