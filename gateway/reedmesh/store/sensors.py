"""The tables of sensors: their hellos, those that are learnt anew, how long they are mounted, and shelves of alerts."""

import json
import sqlite3
from typing import Any


class SensorTable:
    """The sensors in `db`. Not for two threads at once."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def save_hello(self, sensor: str, hello: dict[str, Any]) -> None:
        """Remember the hello of a sensor; one that is known already costs no write, for wired sensors repeat theirs."""
        with self._db as db:
            db.execute(
                "insert into sensors values (?, ?) on conflict (name) do update set hello = excluded.hello "
                "where hello != excluded.hello",
                (sensor, json.dumps(hello)),
            )

    def hellos(self) -> dict[str, dict[str, Any]]:
        """Return the last hello of each known sensor."""
        return {name: json.loads(text) for name, text in self._db.execute("select name, hello from sensors")}

    def save_relearning(self, sensor: str, since: float) -> None:
        """Remember that a sensor is learnt anew from windows later than `since`, seconds since 1970."""
        with self._db as db:
            db.execute("insert or replace into mountings values (?, ?)", (sensor, since))
            db.execute("insert or replace into relearning values (?, ?)", (sensor, since))

    def relearning(self) -> dict[str, int]:
        """Return the sensors that are learnt anew, and how many windows there are of each by now."""
        query = "select count(*) from windows where windows.sensor = relearning.sensor and at > since"
        return dict(self._db.execute(f"select sensor, ({query}) from relearning"))

    def save_shelf(self, sensor: str, until: float | None) -> None:
        """Remember until when nobody is called for a sensor, seconds since 1970; None: people are called again."""
        with self._db as db:
            db.execute("delete from shelves where sensor = ?", (sensor,))
            if until is not None:
                db.execute("insert into shelves values (?, ?)", (sensor, until))

    def shelves(self) -> dict[str, float]:
        """Return the sensors that are shelved, and until when."""
        return dict(self._db.execute("select sensor, until from shelves"))

    def move_shelves(self, step: float) -> None:
        """Add `step` seconds to each shelf's end, within the caller's commit."""
        self._db.execute("update shelves set until = until + ?", (step,))

    def forget(self, sensor: str) -> None:
        """Delete a sensor with its windows and models; its alerts stay."""
        with self._db as db:
            db.execute("delete from sensors where name = ?", (sensor,))
            for table in ("windows", "models", "relearning", "shelves", "mountings", "parts"):
                db.execute(f"delete from {table} where sensor = ?", (sensor,))
