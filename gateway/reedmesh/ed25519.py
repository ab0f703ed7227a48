"""Ed25519 (RFC 8032): whether a signature holds."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def is_signed(key: bytes, signature: bytes, text: bytes) -> bool:
    """Whether `signature`, 64 bytes, is that of the public key `key`, 32 bytes, under `text`."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True
