"""The gateway's memory on disk: windows, models, alerts and what is still to be published. SQLite, one writer.

Windows are many and each alone is worth little: they wait in a list and are written together, because an SD card wears
out by commits (25 kB written per window one way, 0.6 kB the other). An alert is written at once and durably.
"""

import json
import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any, TypeVar

from reedmesh.alerts.alert import ANOMALY, CLEARED, COLUMNS, NOT_A_FAULT, WAITING, Alert, Change
from reedmesh.errors import DiskError
from reedmesh.provenance.ledger import Entry
from reedmesh.store import database, standby
from reedmesh.store.calls import Calls, Faults
from reedmesh.store.ledger_table import LedgerTable
from reedmesh.store.models import ModelTable
from reedmesh.store.outbox import Outbox

log = logging.getLogger(__name__)

LEAD = 10.0  # seconds before an alert was raised, whose windows are not learnt from, either
MOST_ALERTS = 100_000  # alerts kept; of more, the oldest of those that are over go
SPAN = 8  # times as many windows as are learnt from are looked at: a machine is learnt in all its conditions
MOST_SCORE = (1 << 63) - 1
MOST_PENDING = 50_000  # windows that wait for a disk that takes nothing; then the oldest are dropped

_SINCE_MOUNTED = "sensor = ? and at > ifnull((select since from mountings as m where m.sensor = w.sensor), -1)"

NAMES = ", ".join(f'"{each}"' for each in COLUMNS)  # of the table of alerts; one of them is a word of SQL

T = TypeVar("T")
WindowRow = tuple[str, float, bytes, int | None]


