"""The outbox on disk: messages of alerts that wait for MQTT. Notifications of people are in `calls.py`.

Alerts of priority 1 leave first, and the steps of one alert in their order. What waits for too long is dropped, and of
too many first what only says more of an alert, then the least urgent, then the oldest. Drops are counted by reason; the
alerts themselves stay in the store.
"""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from reedmesh.alerts.alert import Change

MQTT = "mqtt"  # the way out
DAY = 86400.0


@dataclass(frozen=True)
class Limits:
    """Of one way out: seconds that what begins or ends an alert may wait, and what only says more of it; messages."""

    wait: float
    update_wait: float
    most: int


LIMITS = {MQTT: Limits(7 * DAY, DAY, 10_000)}


class Outbox:
    """The table of that name in `db`. Not for two threads at once."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.dropped = {"late": 0, "many": 0}
        self._db = db

    def add(self, changes: Iterable[Change], way: str = MQTT) -> None:
        """Put changes in, within the caller's commit."""
        rows = [
            (json.dumps(each.message()), way, each.alert.id, each.alert.priority, each.at) for each in changes
        ]  # fmt: skip
        query = "insert into outbox (message, way, alert, priority, queued) values (?, ?, ?, ?, ?)"
        self._db.executemany(query, rows)

    def next(self, way: str = MQTT, most: int = 100) -> list[tuple[int, str]]:
        """Id and JSON text of the messages to send next."""
        urgent = "(select min(priority) from outbox as o where o.alert = outbox.alert and o.way = outbox.way)"
        query = f"select id, message from outbox where way = ? order by {urgent}, id limit ?"
        return list(self._db.execute(query, (way, most)))

    def waiting(self, way: str = MQTT) -> int:
        """How many messages have not left."""
        return int(self._db.execute("select count(*) from outbox where way = ?", (way,)).fetchone()[0])

    def sent(self, ids: list[int]) -> None:
        """Strike off what has left."""
        with self._db:
            self._db.executemany("delete from outbox where id = ?", [(each,) for each in ids])

    def thin(self, now: float, way: str = MQTT) -> None:
        """Drop what is too old or too much."""
        limits, update = LIMITS[way], "json_extract(message, '$.type') = 'update'"
        with self._db:
            late = f"delete from outbox where way = ? and queued < ? - case when {update} then ? else ? end"
            self.dropped["late"] += self._db.execute(late, (way, now, limits.update_wait, limits.wait)).rowcount
            if (spare := self.waiting(way) - limits.most) > 0:
                least = f"select id from outbox where way = ? order by {update} desc, priority desc, id limit ?"
                many = f"delete from outbox where id in ({least})"
                self.dropped["many"] += self._db.execute(many, (way, spare)).rowcount

    def move(self, step: float) -> None:
        """Follow the clock, which was set: messages that wait do not age by that. Within the caller's commit."""
        self._db.execute("update outbox set queued = queued + ?", (step,))
