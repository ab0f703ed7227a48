"""The models that went into service on sensors, on disk: the newest of each, and those before it to go back to."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass

from reedmesh.provenance.ledger import Entry

MOST_MODELS = 8  # of one sensor


@dataclass(frozen=True)
class StoredModel:
    """A model as it went into service on a sensor.

    receipt: envelopes of its training, ours first and then those of auditors, one a line. material: the file of
    `learning/audit.py` that it can be learnt from again.
    """

    sensor: str
    sequence: int
    made: float
    tflite: bytes
    weights: bytes
    trial: bytes
    trial_score: int
    passport: bytes | None = None
    receipt: bytes | None = None
    material: bytes | None = None


class ModelTable:
    """The table of models in `db`. append: adds entries to the ledger, within a commit. Not for two threads at once."""

    def __init__(self, db: sqlite3.Connection, append: Callable[[Sequence[Entry]], None]) -> None:
        self._db = db
        self._append = append

    def save(self, model: StoredModel, *entries: Entry) -> None:
        """Remember a model that is offered to a sensor; the ones before it stay, too, but for the oldest."""
        with self._db:
            self._db.execute("delete from relearning where sensor = ?", (model.sensor,))
            self._db.execute("insert into models values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", astuple(model))
            last = "select sequence from models where sensor = ?1 order by sequence desc limit ?2"
            query = f"delete from models where sensor = ?1 and sequence not in ({last})"
            self._db.execute(query, (model.sensor, MOST_MODELS))
            self._append(entries)

    def sign(self, passport: Callable[[StoredModel], bytes]) -> int:
        """Give every model without a passport the one that `passport` makes; returns how many there were."""
        query = "select * from models where sensor = ? and sequence = ?"
        keys = self._db.execute("select sensor, sequence from models where passport is null").fetchall()
        for key in keys:  # one at a time: together they may be many megabytes
            model = StoredModel(*self._db.execute(query, key).fetchone())
            with self._db:
                change = "update models set passport = ? where sensor = ? and sequence = ?"
                self._db.execute(change, (passport(model), *key))
        return len(keys)

    def add_receipt(self, model: StoredModel, envelope: bytes, *entries: Entry) -> None:
        """Keep what an auditor signed of a model's training beside our own receipt."""
        with self._db:
            change = "update models set receipt = ? where sensor = ? and sequence = ?"
            receipts = (model.receipt or b"") + b"\n" + envelope
            self._db.execute(change, (receipts, model.sensor, model.sequence))
            self._append(entries)

    def of(self, sensor: str) -> Iterator[StoredModel]:
        """The models that are kept of a sensor, newest first."""
        query = "select * from models where sensor = ? order by sequence desc"
        return (StoredModel(*row) for row in self._db.execute(query, (sensor,)))

    def last(self, sensor: str) -> StoredModel | None:
        """The newest model of a sensor."""
        query = "select * from models where sensor = ? order by sequence desc limit 1"
        row = self._db.execute(query, (sensor,)).fetchone()
        return StoredModel(*row) if row else None

    def before(self, sensor: str) -> StoredModel | None:
        """The newest model of a sensor that is not the same as its last one."""
        query = (
            "select * from models where sensor = ?1 and tflite != (select tflite from models where sensor = ?1 "
            "order by sequence desc limit 1) order by sequence desc limit 1"
        )
        row = self._db.execute(query, (sensor,)).fetchone()
        return StoredModel(*row) if row else None

    def is_taken_back(self, sensor: str) -> bool:
        """Whether the newest model of a sensor is one that it had before."""
        query = (
            "select count(*) > 1 from models where sensor = ?1 and tflite = "
            "(select tflite from models where sensor = ?1 order by sequence desc limit 1)"
        )
        return bool(self._db.execute(query, (sensor,)).fetchone()[0])
