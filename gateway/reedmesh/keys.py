"""This gateway's Ed25519 key, its neighbours' public keys, and the signatures of manifests.

A gateway makes its key when it first starts, as `key` in its state directory, readable by its user alone. Its public
half, 64 hexadecimal digits, is what an operator writes into the neighbours' settings; fingerprints are for comparing
them by eye or by voice.
"""

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from reedmesh import shards
from reedmesh.errors import ConfigError, WireError
from reedmesh.shards import Manifest

SEED = 32  # bytes of a private key, all that is in the file


class Key:
    """A private key."""

    def __init__(self, seed: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._private.public_key().public_bytes_raw()

    def sign(self, manifest: Manifest) -> bytes:
        """The frame of `manifest`, sealed."""
        manifest.seal_kind = shards.ED25519
        return shards.pack_manifest(manifest, self._private.sign(manifest.body()))


class Keyring:
    """The public keys that count: gateway name -> 32 bytes."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = {name: Ed25519PublicKey.from_public_bytes(key) for name, key in keys.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._keys

    def check(self, manifest: Manifest) -> None:
        """Raises WireError unless the neighbour that `manifest` names as its sender has signed it."""
        key = self._keys.get(manifest.sender)
        if key is None:
            raise WireError(f"manifest of {manifest.sender}, which is no neighbour: see [[neighbours]] in the settings")
        try:
            if manifest.seal_kind == shards.ED25519:
                return key.verify(manifest.seal, manifest.sealed)
        except InvalidSignature:
            pass
        raise WireError(
            f"manifest not signed with the key that [[neighbours]] in the settings has for {manifest.sender}"
        )


def load(folder: Path) -> Key:
    """The key in `folder`, made if there is none; raises ConfigError when it is damaged or others can read it."""
    return Key(secret(folder / "key"))


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
