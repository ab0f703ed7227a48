"""The table of windows. Windows wait in memory and are written together, because an SD card wears out by commits.

Measured: one commit per window writes 25 kB for each, one commit for many writes 0.6 kB for each.
"""

import sqlite3

from reedmesh.alerts.alert import ANOMALY, NOT_A_FAULT, WAITING

LEAD = 10.0  # seconds before an alert was raised, whose windows are not learnt from, either
SPAN = 8  # times as many windows as are learnt from are looked at: a machine is learnt in all its conditions
MOST_SCORE = (1 << 63) - 1
MOST_PENDING = 50_000  # windows that wait for a disk that takes nothing; then the oldest are dropped

_MOUNTED = "ifnull((select since from mountings as m where m.sensor = w.sensor), -1)"

WindowRow = tuple[str, float, bytes, int | None]  # sensor, seconds since 1970, int8 features, score


class WindowTable:
    """The windows in `db`, of which the newest `keep` stay. Not for two threads at once."""

    def __init__(self, db: sqlite3.Connection, keep: int) -> None:
        self._db = db
        self._keep = keep
        self._pending: list[WindowRow] = []

    def add(self, sensor: str, at: float, features: bytes, score: int | None) -> None:
        """Queue a window for the next `write`. at: seconds since 1970; features: int8; score: None without a model."""
        self._pending.append((sensor, at, features, score))

    def take_pending(self) -> list[WindowRow]:
        """Return the queued windows, which the caller then owns: the way from the data path to the store's thread."""
        rows, self._pending = self._pending, []
        return rows

    def put_back(self, rows: list[WindowRow]) -> None:
        """Queue rows again that could not be written; of more than MOST_PENDING the oldest are dropped."""
        self._pending = [*rows, *self._pending][-MOST_PENDING:]

    def write(self, rows: list[WindowRow]) -> None:
        """Write `rows` in one commit and delete the oldest, many at a time, so that whole pages become free."""
        with self._db as db:
            db.executemany("insert into windows (sensor, at, features, score) values (?, ?, ?, ?)", rows)
            low, high = db.execute("select min(id), max(id) from windows").fetchone()
            if rows and high - low >= self._keep + self._keep // 50:
                db.execute("delete from windows where id <= ?", (high - self._keep,))

    def halve(self) -> int:
        """Delete the older half, within the caller's commit; returns how many windows that were."""
        half = "(select (min(id) + max(id)) / 2 from windows)"
        return self._db.execute(f"delete from windows where id <= {half}").rowcount

    def counts(self) -> dict[str, int]:
        """Return the number of windows of each sensor since it was mounted as it is now."""
        query = f"select sensor, count(*) from windows as w where at > {_MOUNTED} group by sensor"
        return dict(self._db.execute(query))

    def learnt_from(self, sensor: str, count: int, called: bool = True) -> list[bytes]:
        """Return the features of the sensor's last `count` normal windows, oldest first.

        Windows within an alert, and those from before the sensor was mounted as it is now, are not among them.
        called: those of alerts that somebody called no fault are.
        """
        query = (
            f"select features from windows as w where sensor = ? and at > {_MOUNTED} and not exists (select 1 from "
            "alerts as a where a.sensor = w.sensor and kind = ? and (verdict != ? or not ?) and w.at between "
            "since - ? and ifnull(until, 1e11)) order by id desc limit ?"
        )
        rows = self._db.execute(query, (sensor, ANOMALY, NOT_A_FAULT, called, LEAD, count))
        return [row[0] for row in rows][::-1]

    def normal(self, sensor: str, count: int, limit: int = MOST_SCORE) -> tuple[list[bytes], list[bytes]]:
        """Return features of the last SPAN * `count` normal windows, and of the last `count` // 2 called no fault.

        Both oldest first; the second are windows of alerts that somebody called no fault. limit: the score above which
        a window belongs to such an alert as long as its lesson is still to come.
        """
        normal = self.learnt_from(sensor, SPAN * count, called=False)
        query = (
            f"select features from windows as w where sensor = ? and at > {_MOUNTED} and exists (select 1 from alerts "
            "as a where a.sensor = w.sensor and kind = ? and verdict = ? and (w.at between since and "
            "ifnull(until, 1e11) or (lesson = ? and w.at >= since and w.score > ?))) order by id desc limit ?"
        )
        called = self._db.execute(query, (sensor, ANOMALY, NOT_A_FAULT, WAITING, limit, count // 2))
        return normal, [row[0] for row in called][::-1]

    def faulty(self, sensor: str, count: int) -> list[bytes]:
        """Return the features of the last `count` windows within alerts that nobody called no fault, oldest first."""
        query = (
            f"select features from windows as w where sensor = ? and at > {_MOUNTED} and exists (select 1 from alerts "
            "as a where a.sensor = w.sensor and kind = ? and verdict != ? and lesson != ? and w.at between since and "
            "ifnull(until, 1e11)) order by id desc limit ?"
        )
        rows = self._db.execute(query, (sensor, ANOMALY, NOT_A_FAULT, WAITING, count))
        return [row[0] for row in rows][::-1]
