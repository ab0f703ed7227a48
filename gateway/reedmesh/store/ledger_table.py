"""The ledger on disk: entries are chained, signed, and written in the same transaction as their subject.

A file beside the keys names the checkpoint that was published last: a database that was put back, from a backup or by
somebody, lacks the entries up to it. Checkpoints of neighbours are kept here, to compare their later ones with.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from reedmesh import atomic_file
from reedmesh.errors import ConfigError, WireError
from reedmesh.provenance import ledger
from reedmesh.provenance.dsse import Signer
from reedmesh.provenance.ledger import Checkpoint, Entry, Quota, Row

FILE = "ledger.head"  # in the state directory; no backup of the database has it
LOOKED_AT = 20_000  # newest entries that a start looks through
MOST_HEADS = 100  # kept of each neighbour, and as many that belie them
DAY = 86400.0


class LedgerTable:
    """The ledger of the gateway `name`, signed with `key`, in the database `db`: for the thread that writes there."""

    def __init__(self, db: sqlite3.Connection, name: str, key: Signer, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._name = name
        self._key = key
        self._clock = clock
        self._quota = Quota()

    def append(self, entries: Iterable[Entry]) -> None:
        """Within the caller's transaction: with what they record, or not at all."""
        number, before = self.last()
        now = self._clock()
        for entry in filter(None, [self._quota.admit(each, int(now // DAY)) for each in entries]):
            number += 1
            text = entry.text(number, now)
            before = ledger.link(before, sha256(text).digest())
            signature = self._key.signature(ledger.signed_text(self._name, number, before))
            self._db.execute("insert into ledger values (?, ?, ?, ?)", (number, text, before, signature))

    def last(self) -> tuple[int, bytes]:
        """Number and hash of the newest entry."""
        row = self._db.execute("select number, hash from ledger order by number desc limit 1").fetchone()
        return (row[0], row[1]) if row else (0, ledger.origin(self._name))

    def newest(self, limit: int) -> list[dict[str, Any]]:
        """The newest entries, `limit` of them at most, oldest first."""
        query = "select number, entry, hash, signature from ledger order by number desc limit ?"
        return [ledger.read(Row(*row)) for row in self._db.execute(query, (limit,))][::-1]

    def heads(self) -> dict[str, tuple[int, float]]:
        """The newest head that is kept of each neighbour: its number, and when it was heard, s since 1970."""
        rows = self._db.execute("select gateway, number, max(at) from heads where live group by gateway")
        return {name: (number, at) for name, number, at in rows}

    def head(self) -> Checkpoint | None:
        """Of the chain as it is, with its tail; None while it is empty."""
        query = "select number, entry, hash, signature from ledger order by number desc limit ?"
        rows = [Row(*row) for row in self._db.execute(query, (ledger.TAIL + 1,))][::-1]
        if not rows:
            return None
        tail = tuple(sha256(row.text).digest() for row in rows[-ledger.TAIL :])
        before = rows[0].hash if len(rows) > ledger.TAIL else ledger.origin(self._name)
        return Checkpoint(self._name, rows[-1].number, rows[-1].hash, rows[-1].signature, before, tail)

    def witness(self, head: Checkpoint) -> int | None:
        """Remember a neighbour's head; returns the number at which it belies what that neighbour said before."""
        query = "select number, hash from heads where gateway = ? and live"
        known = dict(self._db.execute(query, (head.name,)).fetchall())
        at = ledger.forks(known, head)
        if at is None and known.get(head.number) == head.hash:
            return None  # heard before
        with self._db:
            if at is not None:
                self._db.execute("update heads set live = 0 where gateway = ? and number >= ?", (head.name, at))
                self.append([Entry(ledger.FORK, head.name, sequence=at, sha256=head.hash.hex())])
            kept = head if at is not None else replace(head, before=head.hash, tail=())
            gap = max(0, head.number - len(head.tail) - max(known, default=head.number))
            row = head.name, head.number, head.hash, self._clock(), ledger.pack_checkpoint(kept), gap
            self._db.execute("insert or replace into heads values (?, ?, ?, ?, ?, 1, ?)", row)
            for live in (0, 1):
                self._thin(head.name, live)
        return at

    def _thin(self, gateway: str, live: int) -> None:
        """Of what is believed the newest are kept, of what was belied the first."""
        order = "desc" if live else "asc"
        self._db.execute(
            "delete from heads where gateway = ?1 and live = ?2 and at not in (select at from heads where "
            f"gateway = ?1 and live = ?2 order by at {order} limit ?3)",
            (gateway, live, MOST_HEADS),
        )

    def lost(self, checkpoint: Checkpoint) -> str:
        """As `lost`, of this table."""
        return lost(self._db, checkpoint)


def last_taken(db: sqlite3.Connection) -> dict[str, float]:
    """When the newest update of each neighbour was taken, in seconds since 1970; looks at the last LOOKED_AT."""
    query = (
        "with told as (select cast(entry as text) as entry from ledger order by number desc limit ?) "
        "select json_extract(entry, '$.gateway'), max(json_extract(entry, '$.at')) from told "
        "where json_extract(entry, '$.kind') = ? group by 1"
    )
    return dict(db.execute(query, (LOOKED_AT, ledger.TAKEN)))


def rows(db: sqlite3.Connection) -> Iterator[Row]:
    """All entries, oldest first."""
    return (Row(*row) for row in db.execute("select number, entry, hash, signature from ledger order by number"))


@dataclass(frozen=True)
class NeighbourCheckpoint:
    """A checkpoint of a neighbour. live: it still stands by it. gap: entries before it that could not be compared."""

    frame: bytes
    live: bool
    gap: int


def remembered(db: sqlite3.Connection) -> dict[str, list[NeighbourCheckpoint]]:
    """The checkpoints that are kept of each neighbour, oldest first."""
    found: dict[str, list[NeighbourCheckpoint]] = {}
    for gateway, frame, live, gap in db.execute("select gateway, frame, live, gap from heads order by gateway, at"):
        found.setdefault(gateway, []).append(NeighbourCheckpoint(frame, bool(live), gap))
    return found


def published(folder: Path, keys: Iterable[bytes]) -> Checkpoint | None:
    """The checkpoint that was published last, None if none ever was; raises ConfigError for a file that is spoilt."""
    path = folder / FILE
    try:
        return ledger.unpack_checkpoint(path.read_bytes(), keys) if path.exists() else None
    except (OSError, WireError) as error:
        raise ConfigError(
            f"{path}: {error}: delete it, if you know why; what is missing then shows at neighbours"
        ) from error


def publish(folder: Path, head: Checkpoint) -> None:
    """Note that `head` was published: whole or not at all, also after a power cut. Raises DiskError."""
    atomic_file.write(folder / FILE, ledger.pack_checkpoint(replace(head, before=head.hash, tail=())))


def lost(db: sqlite3.Connection, head: Checkpoint) -> str:
    """Why the database cannot be what `head` was published of; "" if it can."""
    row = db.execute("select hash from ledger where number = ?", (head.number,)).fetchone()
    if row and row[0] == head.hash:
        return ""
    return f"entry {head.number}, which was published, is {'another' if row else 'missing'}"
