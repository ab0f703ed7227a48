"""On disk: what a gateway learnt, the public copy of it that its neighbours hold, and their public copies here.

A delta must be applied once and in order, on both sides of a power cut. So an update and what it changes are one
commit: a sender's before the update is published (after a restart it is published again, the same bytes), a receiver's
before the next one is taken. Called on the store's thread.
"""

import json
import sqlite3
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reedmesh.learning import told
from reedmesh.learning.aggregate import Peer
from reedmesh.learning.dataset import Floats
from reedmesh.learning.told import Told
from reedmesh.provenance.ledger import Entry
from reedmesh.store.store import Store

MOST_MERGES = 50


@dataclass(frozen=True)
class LearningState:
    """weights: what was learnt and merged, float32 [n]. public: what neighbours hold of it since update `sequence`.

    rounds: of learning, until now. windows, quantile, squares: of the last one, as in `delta.Delta`. told: the sums
    that neighbours hold since update `sequence`.
    """

    weights: Floats
    public: Floats
    sequence: int = 0
    rounds: int = 0
    windows: int = 0
    quantile: float = 0.0
    squares: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    told: Told | None = None


def knowledge(db: sqlite3.Connection, family: str) -> LearningState | None:
    """What this gateway learnt of a family, or None."""
    row = db.execute("select * from knowledge where family = ?", (family,)).fetchone()
    return _knowledge(*row[1:]) if row else None


def keep(store: Store, gateway: str, family: str, known: LearningState, update: bytes | None, *entries: Entry) -> None:
    """Keep what `gateway`, which is us, learnt; with the update that will tell it, if one will, and ledger entries."""
    numbers = known.sequence, known.rounds, known.windows, known.quantile
    blobs = known.weights.tobytes(), known.public.tobytes(), *numbers, known.squares.tobytes(), _blob(known.told)
    with store.db as db:
        db.execute("insert or replace into knowledge values (?, ?, ?, ?, ?, ?, ?, ?, ?)", (family, *blobs))
        if update is not None:
            told = gateway, family, known.sequence, update
            db.execute("insert or replace into sequences values (?, ?, ?, ?)", told)
        store.append(entries)


def peers(db: sqlite3.Connection, family: str) -> dict[str, Peer]:
    """The neighbours' public copies."""
    query = "select gateway, weights, windows, quantile, sequence, digest, squares, sums from copies where family = ?"
    return {name: _peer(*rest) for name, *rest in db.execute(query, (family,))}


def keep_peer(store: Store, name: str, family: str, sequence: int, peer: Peer | None, *entries: Entry) -> None:
    """Keep that a neighbour's update `sequence` arrived, and its copy after it, unless that was refused."""
    with store.db as db:
        db.execute("insert or replace into sequences values (?, ?, ?, null)", (name, family, sequence))
        if peer:
            squares = None if peer.squares is None else peer.squares.tobytes()
            weights = peer.weights.tobytes()
            values = name, family, peer.sequence, peer.digest, weights, peer.windows, peer.quantile, squares
            db.execute("insert or replace into copies values (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*values, _blob(peer.told)))
        store.append(entries)


def merges(db: sqlite3.Connection) -> list[dict[str, Any]]:
    """What came of the last rounds, oldest first."""
    return [json.loads(text) for (text,) in db.execute("select told from merges order by id")]


def keep_merge(db: sqlite3.Connection, told: dict[str, Any]) -> None:
    """Keep what came of a round; the oldest is forgotten."""
    with db:
        db.execute("insert into merges (told) values (?)", (json.dumps(told),))
        db.execute("delete from merges where id <= (select max(id) from merges) - ?", (MOST_MERGES,))


def _knowledge(
    weights: bytes,
    public: bytes,
    sequence: int,
    rounds: int,
    windows: int,
    quantile: float,
    squares: bytes,
    sums: bytes | None,
) -> LearningState:
    known = sequence, rounds, windows, quantile, _floats(squares), _told(sums)
    return LearningState(_floats(weights), _floats(public), *known)


def _blob(sums: Told | None) -> bytes | None:
    """Sums as they are kept: how many features they have, then what makes them of nothing."""
    if sums is None:
        return None
    features = len(sums.scatter.matrix)
    return features.to_bytes(2, "little") + told.pack(sums, told.nothing(features))


def _told(blob: bytes | None) -> Told | None:
    return told.unpack(blob[2:], told.nothing(int.from_bytes(blob[:2], "little"))) if blob else None


def _floats(blob: bytes) -> Floats:
    return np.frombuffer(blob, np.float32)


def _peer(
    weights: bytes,
    windows: int,
    quantile: float,
    sequence: int,
    digest: str,
    squares: bytes | None,
    sums: bytes | None,
) -> Peer:
    known = None if squares is None else _floats(squares)
    return Peer(_floats(weights), windows, quantile, sequence, digest, known, _told(sums))
