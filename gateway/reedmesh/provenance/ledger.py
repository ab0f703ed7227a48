"""The ledger: updates given, taken or refused and models put into service, as a hash chain. Pure.

Entry n has hash(n) = SHA-256(purpose, hash(n - 1), SHA-256(its text)); hash(0) follows from the gateway's name. Each
hash is signed. The newest, the **head**, goes to the neighbours:

    u8 version, name [32], u64 number, hash [32], signature [64], hash before the tail [32], tail: digests [32 each]

The tail is the SHA-256 of the last entries' texts, 256 at most. Who remembers an older head within it sees whether this
one continues it, and learns nothing of what the entries say: a gateway that rewrites its past cannot hide it from those
it told of it. Why not a Merkle tree: docs/decisions/0025.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from hashlib import sha256
from itertools import accumulate
from struct import Struct
from typing import Any

from reedmesh.errors import WireError
from reedmesh.identity.ed25519 import is_signed
from reedmesh.protocol.wire import is_name

GIVEN, TAKEN, REFUSED = "given", "taken", "refused"  # an update, ours or a neighbour's
MERGED, LEFT_OUT = "merged", "left out"  # a neighbour's weights, of a candidate
SERVICE, ROLLBACK, REJECTED = "service", "rollback", "rejected"  # a model; rejected: its passport does not hold
ASSISTANT = "assistant"  # a language model was loaded that chooses which tool answers a question
COMMITTED = "committed"  # to the windows that a model is about to be learnt from: their root and number
AUDITED = "audited"  # somebody learnt a model again, and signed that it came out the same
SUMMED = "summed"  # private sums: a round came to a sum, of whom, without whom, and who answered wrong
ARCHIVED, REMADE = "archived", "remade"  # an object was put into the archive; lost shards were made again
OWED = "owed"  # points to a neighbour whose update helped; their number is in `sequence`
LENT, BORROWED, DISAGREED = "lent", "borrowed", "disagreed"  # ms of a job, ours or its; its result was another
BEGUN, FORK, RESTORED = "begun", "fork", "restored"  # the chain; a neighbour changed its past; ours was, from a backup

VERSION = 1
MOST_ENTRIES = 1 << 40  # in a chain: at one a second, 35 000 years; what a database's integer holds with room to spare
TAIL = 256  # entries that a head vouches for one by one
MOST_A_DAY = 100  # entries that one neighbour causes
MOST_FAULTS = 20  # that are told of a chain
_HEAD = Struct("<B32sQ32s64s32s")
CHECKPOINT = _HEAD.size  # bytes of one without a tail
_PURPOSE = b"reedmesh ledger\0"  # what is signed or hashed here must not pass for anything else


@dataclass(frozen=True)
class Entry:
    """An event. Fields that do not apply are left empty.

    gateway: whose update. sha256: of the update's payload, or of the model. share, worth: see `merge.Merged`. omitted:
    entries of this neighbour that were not made before this one, because there were too many in a day. ms: of a job.
    """

    kind: str
    gateway: str = ""
    sensor: str = ""
    family: str = ""
    sequence: int = 0
    sha256: str = ""
    share: float = 0.0
    worth: float = 0.0
    reason: str = ""
    omitted: int = 0
    ms: int = 0

    def text(self, number: int, at: float) -> bytes:
        """The entry as it stands in the chain: UTF-8 JSON, with its number and its time `at`, seconds since 1970."""
        told = {key: value for key, value in asdict(self).items() if value}
        return json.dumps({"number": number, "at": round(float(at), 3), **told}, separators=(",", ":")).encode()


class Quota:
    """So many entries a day that a neighbour can cause by what it sends; a malicious one must not fill the disk."""

    def __init__(self, most: int = MOST_A_DAY) -> None:
        self._most = most
        self._day = 0
        self._made: Counter[str] = Counter()
        self._omitted: Counter[str] = Counter()

    def admit(self, entry: Entry, day: int) -> Entry | None:
        """The entry to make on `day`, days since 1970; None for one too many, which the next entry counts."""
        if entry.kind not in (TAKEN, REFUSED, FORK, LENT):
            return entry
        if day != self._day:
            self._day = day
            self._made.clear()
        self._made[entry.gateway] += 1
        if self._made[entry.gateway] > self._most:
            self._omitted[entry.gateway] += 1
            return None
        return replace(entry, omitted=self._omitted.pop(entry.gateway, 0))


_TYPES = {"number": int, "at": float, "kind": str} | {each.name: type(each.default) for each in fields(Entry)[1:]}


@dataclass(frozen=True)
class Row:
    """An entry in the chain."""

    number: int
    text: bytes
    hash: bytes
    signature: bytes


@dataclass(frozen=True)
class Checkpoint:
    """The newest entry of the gateway `name`, and what is needed to see that it continues older ones."""

    name: str
    number: int
    hash: bytes
    signature: bytes
    before: bytes
    tail: tuple[bytes, ...] = ()

    def hashes(self) -> dict[int, bytes]:
        """The hash of the chain, 32 bytes, at each number that this head contains."""
        return dict(enumerate(accumulate(self.tail, link, initial=self.before), self.number - len(self.tail)))


@dataclass
class Findings:
    """The result of a check of a chain. faults: it is not whole, or not ours; notes: it is odd, but proves nothing."""

    entries: int = 0
    head: bytes = b""
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def origin(name: str) -> bytes:
    """The hash before the first entry of the gateway `name`, 32 bytes."""
    return sha256(_PURPOSE + name.encode()).digest()


def link(before: bytes, digest: bytes) -> bytes:
    """The hash of the chain, 32 bytes, after an entry whose text has the SHA-256 `digest`; before: the one before."""
    return sha256(_PURPOSE + before + digest).digest()


def signed_text(name: str, number: int, hashed: bytes) -> bytes:
    """The bytes that are signed of entry `number`, from 1, with the hash `hashed` of 32 bytes."""
    return _PURPOSE + name.encode().ljust(32, b"\0") + number.to_bytes(8, "little") + hashed


def is_ours(name: str, number: int, hashed: bytes, signature: bytes, keys: Iterable[bytes]) -> bool:
    """Whether one of `keys`, 32 bytes each, signed the hash of that entry; signature: 64 bytes."""
    text = signed_text(name, number, hashed)
    return any(is_signed(key, signature, text) for key in keys)


def verify(name: str, rows: Iterable[Row], keys: Collection[bytes]) -> Findings:
    """Walk the whole chain of the gateway `name`; keys: all it has had, 32 bytes each."""
    found, before, latest = Findings(head=origin(name)), origin(name), 0.0
    for row in rows:
        found.entries += 1
        if len(found.faults) >= MOST_FAULTS:
            found.faults.append("and perhaps more: the rest was not looked at")
            break
        if row.number != found.entries:
            found.faults.append(f"entry {found.entries} is missing: the next is {row.number}")
            break
        before = link(before, sha256(row.text).digest())
        if before != row.hash:
            found.faults.append(f"entry {row.number}: its text, or one before it, is not what was written")
            before = row.hash
        if not is_ours(name, row.number, row.hash, row.signature, keys):
            found.faults.append(f"entry {row.number}: not signed with a key of {name}")
        if (at := _time(row)) < latest and len(found.notes) < MOST_FAULTS:
            found.notes.append(f"entry {row.number}: the clock went back by {latest - at:.0f} s")
        found.head, latest = row.hash, at
    return found


def pack_checkpoint(head: Checkpoint) -> bytes:
    """The frame of `head`, in bytes."""
    fields = head.name.encode(), head.number, head.hash, head.signature, head.before
    return _HEAD.pack(VERSION, *fields) + b"".join(head.tail)


def name_of(frame: bytes) -> str:
    """The name of the gateway in a checkpoint, before its signature is checked; "" for bytes that are none."""
    text = frame[1:33].rstrip(b"\0").decode("ascii", "replace")
    return text if is_name(text) else ""


def unpack_checkpoint(frame: bytes, keys: Iterable[bytes]) -> Checkpoint:
    """The head in `frame`, signed with one of `keys`, 32 bytes each; its tail must lead to it. Raises WireError."""
    size = len(frame) - _HEAD.size
    if size < 0 or size % 32 or size > 32 * TAIL or frame[0] != VERSION:
        raise WireError(f"head: {len(frame)} bytes, version {frame[:1].hex()}")
    _, name, number, hashed, signature, before = _HEAD.unpack_from(frame)
    try:
        text = name.rstrip(b"\0").decode("ascii")
    except UnicodeError as fault:
        raise WireError("head: no name") from fault
    tail = tuple(frame[at : at + 32] for at in range(_HEAD.size, len(frame), 32))
    if not len(tail) <= number <= MOST_ENTRIES:
        raise WireError(f"head: entry {number} after {len(tail)}, {MOST_ENTRIES} are the most")
    if not is_name(text) or not is_ours(text, number, hashed, signature, keys):
        raise WireError("head: not signed by a gateway whose key counts")
    head = Checkpoint(text, number, hashed, signature, before, tail)
    if head.hashes()[number] != hashed:
        raise WireError("head: its tail does not lead to it")
    return head


def forks(known: Mapping[int, bytes], head: Checkpoint) -> int | None:
    """The number at which `head` contradicts one of the hashes `known` of the same gateway; None if it does not.

    known: hashes of 32 bytes by number. Numbers before the tail of `head` cannot be compared.
    """
    return next((number for number, hashed in head.hashes().items() if known.get(number, hashed) != hashed), None)


def conflict(frames: Iterable[bytes], keys: Collection[bytes]) -> tuple[int, int | None]:
    """How many of the heads in `frames`, all of one gateway, `keys` signed; and the number where they conflict."""
    known: dict[int, bytes] = {}
    signed, first = 0, None
    for frame in frames:
        try:
            head = unpack_checkpoint(frame, keys)
        except WireError:
            continue
        signed += 1
        at = forks(known, head)
        first = at if first is None else first
        known = head.hashes() | known
    return signed, first


def read(row: Row) -> dict[str, Any]:
    """The content of an entry, with fields of the right types only; for a damaged entry, that it is damaged."""
    try:
        told = json.loads(row.text)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        return {"number": row.number, "kind": "spoilt"}
    return {key: value for key, value in told.items() if type(value) is _TYPES.get(key)}


def _time(row: Row) -> float:
    at: float = read(row).get("at", 0.0)
    return at
