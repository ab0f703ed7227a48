"""The table of trends: one row for each sensor and hour, which stays when the hour's windows have aged out."""

import sqlite3
from collections.abc import Callable, Iterable

HOUR = 3600.0
DAY = 86400.0
MOST_WINDOWS = 500  # of an hour, evenly chosen, that its figure is made of
KEPT_DAYS = 400
Level = Callable[[str, list[bytes]], float | None]  # sensor, features of its windows -> velocity, mm/s


class TrendTable:
    """In `db`. Not for two threads at once."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def summarise(self, sensors: Iterable[str], now: float, level: Level) -> int:
        """Enter the hour before this one for each sensor that has none yet; returns how many that were."""
        begin = (now // HOUR - 1) * HOUR
        known = {name for (name,) in self._db.execute("select sensor from trends where hour = ?", (begin,))}
        rows = [(name, begin, level(name, self._windows(name, begin))) for name in set(sensors) - known]
        made = [row for row in rows if row[2] is not None]
        with self._db:
            self._db.executemany("insert or replace into trends (sensor, hour, mm_s) values (?, ?, ?)", made)
            self._db.execute("delete from trends where hour < ?", (now - KEPT_DAYS * DAY,))
        return len(made)

    def hours(self, sensor: str, since: float) -> list[tuple[float, float]]:
        """Begin of each hour since then, in seconds since 1970, and its velocity in mm/s."""
        query = "select hour, mm_s from trends where sensor = ? and hour >= ? order by hour"
        return list(self._db.execute(query, (sensor, since)))

    def _windows(self, sensor: str, begin: float) -> list[bytes]:
        query = "select features from windows where sensor = ? and at >= ? and at < ? order by id"
        rows = self._db.execute(query, (sensor, begin, begin + HOUR)).fetchall()
        return [row[0] for row in rows[:: max(1, len(rows) // MOST_WINDOWS)]]
