"""The gateway's memory on disk: windows, models, alerts and what is still to be published. SQLite, one writer.

Windows are many and each alone is worth little: they wait in a list and are written together, because an SD card wears
out by commits (25 kB written per window one way, 0.6 kB the other). An alert is written at once and durably.
"""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from reedmesh.alert import CLEARED, Alert, Change
from reedmesh.errors import ConfigError

T = TypeVar("T")
WindowRow = tuple[str, float, bytes, int | None]


@dataclass(frozen=True)
class StoredModel:
    """A model as it went into service on a sensor."""

    sensor: str
    sequence: int
    made: float
    tflite: bytes
    weights: bytes
    trial: bytes
    trial_score: int


class Store:
    """The database in `directory`, or one in memory. Not for two threads at once: a gateway calls it through a Disk."""

    def __init__(self, directory: Path | None = None, keep_windows: int = 100_000) -> None:
        self._keep = keep_windows
        self._pending: list[WindowRow] = []
        self._db = _open(directory)

    def add_window(self, sensor: str, at: float, features: bytes, score: int | None) -> None:
        """Remember a window at the next flush."""
        self._pending.append((sensor, at, features, score))

    def take_pending(self) -> list[WindowRow]:
        """The windows that wait, which the caller now owns: the way from the data path to the writing thread."""
        rows, self._pending = self._pending, []
        return rows

    def write_windows(self, rows: list[WindowRow]) -> None:
        """Write `rows` in one commit and let the oldest age out."""
        with self._db:
            self._db.executemany("insert into windows (sensor, at, features, score) values (?, ?, ?, ?)", rows)
            self._db.execute("delete from windows where id <= (select max(id) from windows) - ?", (self._keep,))

    def learnt_from(self, sensor: str, count: int) -> list[bytes]:
        """Features of the sensor's last `count` windows, oldest first."""
        query = "select features from windows where sensor = ? order by id desc limit ?"
        return [row[0] for row in self._db.execute(query, (sensor, count))][::-1]

    def save_hello(self, sensor: str, hello: dict[str, Any]) -> None:
        """Remember what a sensor said of itself."""
        with self._db:
            self._db.execute(  # a wired sensor repeats itself: what is known costs no write
                "insert into sensors values (?, ?) on conflict (name) do update set hello = excluded.hello "
                "where hello != excluded.hello",
                (sensor, json.dumps(hello)),
            )

    def hellos(self) -> dict[str, dict[str, Any]]:
        """What each known sensor last said of itself."""
        return {name: json.loads(text) for name, text in self._db.execute("select name, hello from sensors")}

    def save_model(self, model: StoredModel) -> None:
        """Remember a model that is offered to a sensor; the one before it stays, too."""
        with self._db:
            self._db.execute("insert into models values (?, ?, ?, ?, ?, ?, ?)", astuple(model))

    def last_model(self, sensor: str) -> StoredModel | None:
        """The newest model of a sensor."""
        query = "select * from models where sensor = ? order by sequence desc limit 1"
        row = self._db.execute(query, (sensor,)).fetchone()
        return StoredModel(*row) if row else None

    def save_changes(self, changes: list[Change]) -> None:
        """Store steps of alerts' lives, and that they are still to be published, in one commit."""
        marks = ", ".join("?" * len(fields(Alert)))
        alerts = [astuple(change.alert) for change in changes]
        messages = [(json.dumps(change.message()),) for change in changes]
        with self._db:
            self._db.executemany(f"insert or replace into alerts values ({marks})", alerts)
            self._db.executemany("insert into outbox (message) values (?)", messages)

    def open_alerts(self) -> list[Alert]:
        """Alerts that are not cleared, oldest first."""
        rows = self._db.execute("select * from alerts where state != ? order by since", (CLEARED,))
        return [Alert(*row) for row in rows]

    def sequences(self, family: str) -> dict[str, int]:
        """The newest update that each gateway made of a family, as far as it was taken or made here."""
        return dict(self._db.execute("select gateway, sequence from sequences where family = ?", (family,)))

    def save_sequence(self, gateway: str, family: str, sequence: int, payload: bytes | None = None) -> None:
        """Remember the newest update of a gateway, and what was in it unless that was of no use."""
        with self._db:
            self._db.execute(
                "insert or replace into sequences values (?, ?, ?, ?)", (gateway, family, sequence, payload)
            )

    def last_update(self, gateway: str, family: str) -> tuple[int, bytes] | None:
        """Sequence and payload of the newest update of a family that a gateway made."""
        query = "select sequence, payload from sequences where gateway = ? and family = ? and payload is not null"
        row = self._db.execute(query, (gateway, family)).fetchone()
        return (row[0], row[1]) if row else None

    def outbox(self) -> list[tuple[int, str]]:
        """Id and JSON text of each message not yet published, oldest first."""
        return list(self._db.execute("select id, message from outbox order by id"))

    def sent(self, message_ids: list[int]) -> None:
        """Strike messages off the outbox."""
        with self._db:
            self._db.executemany("delete from outbox where id = ?", [(each,) for each in message_ids])

    def __enter__(self) -> "Store":
        """Close the store when the context is left."""
        return self

    def __exit__(self, *_: object) -> None:
        """As `close`."""
        self.close()

    def close(self) -> None:
        """Write what waits and close the file."""
        self.write_windows(self.take_pending())
        self._db.close()


class Disk:
    """The thread that does all of a store's work, so that no event loop waits for a disk."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._thread = ThreadPoolExecutor(1, "store")

    async def call(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do `work` there; shielded, because a call that is cancelled while it waits for its turn would be lost."""
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments))

    async def flush(self) -> None:
        """Write the windows that wait."""
        if rows := self.store.take_pending():
            await self.call(self.store.write_windows, rows)

    def close(self) -> None:
        """Finish what was begun and close the store; waits for the disk."""
        self._thread.submit(self.store.close).result()
        self._thread.shutdown()


def _open(directory: Path | None) -> sqlite3.Connection:
    try:
        if directory:
            directory.mkdir(parents=True, exist_ok=True)
        place = directory / "reedmesh.db" if directory else ":memory:"
        db = sqlite3.connect(place, check_same_thread=False, timeout=5)
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = full")  # costs nothing for batches, and an alert must outlive a power cut
        db.execute("pragma journal_size_limit = 5000000")
        db.executescript(files("reedmesh").joinpath("schema.sql").read_text())
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(f"state = {directory}: cannot keep a database there: {error}") from error
    return db
