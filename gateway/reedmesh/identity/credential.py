"""What a gateway shows for its key in authority mode: for whom, for which days, and the point it was given. Pure.

    u8 version, name [32], u32 first day, u32 last day since 1970, V [32], signature [64] by the key that follows

The signature shows that whoever says it has the key; that the authority gave it follows from the key itself.
"""

from dataclasses import dataclass
from struct import Struct

from reedmesh.errors import WireError
from reedmesh.identity import authority
from reedmesh.identity.authority import Term
from reedmesh.identity.ed25519 import is_signed
from reedmesh.identity.keys import Key
from reedmesh.protocol.wire import is_name

VERSION = 1
MOST_DAYS = 400  # of one credential
_BODY = Struct("<B32sII32s")
_SIGNATURE = 64
SIZE = _BODY.size + _SIGNATURE
_PURPOSE = b"reedmesh credential\0"


@dataclass(frozen=True)
class Credential:
    """given: the point V of `authority.py`, 32 bytes."""

    term: Term
    given: bytes

    def body(self) -> bytes:
        """The frame but for its signature."""
        return _BODY.pack(VERSION, self.term.name.encode(), self.term.first, self.term.last, self.given)


def pack(said: Credential, key: Key) -> bytes:
    """The frame, signed with the key that follows from it."""
    return said.body() + key.signature(_PURPOSE + said.body())


def unpack(frame: bytes, authority_point: bytes) -> tuple[Credential, bytes]:
    """The credential in `frame`, and the public key, 32 bytes, that the authority gave it for; raises WireError."""
    if len(frame) != SIZE or frame[0] != VERSION:
        raise WireError(f"credential: {len(frame)} bytes, version {frame[:1].hex()}")
    _, name, first, last, given = _BODY.unpack_from(frame)
    text = name.rstrip(b"\0").decode("ascii", "replace")
    if not is_name(text) or not first <= last < first + MOST_DAYS:
        raise WireError(f"credential: no name, or days {first} to {last}: {MOST_DAYS} are the most")
    said = Credential(Term(text, first, last), given)
    key = authority.extracted(authority_point, said.term, given)
    if not is_signed(key, frame[_BODY.size :], _PURPOSE + said.body()):
        raise WireError(f"credential of {text}: not signed with the key that the authority gave")
    return said, key
