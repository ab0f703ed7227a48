"""The frames of the pool: what gateways that borrow and lend computing say to each other, signed. Pure.

    u8 version, signature [64], u16 length of the words, the words (a JSON object), data

The words have `is` (the kind of message), `at` (s since 1970), `to` (a gateway, "" for all neighbours) and the fields
of one class below. What is signed: purpose, federation, sender, then words and data as they stand.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from struct import Struct

from reedmesh.config.schema import read_dataclass
from reedmesh.errors import ConfigError, WireError
from reedmesh.identity.ed25519 import is_signed
from reedmesh.identity.keys import Key
from reedmesh.json_object import read_json
from reedmesh.protocol.wire import is_name

VERSION = 1
CHUNK = 32_768  # bytes of a job's data in a frame
MOST_RESULT = 32_768  # bytes
MOST_WORDS = 8192  # bytes
MOST_ARGUMENTS = 4096  # bytes, as JSON
MOST_SIZE = 64 << 20  # bytes of a job's data
MOST_SECONDS = 3600.0  # of processor that a job is estimated to take
MOST_MS = 1 << 50  # that accounts come to
JOB = "[0-9a-f]{16}"
DIGEST = "([0-9a-f]{64})?"
_HEAD = Struct("<B64sH")
_PURPOSE = b"reedmesh job\0"  # what is signed here must not pass for anything else
_SECONDS = {"min": 0.0, "max": MOST_SECONDS}
_MS = {"min": 0, "max": MOST_MS}


@dataclass(frozen=True)
class Offer:
    """Work is offered to all neighbours. seconds: of processor, as its owner estimates. code: of the program."""

    job: str
    kind: str
    seconds: float = field(metadata=_SECONDS)
    size: int = field(metadata={"min": 0, "max": MOST_SIZE})
    code: str


@dataclass(frozen=True)
class Bid:
    """A lender would take it. seconds: until it expects to be done."""

    job: str
    seconds: float = field(metadata=_SECONDS)


@dataclass(frozen=True)
class Award:
    """A lender shall do it. arguments: of the kind, JSON. data: SHA-256 of `size` bytes, "" where it needs none."""

    job: str
    kind: str
    arguments: str
    data: str
    size: int = field(metadata={"min": 0, "max": MOST_SIZE})


@dataclass(frozen=True)
class Begun:
    """The lender has begun; or, with a reason, it will not."""

    job: str
    refused: str = ""


@dataclass(frozen=True)
class Need:
    """The lender lacks data from that byte on."""

    job: str
    data: str
    offset: int = field(metadata={"min": 0, "max": MOST_SIZE})


@dataclass(frozen=True)
class Chunk:
    """Data of a job from that byte on: the data of the frame."""

    job: str
    data: str
    offset: int = field(metadata={"min": 0, "max": MOST_SIZE})


@dataclass(frozen=True)
class Result:
    """The data of the frame is the result. ms: of processor that it took. failed: why there is none."""

    job: str
    ms: int = field(metadata=_MS)
    failed: str = ""


@dataclass(frozen=True)
class Receipt:
    """The owner owes a lender `ms` for a job, `total` for all jobs ever. agreed: 0: its result was another."""

    job: str
    kind: str
    ms: int = field(metadata=_MS)
    total: int = field(metadata=_MS)
    jobs: int = field(metadata=_MS)
    agreed: bool
    result: str


@dataclass(frozen=True)
class Taken:
    """The lender has receipts of `total` ms."""

    total: int = field(metadata=_MS)


Words = Offer | Bid | Award | Begun | Need | Chunk | Result | Receipt | Taken
KINDS: dict[str, type[Words]] = {
    each.__name__.lower(): each for each in (Offer, Bid, Award, Begun, Need, Chunk, Result, Receipt, Taken)
}


@dataclass(frozen=True)
class Frame:
    """words: what is said at `at`, s since 1970, to the gateway `to`, "": to all neighbours."""

    words: Words
    at: float
    to: str = ""
    data: bytes = b""


def pack(frame: Frame, sender: str, federation: str, key: Key) -> bytes:
    """The bytes of `frame`, signed by `sender`; raises ValueError for words longer than MOST_WORDS."""
    told = {"is": type(frame.words).__name__.lower(), "at": round(frame.at, 3), "to": frame.to, **asdict(frame.words)}
    words = json.dumps(told, separators=(",", ":")).encode()
    if len(words) > MOST_WORDS:
        raise ValueError(f"{len(words)} bytes of words, {MOST_WORDS} are the most")
    return _HEAD.pack(VERSION, key.signature(_signed(sender, federation, words, frame.data)), len(words)) + (
        words + frame.data
    )


def unpack(frame: bytes, sender: str, federation: str, keys: Iterable[bytes]) -> Frame:
    """The frame in bytes, which one of `keys`, 32 bytes each, of `sender` signed; raises WireError for any other."""
    if len(frame) < _HEAD.size or frame[0] != VERSION or len(frame) > _HEAD.size + MOST_WORDS + CHUNK:
        raise WireError(f"job: {len(frame)} bytes, version {frame[:1].hex()}")
    _, signature, length = _HEAD.unpack_from(frame)
    words, data = frame[_HEAD.size : _HEAD.size + length], frame[_HEAD.size + length :]
    if len(words) < length or len(data) > CHUNK:
        raise WireError(f"job: {length} bytes of words and {len(data)} of data")
    text = _signed(sender, federation, words, data)
    if not any(is_signed(key, signature, text) for key in keys):
        raise WireError(f"job: not signed with a key of {sender}")
    return _read(words, data)


def _read(words: bytes, data: bytes) -> Frame:
    told = read_json(words, MOST_WORDS)
    kind, at, to = told.pop("is", None), told.pop("at", None), told.pop("to", None)
    cls = KINDS.get(kind) if isinstance(kind, str) else None
    if not cls or not isinstance(at, int | float) or not isinstance(to, str) or (to and not is_name(to)):
        raise WireError(f"job: {str(kind)[:20]!r} is no message, or it says no time or addressee")
    try:
        said = read_dataclass(cls, told, "job")
    except ConfigError as error:
        raise WireError(str(error).splitlines()[0]) from error
    _check_names(said)
    return Frame(said, float(at), to, data)


def _check_names(said: Words) -> None:
    job, digest = getattr(said, "job", "0" * 16), getattr(said, "data", "")
    if not re.fullmatch(JOB, job) or not re.fullmatch(DIGEST, digest):
        raise WireError(f"job: {job[:20]!r} or {digest[:20]!r} is not the number of a job or of data")


def _signed(sender: str, federation: str, words: bytes, data: bytes) -> bytes:
    return b"\0".join((_PURPOSE + federation.encode(), sender.encode(), words + data))
