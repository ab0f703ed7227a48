"""A key appoints the next: the frame by which a gateway's neighbours come to trust the key it was rotated to. Pure.

    u8 version, name [32], u64 until, old key [32], new key [32], signature of old [64], signature of new [64]

Both sign, so that nobody can appoint a key that is not his. `until`, seconds since 1970, is when the old one ends.
"""

from dataclasses import dataclass
from struct import Struct

from reedmesh.errors import WireError
from reedmesh.identity.ed25519 import is_signed
from reedmesh.protocol.wire import is_name

VERSION = 1
_BODY = Struct("<B32sQ32s32s")
_PURPOSE = b"reedmesh succession\0"  # what is signed here must not pass for anything else that is
LATEST = 1 << 40  # s since 1970 that a key may end at: the year 36 812
SIGNATURE = 64
SIZE = _BODY.size + 2 * SIGNATURE  # bytes of a frame


@dataclass(frozen=True)
class Succession:
    """The gateway `name` goes from its key `old` to `new`; `old` counts no longer from `until` on."""

    name: str
    until: int
    old: bytes
    new: bytes

    def text(self) -> bytes:
        """The bytes that both keys sign."""
        return _PURPOSE + self.body()

    def body(self) -> bytes:
        """The frame but for its signatures."""
        return _BODY.pack(VERSION, self.name.encode(), self.until, self.old, self.new)


def pack(said: Succession, old: bytes, new: bytes) -> bytes:
    """The frame, given the signatures of both keys under `said.text()`."""
    return said.body() + old + new


def unpack(frame: bytes) -> Succession:
    """The succession in `frame`, both of whose signatures hold; raises WireError."""
    if len(frame) != SIZE or frame[0] != VERSION:
        raise WireError(f"succession: {len(frame)} bytes, version {frame[:1].hex()}")
    _, name, until, old, new = _BODY.unpack_from(frame)
    try:
        said = Succession(name.rstrip(b"\0").decode("ascii"), until, old, new)
    except UnicodeError as fault:
        raise WireError("succession: no name") from fault
    if until > LATEST:
        raise WireError(f"succession: until {until}, {LATEST} is the latest")
    first, second = frame[_BODY.size : -SIGNATURE], frame[-SIGNATURE:]
    if not is_name(said.name) or not is_signed(old, first, said.text()) or not is_signed(new, second, said.text()):
        raise WireError("succession: not signed by both keys")
    return said
