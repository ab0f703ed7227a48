"""The tables of alerts and of their journal. An alert is written at once and durably."""

import sqlite3
from collections.abc import Sequence
from dataclasses import astuple

from reedmesh.alerts.alert import CLEARED, COLUMNS, WAITING, Alert, Change
from reedmesh.store.outbox import Outbox

MOST_ALERTS = 100_000  # alerts kept; of more, the oldest of those that are over go
NAMES = ", ".join(f'"{each}"' for each in COLUMNS)  # of the table of alerts; one of them is a word of SQL


class AlertTable:
    """The alerts in `db`; steps of their lives also go to `outbox`. Not for two threads at once."""

    def __init__(self, db: sqlite3.Connection, outbox: Outbox) -> None:
        self._db = db
        self._outbox = outbox

    def save(self, changes: list[Change]) -> None:
        """Store steps of alerts' lives, who took them, and that they are still to be published, in one commit."""
        marks = ", ".join("?" * len(COLUMNS))
        alerts = [astuple(change.alert) for change in changes]
        journal = [(change.alert.id, change.at, change.what, change.by, change.text) for change in changes]
        with self._db as db:
            db.executemany(f"insert or replace into alerts ({NAMES}) values ({marks})", alerts)
            db.executemany("insert into journal (alert, at, what, by, text) values (?, ?, ?, ?, ?)", journal)
            self._outbox.add(changes)
            if any(change.type == "end" for change in changes):
                self._delete_beyond(MOST_ALERTS)

    def save_worst(self, alerts: Sequence[Alert]) -> None:
        """Remember how far open alerts went, which is published only when it means something new."""
        with self._db as db:
            rows = [(each.worst, each.id, each.worst) for each in alerts]
            db.executemany("update alerts set worst = ? where id = ? and worst < ?", rows)

    def open(self) -> list[Alert]:
        """Return the alerts that are not cleared, oldest first."""
        return self._select("where state != ? order by since", CLEARED)

    def held(self) -> list[Alert]:
        """Return those that somebody called no fault, and whose lesson is neither in service nor has failed."""
        return self._select("where lesson = ?", WAITING)

    def find(self, name: str) -> Alert | None:
        """Return the alert with the id `name`, or None."""
        found = self._select("where id = ?", name)
        return found[0] if found else None

    def halve(self) -> int:
        """Delete the older half of the alerts, if they are over; within the caller's commit. Returns how many."""
        return self._delete_beyond(self._count() // 2)

    def _select(self, where: str, *values: object) -> list[Alert]:
        return [Alert(*row) for row in self._db.execute(f"select {NAMES} from alerts {where}", values)]

    def _count(self) -> int:
        return int(self._db.execute("select count(*) from alerts").fetchone()[0])

    def _delete_beyond(self, keep: int) -> int:
        """Delete the oldest alerts that are over, and their journals, beyond `keep` alerts; within a commit."""
        spare = self._count() - keep
        if spare <= 0:
            return 0
        query = "select id from alerts where state = ? order by since limit ?"
        gone = self._db.execute(query, (CLEARED, spare)).fetchall()
        self._db.executemany("delete from journal where alert = ?", gone)
        self._db.executemany("delete from alerts where id = ?", gone)
        return len(gone)
