"""Credit: points that gateways owe each other for contributions that made a model better, signed and agreed. Pure.

Each gateway judges what helped it and owes points for that. It spends BUDGET points a day at most, so nobody can print
them: whoever pays a friend too much owes it. Totals only grow, and both sides keep them: what one says it owes, the
other agrees to with the same number or disputes. A statement, signed and retained, holds all totals of one gateway:

    u8 version, name [32], u32 day since 1970, u8 entries, entries x (name [32], u64 owed, u64 due), signature [64]

`owed`: points its sender owes that gateway in all, ever. `due`: what its sender believes that gateway owes it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from struct import Struct

from reedmesh.errors import WireError
from reedmesh.identity.ed25519 import is_signed
from reedmesh.protocol.wire import is_name

VERSION = 1
BUDGET = 1000  # points a day
DAY = 86400.0  # seconds
LEAST_GAIN = 0.001  # of what is judged by, relative: a round that gains less pays nothing
MOST_ENTRIES = 64
MOST_POINTS = 1 << 62
_HEAD, _ENTRY = Struct("<B32sIB"), Struct("<32sQQ")
_SIGNATURE = 64
_PURPOSE = b"reedmesh credit\0"  # what is signed here must not pass for anything else


@dataclass
class Account:
    """With one neighbour, in points. owed: ours to it. due: what it says it owes us. agreed: what it says we owe it."""

    owed: int = 0
    due: int = 0
    agreed: int = 0

    @property
    def disputed(self) -> int:
        """Points by which the two sides differ in what we owe; 0 where they agree."""
        return self.owed - self.agreed

    @property
    def balance(self) -> int:
        """Points: above 0 the neighbour owes us, below 0 we owe it."""
        return self.due - self.owed


@dataclass(frozen=True)
class Statement:
    """The statement of one gateway: by the name of the other, the points it owes that one, and those it is owed."""

    name: str
    day: int
    entries: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def text(self) -> bytes:
        """The bytes that are signed."""
        return _PURPOSE + self.body()

    def body(self) -> bytes:
        """The bytes of the frame without its signature; raises ValueError for more than MOST_ENTRIES."""
        if len(self.entries) > MOST_ENTRIES:
            raise ValueError(f"credit: {len(self.entries)} entries, {MOST_ENTRIES} are the most")
        head = _HEAD.pack(VERSION, self.name.encode(), self.day, len(self.entries))
        return head + b"".join(_ENTRY.pack(name.encode(), *pair) for name, pair in sorted(self.entries.items()))


def pack(statement: Statement, signature: bytes) -> bytes:
    """The frame in bytes, with the 64 bytes of the `signature` of `statement.text()`."""
    return statement.body() + signature


def unpack(frame: bytes, keys: Iterable[bytes]) -> Statement:
    """The statement in `frame`, signed with one of `keys`, 32 bytes each; raises WireError for any other frame."""
    if len(frame) < _HEAD.size or frame[0] != VERSION:
        raise WireError(f"credit: {len(frame)} bytes, version {frame[:1].hex()}")
    _, name, day, count = _HEAD.unpack_from(frame)
    end = _HEAD.size + count * _ENTRY.size
    if count > MOST_ENTRIES or len(frame) != end + _SIGNATURE:
        raise WireError(f"credit: {count} entries in {len(frame)} bytes")
    rows = [_ENTRY.unpack_from(frame, at) for at in range(_HEAD.size, end, _ENTRY.size)]
    entries = {_name(other): (owed, due) for other, owed, due in rows}
    if len(entries) != count or any(max(pair) > MOST_POINTS for pair in entries.values()):
        raise WireError("credit: a gateway named twice, or more points than there can be")
    found = Statement(_name(name), day, entries)
    if not any(is_signed(key, frame[end:], found.text()) for key in keys):
        raise WireError(f"credit: not signed with a key of {found.name}")
    return found


def heard(before: Account, said: Statement, us: str) -> Account:
    """The account after a neighbour's statement. Totals never fall: raises WireError for one that does."""
    owed, due = said.entries.get(us, (0, 0))
    if owed < before.due or due < before.agreed:
        raise WireError(f"credit: {said.name} takes back points it had stated")
    return Account(before.owed, owed, min(due, MOST_POINTS))


def budget(last_paid: float, now: float) -> int:
    """Points that may be spent at `now`, s since 1970: those of the time since `last_paid`, of a day at most."""
    return int(BUDGET * min(1.0, max(0.0, now - last_paid) / DAY))


def divided(worth: Mapping[str, float], gain: float, points: int) -> dict[str, int]:
    """`points` by positive worth, rounded down; nothing when all together gained less than LEAST_GAIN, relative."""
    earning = {name: each for name, each in sorted(worth.items()) if each > 0}
    if gain < LEAST_GAIN or not earning:
        return {}
    whole = sum(earning.values())
    shares = {name: int(points * each / whole) for name, each in earning.items()}
    return {name: share for name, share in shares.items() if share}


def _name(field_: bytes) -> str:
    text = field_.rstrip(b"\0").decode("ascii", "replace")
    if not is_name(text):
        raise WireError("credit: no name of a gateway")
    return text
