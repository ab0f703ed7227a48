"""The gateway's database: one facade, one object per family of tables. SQLite, one writer.

What belongs together is one commit: a change of an alert with its place in the outbox, an update with the copy that it
changes and its entry in the ledger.
"""

import logging
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from reedmesh.errors import DiskError
from reedmesh.provenance.dsse import Signer
from reedmesh.provenance.ledger import Entry
from reedmesh.store import database, ledger_table, standby
from reedmesh.store.alerts import AlertTable
from reedmesh.store.calls import Calls, Faults
from reedmesh.store.cell_table import CellTable
from reedmesh.store.credit_table import CreditTable
from reedmesh.store.history import History
from reedmesh.store.ledger_table import LedgerTable
from reedmesh.store.lending_table import LendingTable
from reedmesh.store.models import ModelTable
from reedmesh.store.outbox import Outbox
from reedmesh.store.parts import PartTable
from reedmesh.store.replicas import ReplicaTable
from reedmesh.store.sensors import SensorTable
from reedmesh.store.trends import TrendTable
from reedmesh.store.windows import WindowTable

log = logging.getLogger(__name__)


class Store:
    """The database in `directory`, or one in memory. Not for two threads at once: a gateway calls it through a Disk.

    most_bytes: size of the file at which the oldest windows, and last the oldest alerts, make room; 0: the disk's.
    Raises ConfigError when no database can be kept there.
    """

    def __init__(self, directory: Path | None = None, keep_windows: int = 100_000, most_bytes: int = 0) -> None:
        self._directory = directory
        self.trouble = ""  # why it is in memory and not on its disk
        self._db = self._open(most_bytes)
        self.ledger: LedgerTable | None = None  # see `begin_ledger`; without one, entries go nowhere
        self.windows = WindowTable(self._db, keep_windows)
        self.outbox = Outbox(self._db)
        self.calls = Calls(self._db)
        self.faults = Faults(self._db)
        self.trends = TrendTable(self._db)
        self.alerts = AlertTable(self._db, self.outbox)
        self.sensors = SensorTable(self._db)
        self.models = ModelTable(self._db, self._append)
        self.replicas = ReplicaTable(self._db, self._append)
        self.cells = CellTable(self._db, self._append)
        self.credit = CreditTable(self._db, self._append)
        self.lending = LendingTable(self._db, self._append)
        self.history = History(self._db)
        self.parts = PartTable(self._db)

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

    def begin_ledger(self, name: str, key: Signer, clock: Callable[[], float]) -> LedgerTable:
        """Sign entries with `key`, in the ledger of the gateway `name`, from now on. clock: seconds since 1970."""
        self.ledger = LedgerTable(self._db, name, key, clock)
        return self.ledger

    def shrink(self) -> bool:
        """Make room on a full disk: delete the older half of the windows, or else of the alerts that are over.

        Returns False when that made no room.
        """
        try:
            with self._db:
                return self.windows.halve() > 0 or self.alerts.halve() > 0
        except sqlite3.OperationalError:
            return False

    def move_deadlines(self, step: float) -> None:
        """Move what lasts by `step` seconds, for the clock was set by as many: it goes on at its pace."""
        with self._db:
            self.sensors.move_shelves(step)
            self.outbox.move(step)

    def enter(self, *entries: Entry) -> None:
        """Add entries to the ledger in a commit of their own."""
        with self._db:
            self._append(entries)

    def last_taken(self) -> dict[str, float]:
        """As `ledger_table.last_taken`."""
        return ledger_table.last_taken(self._db)

    def note(self, *entries: Entry) -> None:
        """As `enter`, but a full disk keeps nobody from starting."""
        try:
            self.enter(*entries)
        except sqlite3.OperationalError as error:
            log.error("the ledger lacks %s: %s", ", ".join(each.kind for each in entries), error)

    def _append(self, entries: Sequence[Entry]) -> None:
        """Add to the ledger within the commit that is open."""
        if self.ledger:
            self.ledger.append(entries)

    def __enter__(self) -> "Store":
        """Close the store when the context is left."""
        return self

    def __exit__(self, *_: object) -> None:
        """As `close`."""
        self.close()

    def close(self) -> None:
        """Write the queued windows and close the file."""
        self.windows.write(self.windows.take_pending())
        self.parts.write(self.parts.take_pending())
        if self.trouble:
            self._leave_standby()
        self._db.close()

    def _leave_standby(self) -> None:
        assert self._directory
        try:
            standby.write_back(self._db, self._directory)
        except DiskError as error:
            log.error("what happened since the start is not on disk: %s", error)
