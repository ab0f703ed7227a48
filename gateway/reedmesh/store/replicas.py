"""On disk: what a gateway learnt, its public copy that neighbours hold, and the neighbours' public copies.

A delta must be applied once and in order, on both sides of a power cut. So an update and what it changes are one
commit: a sender's before the update is published (after a restart it is published again, the same bytes), a receiver's
before the next one is taken. Called on the store's thread.
"""

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reedmesh.learning import told
from reedmesh.learning.aggregate import Peer
from reedmesh.learning.arrays import Floats
from reedmesh.learning.told import Told
from reedmesh.provenance.ledger import Entry

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


class ReplicaTable:
    """What was learnt and exchanged, in `db`. append: adds ledger entries, within a commit. Not for two threads."""

    def __init__(self, db: sqlite3.Connection, append: Callable[[Sequence[Entry]], None]) -> None:
        self._db = db
        self._append = append

    def state(self, family: str) -> LearningState | None:
        """Return what this gateway learnt of a family, or None."""
        row = self._db.execute("select * from knowledge where family = ?", (family,)).fetchone()
        return _state(*row[1:]) if row else None

    def keep(self, gateway: str, family: str, known: LearningState, update: bytes | None, *entries: Entry) -> None:
        """Keep what `gateway`, this one, learnt; with the update that tells it to neighbours, and ledger entries."""
        numbers = known.sequence, known.rounds, known.windows, known.quantile
        blobs = known.weights.tobytes(), known.public.tobytes(), *numbers, known.squares.tobytes(), _blob(known.told)
        with self._db as db:
            db.execute("insert or replace into knowledge values (?, ?, ?, ?, ?, ?, ?, ?, ?)", (family, *blobs))
            if update is not None:
                sent = gateway, family, known.sequence, update
                db.execute("insert or replace into sequences values (?, ?, ?, ?)", sent)
            self._append(entries)

    def sequences(self, family: str) -> dict[str, int]:
        """Return the newest update of a family that was taken from, or made by, each gateway."""
        return dict(self._db.execute("select gateway, sequence from sequences where family = ?", (family,)))

    def last_update(self, gateway: str, family: str) -> tuple[int, bytes] | None:
        """Return sequence and payload of the newest update of a family that a gateway made, or None."""
        query = "select sequence, payload from sequences where gateway = ? and family = ? and payload is not null"
        row = self._db.execute(query, (gateway, family)).fetchone()
        return (row[0], row[1]) if row else None

    def peers(self, family: str) -> dict[str, Peer]:
        """Return the neighbours' public copies by the neighbour's name."""
        query = (
            "select gateway, weights, windows, quantile, sequence, digest, squares, sums, copied from copies "
            "where family = ?"
        )
        return {name: _peer(*rest) for name, *rest in self._db.execute(query, (family,))}

    def signers(self, family: str) -> dict[str, bytes]:
        """Return the key that signed the newest update in each neighbour's copy, where that was kept."""
        query = "select gateway, signer from copies where family = ? and signer is not null"
        return dict(self._db.execute(query, (family,)))

    def taken(self, family: str) -> dict[tuple[str, bytes], int]:
        """Return the newest update that arrived of each neighbour and each of its keys."""
        query = "select gateway, signer, sequence from taken where family = ?"
        return {(name, signer): sequence for name, signer, sequence in self._db.execute(query, (family,))}

    def keep_peer(
        self, name: str, family: str, sequence: int, signer: bytes, peer: Peer | None, *entries: Entry
    ) -> None:
        """Keep that a neighbour's update `sequence` arrived, and its copy after it; None: the update was refused.

        signer: the key that signed it.
        """
        with self._db as db:
            db.execute("insert or replace into taken values (?, ?, ?, ?)", (name, family, signer, sequence))
            if peer:
                squares = None if peer.squares is None else peer.squares.tobytes()
                weights = peer.weights.tobytes()
                values = name, family, peer.sequence, peer.digest, weights, peer.windows, peer.quantile, squares
                columns = (*values, _blob(peer.told), signer, peer.copied)
                db.execute("insert or replace into copies values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", columns)
            self._append(entries)

    def merges(self) -> list[dict[str, Any]]:
        """Return the outcome of the last MOST_MERGES rounds, oldest first."""
        return [json.loads(text) for (text,) in self._db.execute("select told from merges order by id")]

    def keep_merge(self, outcome: dict[str, Any]) -> None:
        """Keep the outcome of a round and delete the oldest."""
        with self._db as db:
            db.execute("insert into merges (told) values (?)", (json.dumps(outcome),))
            db.execute("delete from merges where id <= (select max(id) from merges) - ?", (MOST_MERGES,))


def _state(
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
    copied: str | None,
) -> Peer:
    known = None if squares is None else _floats(squares)
    return Peer(_floats(weights), windows, quantile, sequence, digest, known, _told(sums), copied or "")
