"""An envelope: a payload that only its readers can open, and whose size reveals almost nothing. Pure.

    u8 version, u8 wraps, u16 0, commitment [32], wraps x [80], then ChaCha20-Poly1305 of: u32 length, payload, zeros

The content is encrypted once, and its key is wrapped for each reader with HPKE (RFC 9180, base mode: X25519,
HKDF-SHA256, ChaCha20-Poly1305). An envelope has 1 KiB times a power of two in all, and wraps that nobody can open fill
their number up to a multiple of 8: so a bystander learns neither size nor readers. Whatever belongs to the content (who
sent it, of what, when in the sequence) is the `context`, which must be the same on both sides. The commitment is there
because ChaCha20-Poly1305 alone lets a sender make one ciphertext that two keys open to two payloads.

Who an envelope is from, it does not say: that is the signature of the manifest under which it travels.
"""

import hmac
import secrets
from collections.abc import Sequence
from struct import Struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from reedmesh.errors import WireError
from reedmesh.protocol.shards import MAX_LENGTH

VERSION = 1
SMALLEST = 1024  # bytes
CROWD = 8  # the number of wraps is a multiple of this
MOST_READERS = 248
WRAP = 32 + 32 + 16  # bytes: an encapsulated key, a content key, a tag
_HEADER = Struct("<BBH32s")
_LENGTH = Struct("<I")
_TAG = 16
_NONCE = bytes(12)  # a content key encrypts once
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


def seal(payload: bytes, readers: Sequence[X25519PublicKey], context: bytes) -> bytes:
    """`payload` for `readers`, at most 248 of them; raises WireError for one that does not fit in 16 MiB."""
    if len(readers) > MOST_READERS:
        raise WireError(f"sealed: for {len(readers)} readers, {MOST_READERS} are the most")
    crowd = CROWD * max(1, -(-len(readers) // CROWD))
    strangers = [X25519PrivateKey.generate().public_key() for _ in range(crowd - len(readers))]
    content = secrets.token_bytes(32)
    key, commitment = _derive(content, context)
    wraps = [_SUITE.encrypt(content, reader, context) for reader in (*readers, *strangers)]
    secrets.SystemRandom().shuffle(wraps)
    head = _HEADER.pack(VERSION, len(wraps), 0, commitment) + b"".join(wraps)
    room = size_of(len(payload), len(wraps)) - len(head) - _TAG
    inside = (_LENGTH.pack(len(payload)) + payload).ljust(room, b"\0")
    return head + ChaCha20Poly1305(key).encrypt(_NONCE, inside, context + head)


def size_of(length: int, wraps: int) -> int:
    """Bytes of the envelope of a payload of `length` bytes; raises WireError for more than 16 MiB."""
    needed = _HEADER.size + WRAP * wraps + _LENGTH.size + length + _TAG
    size = max(SMALLEST, 1 << (needed - 1).bit_length())
    if size > MAX_LENGTH:
        raise WireError(f"sealed: {length} bytes for {wraps} readers do not fit in {MAX_LENGTH}")
    return size


def unseal(envelope: bytes, own: Sequence[X25519PrivateKey], context: bytes) -> bytes:
    """The payload of an envelope for the owner of one of the keys `own`; raises WireError."""
    if len(envelope) < _HEADER.size or envelope[0] != VERSION:
        raise WireError(f"sealed: {len(envelope)} bytes, version {envelope[:1].hex()}")
    _, count, spare, commitment = _HEADER.unpack_from(envelope)
    end = _HEADER.size + WRAP * count
    if spare or len(envelope) < end + _LENGTH.size + _TAG:
        raise WireError(f"sealed: {len(envelope)} bytes do not hold {count} wraps")
    content = _unwrap([envelope[at : at + WRAP] for at in range(_HEADER.size, end, WRAP)], own, context)
    key, expected = _derive(content, context)
    if not hmac.compare_digest(commitment, expected):
        raise WireError("sealed: the key is not the one it commits to")
    return _content(key, envelope[:end], envelope[end:], context)


def _content(key: bytes, head: bytes, box: bytes, context: bytes) -> bytes:
    try:
        inside = ChaCha20Poly1305(key).decrypt(_NONCE, box, context + head)
    except InvalidTag as fault:
        raise WireError("sealed: the content was changed") from fault
    (length,) = _LENGTH.unpack_from(inside)
    if length > len(inside) - _LENGTH.size:
        raise WireError(f"sealed: {length} bytes in {len(inside)}")
    return inside[_LENGTH.size : _LENGTH.size + length]


def _unwrap(wraps: Sequence[bytes], own: Sequence[X25519PrivateKey], context: bytes) -> bytes:
    for wrap in wraps:
        for key in own:
            try:
                content = _SUITE.decrypt(wrap, key, context)
            except (InvalidTag, ValueError):
                continue
            if len(content) == 32:
                return content
    raise WireError("sealed: not for this gateway, or not what its manifest says")


def _derive(content: bytes, context: bytes) -> tuple[bytes, bytes]:
    """What encrypts, and the commitment."""
    return hmac.digest(content, b"key\0" + context, "sha256"), hmac.digest(content, b"commitment\0" + context, "sha256")
