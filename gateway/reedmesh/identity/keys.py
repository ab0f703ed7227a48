"""A gateway's Ed25519 key, and the signatures of manifests.

A manifest's seal is u64 time (s since 1970), signature [64], under a purpose, the federation's name, the manifest and
the time. So it counts in one federation only, and for two days: a gateway signs anew every day.

Files with keys are in `keystore.py`, whose keys count in `keyring.py`. A public key is 32 bytes, which an operator
writes into the neighbours' settings as 64 hexadecimal digits; fingerprints are for comparing them by eye or by voice.
"""

import time
from collections.abc import Iterable
from hashlib import sha256
from struct import pack

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from reedmesh.config.exchange import Neighbour
from reedmesh.config.settings import FEDERATION
from reedmesh.identity.ed25519 import private_twin
from reedmesh.protocol import shards
from reedmesh.protocol.shards import Manifest

_PURPOSE = b"reedmesh manifest\0"


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
        return shards.pack_manifest(manifest, stamp + self.signature(signed_text(federation, manifest.body(), stamp)))

    def signature(self, text: bytes) -> bytes:
        """The signature of `text`, 64 bytes; `text` begins with its purpose, so that it can pass for nothing else."""
        return self._private.sign(text)


def signed_text(federation: str, manifest: bytes, stamp: bytes) -> bytes:
    """The bytes of a manifest that are signed."""
    return _PURPOSE + federation.encode() + b"\0" + manifest + stamp


def read_public(text: str) -> bytes:
    """The 32 bytes of a public key written as 64 hexadecimal digits; raises ValueError."""
    key = bytes.fromhex(text)
    if len(key) != 32:
        raise ValueError(f"{len(key)} bytes, a public key has 32")
    return key


def pinned(neighbours: Iterable[Neighbour]) -> dict[str, bytes]:
    """The public keys that the config pins, by the neighbour's name; not those whose key an authority gives."""
    return {each.name: read_public(each.key) for each in neighbours if each.key}


def fingerprint(public: bytes) -> str:
    """32 hexadecimal digits, in groups of four, of the key's SHA-256."""
    digits = sha256(public).hexdigest()[:32]
    return "-".join(digits[i : i + 4] for i in range(0, 32, 4))
