"""Ed25519 (RFC 8032): whether a signature holds; and the X25519 key (RFC 7748) that comes with each key.

Both curves are one in two forms, so a key that signs has a twin that opens what is encrypted for its owner: nobody has
to send or pin a second one. That neither weakens the other is shown for this KEM in Thormarker, "On using the same key
pair for Ed25519 and an X25519 based KEM", IACR ePrint 2021/509.
"""

from hashlib import sha512

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

P = 2**255 - 19


def is_signed(key: bytes, signature: bytes, text: bytes) -> bool:
    """Whether `signature`, 64 bytes, is that of the public key `key`, 32 bytes, under `text`."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def twin(public: bytes) -> X25519PublicKey:
    """The X25519 public key of an Ed25519 one, 32 bytes: u = (1 + y) / (1 - y); raises ValueError for none."""
    y = int.from_bytes(public, "little") & (1 << 255) - 1  # the last bit is the sign of x
    if len(public) != 32 or not 1 < y < P:
        raise ValueError("no Ed25519 key")
    u = (1 + y) * pow(1 - y, -1, P) % P
    return X25519PublicKey.from_public_bytes(u.to_bytes(32, "little"))


def private_twin(seed: bytes) -> X25519PrivateKey:
    """The X25519 private key of an Ed25519 one: the scalar that RFC 8032, 5.1.5, makes of its seed, 32 bytes."""
    return X25519PrivateKey.from_private_bytes(sha512(seed).digest()[:32])
