"""The tables of notifications by alert, and of windows of confirmed faults."""

import sqlite3
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from reedmesh.alerts.escalation import Call

MOST_FAULT_WINDOWS = 64  # kept of one alert, spread evenly over it
MOST_FAULTS = 200  # alerts whose windows are kept; of more, the oldest go


@dataclass(frozen=True)
class Entry:
    """A line of an alert's journal that changes nothing else of the alert."""

    alert: str
    at: float
    what: str
    text: str


class Calls:
    """The tables in `db`. Not for two threads at once."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def all(self) -> list[Call]:
        """Every notification that is not done with."""
        rows = self._db.execute("select alert, contact, priority, at, first, why, sent from calls")
        return [
            Call(name, who, priority, at, first, why, bool(sent)) for name, who, priority, at, first, why, sent in rows
        ]

    def save(self, calls: Sequence[Call], over: Sequence[Call] = (), journal: Sequence[Entry] = ()) -> None:
        """Remember `calls`, forget those that are over, and enter what came of them in the journal; in one commit."""
        marks = [astuple(each) for each in calls]
        with self._db:
            self._db.executemany("insert or replace into calls values (?, ?, ?, ?, ?, ?, ?)", marks)
            self._db.executemany(
                "delete from calls where alert = ? and contact = ?", [(each.alert, each.contact) for each in over]
            )
            self._db.executemany(
                "insert into journal (alert, at, what, by, text) values (?, ?, ?, '', ?)",
                [astuple(each) for each in journal],
            )


class Faults:
    """Windows of alerts that people confirmed to be faults: kept when others age out, for learning."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def keep(self, alert: str, sensor: str, since: float, until: float, limit: int) -> int:
        """Copy the windows of that time that scored above `limit`; returns how many are kept."""
        query = "select at, features from windows where sensor = ? and at between ? and ? and score > ? order by id"
        rows = self._db.execute(query, (sensor, since, until, limit)).fetchall()
        chosen = rows if len(rows) <= MOST_FAULT_WINDOWS else rows[:: -(-len(rows) // MOST_FAULT_WINDOWS)]
        with self._db:
            self._db.execute("delete from faults where alert = ?", (alert,))
            self._db.executemany(
                "insert into faults (alert, sensor, at, features) values (?, ?, ?, ?)",
                [(alert, sensor, *row) for row in chosen],
            )
            old = "select alert from faults group by alert order by max(at) desc limit -1 offset ?"
            self._db.execute(f"delete from faults where alert in ({old})", (MOST_FAULTS,))
        return len(chosen)

    def forget(self, alert: str) -> None:
        """It was no fault after all."""
        with self._db:
            self._db.execute("delete from faults where alert = ?", (alert,))

    def of(self, sensor: str, most: int = MOST_FAULT_WINDOWS) -> list[bytes]:
        """Features of the last windows of known faults of that sensor, as it is mounted now, oldest first."""
        mounted = "ifnull((select since from mountings as m where m.sensor = f.sensor), -1)"
        query = f"select features from faults as f where sensor = ? and at > {mounted} order by id desc limit ?"
        return [row[0] for row in self._db.execute(query, (sensor, most))][::-1]
