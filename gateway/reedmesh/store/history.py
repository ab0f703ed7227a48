"""Queries about the past: alerts with their journal, scores over time, models. Only reads the store's database."""

import sqlite3
from typing import Any

import numpy as np

from reedmesh.alerts.alert import Alert
from reedmesh.store.alerts import NAMES

MOST_ALERTS = 200  # in one answer
MOST_POINTS = 1000  # of a score over time, in one answer
MOST_STEPS = 50  # of one alert's journal, in one answer


class History:
    """Queries of the past in `db`, for answers to people."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def alerts(self, since: float, until: float, limit: int) -> list[dict[str, Any]]:
        """The newest alerts that stood at some time from `since` to `until`, with their journals, newest first."""
        query = f"select {NAMES} from alerts where since <= ? and ifnull(until, 1e11) >= ? order by since desc limit ?"
        found = [Alert(*row) for row in self._db.execute(query, (until, since, min(limit, MOST_ALERTS)))]
        return [each.table() | {"journal": self.journal(each.id)} for each in found]

    def journal(self, alert: str) -> list[dict[str, Any]]:
        """The journal of one alert, oldest step first; the newest steps of a long one."""
        query = "select at, what, by, text from journal where alert = ? order by id desc limit ?"
        rows = self._db.execute(query, (alert, MOST_STEPS)).fetchall()
        return [dict(zip(("at", "what", "who", "text"), row, strict=True)) for row in rows[::-1]]

    def scores(self, sensor: str, since: float, until: float, points: int) -> dict[str, list[Any]]:
        """Scores of a sensor in at most `points` equal pieces of time: middle, mean and highest of each with any."""
        query = "select at, score from windows where sensor = ? and score is not null and at between ? and ?"
        rows = np.array(self._db.execute(query, (sensor, since, until)).fetchall(), dtype=np.float64).reshape(-1, 2)
        width = max(until - since, 1e-3) / max(1, min(points, MOST_POINTS))
        pieces = ((rows[:, 0] - since) / width).astype(np.int64)
        used, index, counts = np.unique(pieces, return_inverse=True, return_counts=True)
        mean = np.bincount(index, rows[:, 1], len(used)) / np.maximum(counts, 1)
        top = np.zeros(len(used))
        np.maximum.at(top, index, rows[:, 1])
        return {"at": (since + (used + 0.5) * width).tolist(), "mean": mean.tolist(), "top": top.tolist()}

    def features(self, sensor: str, since: float, until: float, most: int) -> list[tuple[float, bytes]]:
        """Time and int8 features of the sensor's newest windows from `since` to `until`, newest first."""
        query = "select at, features from windows where sensor = ? and at between ? and ? order by id desc limit ?"
        return list(self._db.execute(query, (sensor, since, until, most)))

    def worst(self, sensor: str, since: float, until: float) -> bytes | None:
        """The features of the window with the highest score in that time."""
        query = "select features from windows where sensor = ? and at between ? and ? order by score desc limit 1"
        row = self._db.execute(query, (sensor, since, until)).fetchone()
        return row[0] if row else None

    def made(self, since: float) -> list[dict[str, Any]]:
        """The models that were made for any sensor since then, seconds since 1970, newest first."""
        rows = self._db.execute(
            "select sensor, made from models where made >= ? order by made desc limit 500", (since,)
        )
        return [{"sensor": name, "made": at} for name, at in rows]

    def models(self, sensor: str) -> list[dict[str, Any]]:
        """The models a sensor was offered, newest first."""
        query = "select sequence, made, length(tflite) from models where sensor = ? order by sequence desc limit 50"
        return [
            dict(zip(("sequence", "made", "bytes"), row, strict=True)) for row in self._db.execute(query, (sensor,))
        ]
