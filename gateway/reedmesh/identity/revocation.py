"""An authority takes a key back: a frame that it signs, and that gateways pass on to each other. Pure.

    u8 version, key [32], signature [64] of the authority

Whoever pins the authority believes it, from whomever it comes. There is no way back: a gateway gets a new key.
"""

from collections.abc import Iterator

from reedmesh.errors import WireError
from reedmesh.identity.ed25519 import is_signed
from reedmesh.identity.keys import Key

VERSION = 1
KEY, SIGNATURE = 32, 64
SIZE = 1 + KEY + SIGNATURE
MOST = 64  # frames in one message
_PURPOSE = b"reedmesh revocation\0"


def pack(key: bytes, authority: Key) -> bytes:
    """The frame that takes back `key`, 32 bytes."""
    body = bytes([VERSION]) + key
    return body + authority.signature(_PURPOSE + body)


def unpack(frames: bytes, authority: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each key that `frames` take back, with its frame; raises WireError for what the authority did not sign."""
    if not frames or len(frames) % SIZE or len(frames) > MOST * SIZE:
        raise WireError(f"revocation: {len(frames)} bytes, one to {MOST} frames of {SIZE} are expected")
    for at in range(0, len(frames), SIZE):
        body, signature = frames[at : at + 1 + KEY], frames[at + 1 + KEY : at + SIZE]
        if body[0] != VERSION or not is_signed(authority, signature, _PURPOSE + body):
            raise WireError("revocation: not signed by the authority that is pinned here")
        yield body[1:], body + signature