class Store:
    """The database in `directory`, or one in memory. Not for two threads at once: a gateway calls it through a Disk.

    most_bytes: size of the file at which the oldest windows, and last the oldest alerts, make room; 0: the disk's.
    """

    def __init__(self, directory: Path | None = None, keep_windows: int = 100_000, most_bytes: int = 0) -> None:
        self._keep = keep_windows
        self._pending: list[WindowRow] = []
        self._directory = directory
        self.trouble = ""  # why it is in memory and not on its disk
        self.db = self._open(most_bytes)
        self.outbox = Outbox(self.db)
        self.calls = Calls(self.db)
        self.faults = Faults(self.db)
        self.ledger: LedgerTable | None = None  # where entries of the ledger go; without one they go nowhere
        self.models = ModelTable(self.db, self.append)

    def _open(self, most_bytes: int) -> sqlite3.Connection:
        try:
            return database.open_in(self._directory, most_bytes)
        except DiskError as error:
            assert self._directory
            self.trouble = f"{error}; started with what is there, and what happens now is in memory alone"
            log.error("%s", self.trouble)
            return standby.open_in(self._directory)

    def disk_takes_data(self) -> bool:
        """Whether the disk of a database that is in memory for now takes data again; may run on any thread."""
        return self._directory is not None and standby.takes_data(self._directory)

    def add_window(self, sensor: str, at: float, features: bytes, score: int | None) -> None:
        """Remember a window at the next flush."""
        self._pending.append((sensor, at, features, score))

    def take_pending(self) -> list[WindowRow]:
        """The windows that wait, which the caller now owns: the way from the data path to the writing thread."""
        rows, self._pending = self._pending, []
        return rows

    def write_windows(self, rows: list[WindowRow]) -> None:
        """Write `rows` in one commit and let the oldest age out, many at a time: so that whole pages become free."""
        with self.db:
            self.db.executemany("insert into windows (sensor, at, features, score) values (?, ?, ?, ?)", rows)
            low, high = self.db.execute("select min(id), max(id) from windows").fetchone()
            if rows and high - low >= self._keep + self._keep // 50:
                self.db.execute("delete from windows where id <= ?", (high - self._keep,))

    def put_back(self, rows: list[WindowRow]) -> None:
        """Let rows that could not be written wait; too many, and the oldest are forgotten."""
        self._pending = [*rows, *self._pending][-MOST_PENDING:]

    def shrink(self) -> bool:
        """The disk is full: give up the older half of the windows, or else of the alerts that are over.

        False if that makes no room either.
        """
        try:
            with self.db:
                half = "(select (min(id) + max(id)) / 2 from windows)"
                if self.db.execute(f"delete from windows where id <= {half}").rowcount > 0:
                    return True
                count = self.db.execute("select count(*) from alerts").fetchone()[0]
                return self._forget_alerts(count // 2) > 0
        except sqlite3.OperationalError:
            return False

    def _forget_alerts(self, keep: int) -> int:
        """Strike out the oldest alerts that are over, and their journals, beyond `keep` alerts; within a commit."""
        spare = self.db.execute("select count(*) from alerts").fetchone()[0] - keep
        if spare <= 0:
            return 0
        query = "select id from alerts where state = ? order by since limit ?"
        gone = self.db.execute(query, (CLEARED, spare)).fetchall()
        self.db.executemany("delete from journal where alert = ?", gone)
        self.db.executemany("delete from alerts where id = ?", gone)
        return len(gone)

    def learnt_from(self, sensor: str, count: int, called: bool = True) -> list[bytes]:
        """Features of the sensor's last `count` normal windows, oldest first: none from within an alert.

        None from before it was mounted as it is, either. called: those of alerts that somebody called no fault, too.
        """
        query = (
            f"select features from windows as w where {_SINCE_MOUNTED} and not exists (select 1 from alerts as a where "
            "a.sensor = w.sensor and kind = ? and (verdict != ? or not ?) and w.at between since - ? and "
            "ifnull(until, 1e11)) order by id desc limit ?"
        )
        rows = self.db.execute(query, (sensor, ANOMALY, NOT_A_FAULT, called, LEAD, count))
        return [row[0] for row in rows][::-1]

    def counts(self) -> dict[str, int]:
        """How many windows there are of each sensor, as it is mounted now."""
        since = "ifnull((select since from mountings as m where m.sensor = w.sensor), -1)"
        return dict(self.db.execute(f"select sensor, count(*) from windows as w where at > {since} group by sensor"))

    def normal_windows(self, sensor: str, count: int, limit: int = MOST_SCORE) -> tuple[list[bytes], list[bytes]]:
        """The last SPAN times `count` of the sensor's normal windows, oldest first; and the last half of `count` out of
        alerts that somebody called no fault.

        limit: the score above which a window belongs to such an alert as long as its lesson is still to come.
        """
        normal = self.learnt_from(sensor, SPAN * count, called=False)
        query = (
            f"select features from windows as w where {_SINCE_MOUNTED} and exists (select 1 from alerts as a where "
            "a.sensor = w.sensor and kind = ? and verdict = ? and (w.at between since and ifnull(until, 1e11) or "
            "(lesson = ? and w.at >= since and w.score > ?))) order by id desc limit ?"
        )
        called = self.db.execute(query, (sensor, ANOMALY, NOT_A_FAULT, WAITING, limit, count // 2))
        return normal, [row[0] for row in called][::-1]

    def save_hello(self, sensor: str, hello: dict[str, Any]) -> None:
        """Remember what a sensor said of itself."""
        with self.db:
            self.db.execute(  # a wired sensor repeats itself: what is known costs no write
                "insert into sensors values (?, ?) on conflict (name) do update set hello = excluded.hello "
                "where hello != excluded.hello",
                (sensor, json.dumps(hello)),
            )

    def hellos(self) -> dict[str, dict[str, Any]]:
        """What each known sensor last said of itself."""
        return {name: json.loads(text) for name, text in self.db.execute("select name, hello from sensors")}

    def save_relearning(self, sensor: str, since: float) -> None:
        """Remember that a sensor is learnt anew from windows later than `since`."""
        with self.db:
            self.db.execute("insert or replace into mountings values (?, ?)", (sensor, since))
            self.db.execute("insert or replace into relearning values (?, ?)", (sensor, since))

    def relearning(self) -> dict[str, int]:
        """Sensors that are learnt anew, and how many windows there are of each by now."""
        query = "select count(*) from windows where windows.sensor = relearning.sensor and at > since"
        return dict(self.db.execute(f"select sensor, ({query}) from relearning"))

    def save_changes(self, changes: list[Change]) -> None:
        """Store steps of alerts' lives, who took them, and that they are still to be published, in one commit."""
        marks = ", ".join("?" * len(COLUMNS))
        alerts = [astuple(change.alert) for change in changes]
        journal = [(change.alert.id, change.at, change.what, change.by, change.text) for change in changes]
        with self.db:
            self.db.executemany(f"insert or replace into alerts ({NAMES}) values ({marks})", alerts)
            self.db.executemany("insert into journal (alert, at, what, by, text) values (?, ?, ?, ?, ?)", journal)
            self.outbox.add(changes)
            if any(change.type == "end" for change in changes):
                self._forget_alerts(MOST_ALERTS)

    def open_alerts(self) -> list[Alert]:
        """Alerts that are not cleared, oldest first."""
        rows = self.db.execute(f"select {NAMES} from alerts where state != ? order by since", (CLEARED,))
        return [Alert(*row) for row in rows]

    def held_alerts(self) -> list[Alert]:
        """Those that somebody called no fault, and whose lesson is neither in service nor has failed."""
        return [Alert(*row) for row in self.db.execute(f"select {NAMES} from alerts where lesson = ?", (WAITING,))]

    def save_worst(self, alerts: Sequence[Alert]) -> None:
        """Remember how far open alerts went, which is published only when it means something new."""
        with self.db:
            rows = [(each.worst, each.id, each.worst) for each in alerts]
            self.db.executemany("update alerts set worst = ? where id = ? and worst < ?", rows)

    def alert(self, name: str) -> Alert | None:
        """The alert with the id `name`."""
        row = self.db.execute(f"select {NAMES} from alerts where id = ?", (name,)).fetchone()
        return Alert(*row) if row else None

    def save_shelf(self, sensor: str, until: float | None) -> None:
        """Remember until when nobody is called for a sensor; None: people are called again."""
        with self.db:
            self.db.execute("delete from shelves where sensor = ?", (sensor,))
            if until is not None:
                self.db.execute("insert into shelves values (?, ?)", (sensor, until))

    def shelves(self) -> dict[str, float]:
        """Sensors on the shelf, and until when."""
        return dict(self.db.execute("select sensor, until from shelves"))

    def forget(self, sensor: str) -> None:
        """Strike out a sensor with its windows and models; its alerts stay."""
        with self.db:
            self.db.execute("delete from sensors where name = ?", (sensor,))
            for table in ("windows", "models", "relearning", "shelves", "mountings"):
                self.db.execute(f"delete from {table} where sensor = ?", (sensor,))

    def move_deadlines(self, step: float) -> None:
        """The clock was set by so many seconds: what lasts goes on at its pace."""
        with self.db:
            self.db.execute("update shelves set until = until + ?", (step,))
            self.outbox.move(step)
            self.calls.move(step)

    def sequences(self, family: str) -> dict[str, int]:
        """The newest update that each gateway made of a family, as far as it was taken or made here."""
        return dict(self.db.execute("select gateway, sequence from sequences where family = ?", (family,)))

    def save_sequence(
        self, gateway: str, family: str, sequence: int, payload: bytes | None = None, *entries: Entry
    ) -> None:
        """Remember the newest update of a gateway, and what was in it unless that was of no use."""
        with self.db:
            self.db.execute(
                "insert or replace into sequences values (?, ?, ?, ?)", (gateway, family, sequence, payload)
            )
            self.append(entries)

    def last_update(self, gateway: str, family: str) -> tuple[int, bytes] | None:
        """Sequence and payload of the newest update of a family that a gateway made."""
        query = "select sequence, payload from sequences where gateway = ? and family = ? and payload is not null"
        row = self.db.execute(query, (gateway, family)).fetchone()
        return (row[0], row[1]) if row else None

    def enter(self, *entries: Entry) -> None:
        """What the ledger must say beside anything else that is stored."""
        with self.db:
            self.append(entries)

    def note(self, *entries: Entry) -> None:
        """As `enter`, but a full disk keeps nobody from starting."""
        try:
            self.enter(*entries)
        except sqlite3.OperationalError as error:
            log.error("the ledger lacks %s: %s", ", ".join(each.kind for each in entries), error)

    def append(self, entries: Sequence[Entry]) -> None:
        """Add to the ledger within the transaction that is open."""
        if self.ledger:
            self.ledger.append(entries)

    def __enter__(self) -> "Store":
        """Close the store when the context is left."""
        return self

    def __exit__(self, *_: object) -> None:
        """As `close`."""
        self.close()

    def close(self) -> None:
        """Write what waits and close the file."""
        self.write_windows(self.take_pending())
        if self.trouble:
            self._leave_standby()
        self.db.close()

    def _leave_standby(self) -> None:
        assert self._directory
        try:
            standby.write_back(self.db, self._directory)
        except DiskError as error:
            log.error("what happened since the start is not on disk: %s", error)
