"""Private sums on disk: what was told and answered in a round, and the mean of the others that came of the last sum."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from reedmesh.learning.covariance import Scatter
from reedmesh.learning.private_sums import Numbers
from reedmesh.learning.told import Told
from reedmesh.provenance.ledger import Entry


@dataclass(frozen=True)
class CellState:
    """told: the frame that was told in round `told_in`, which hides `numbers`. answered: the set of `answered_in`.

    number, mean: the last round that came to a sum, and the mean of the others in it; None before the first.
    """

    told_in: int = -1
    told: bytes = b""
    numbers: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))
    answered_in: int = -1
    answered: int = 0
    number: int = 0
    mean: Told | None = None

    def telling(self, number: int, frame: bytes, numbers: Numbers) -> "CellState":
        """When `frame` is about to be told."""
        return replace(self, told_in=number, told=frame, numbers=numbers)

    def answering(self, number: int, chosen: int) -> "CellState":
        """When a set is about to be answered."""
        return replace(self, answered_in=number, answered=chosen)

    def summed(self, number: int, mean: Told) -> "CellState":
        """When a round came to a sum."""
        return replace(self, number=number, mean=mean)


class CellTable:
    """The table in `db`. append: adds ledger entries within a commit. Not for two threads at once."""

    def __init__(self, db: sqlite3.Connection, append: Callable[[Sequence[Entry]], None]) -> None:
        self._db = db
        self._append = append

    def state(self, family: str) -> CellState | None:
        """What is kept of a family."""
        row = self._db.execute("select * from cells where family = ?", (family,)).fetchone()
        if not row:
            return None
        _, told_in, told, numbers, answered_in, answered, number, freedom, scatter, scores = row
        kept = CellState(told_in, told, np.frombuffer(numbers, np.int64), answered_in, answered, number)
        if scatter is None:
            return kept
        features = int(np.sqrt(len(scatter) // 8))
        matrix = np.frombuffer(scatter, np.int64).reshape(features, features)
        votes = np.frombuffer(scores, np.int64).reshape(-1, 2).tolist()
        return replace(kept, mean=Told(Scatter(matrix, freedom), {int(bin_): int(count) for bin_, count in votes}))

    def keep(self, family: str, it: CellState, *entries: Entry) -> None:
        """Keep what is now, with ledger entries in the same commit."""
        mean = it.mean
        freedom = mean.scatter.freedom if mean else 0
        scatter = mean.scatter.matrix.astype(np.int64).tobytes() if mean else None
        scores = np.array(sorted(mean.scores.items()), np.int64).tobytes() if mean else None
        told = it.told_in, it.told, it.numbers.astype(np.int64).tobytes(), it.answered_in, it.answered
        with self._db:
            self._db.execute(
                "insert or replace into cells values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (family, *told, it.number, freedom, scatter, scores),
            )
            self._append(entries)
