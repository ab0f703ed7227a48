"""The accounts with neighbours on disk: points owed and due, and the last statement of each neighbour."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence

from reedmesh.provenance import ledger
from reedmesh.provenance.credit import Account
from reedmesh.provenance.ledger import Entry


class CreditTable:
    """The accounts in `db`. append: adds ledger entries within a commit. Not for two threads at once."""

    def __init__(self, db: sqlite3.Connection, append: Callable[[Sequence[Entry]], None]) -> None:
        self._db = db
        self._append = append

    def accounts(self) -> dict[str, Account]:
        """The account with each neighbour, by its name."""
        return accounts(self._db)

    def last_paid(self) -> float:
        """When points were last given, s since 1970; 0 for never."""
        return float(self._db.execute("select max(paid) from credit").fetchone()[0] or 0.0)

    def pay(self, points: Mapping[str, int], family: str, at: float) -> None:
        """Owe each neighbour that many points more, and enter it in the ledger, in one commit."""
        with self._db:
            for name, more in points.items():
                self._db.execute(
                    "insert into credit (gateway, owed, paid) values (?1, ?2, ?3) "
                    "on conflict (gateway) do update set owed = owed + ?2, paid = ?3",
                    (name, more, at),
                )
            self._append([Entry(ledger.OWED, name, "", family, more) for name, more in points.items()])

    def keep(self, name: str, account: Account, frame: bytes) -> None:
        """Keep a neighbour's statement, with the signed frame that proves it."""
        with self._db:
            self._db.execute(
                "insert into credit (gateway, due, agreed, frame) values (?1, ?2, ?3, ?4) "
                "on conflict (gateway) do update set due = ?2, agreed = ?3, frame = ?4",
                (name, account.due, account.agreed, frame),
            )


def accounts(db: sqlite3.Connection) -> dict[str, Account]:
    """As `CreditTable.accounts`, of a database that may be another's."""
    rows = db.execute("select gateway, owed, due, agreed from credit order by gateway")
    return {name: Account(*totals) for name, *totals in rows}


def statements(db: sqlite3.Connection) -> dict[str, bytes]:
    """The last statement that was taken of each neighbour, as it came."""
    return dict(db.execute("select gateway, frame from credit where frame is not null order by gateway"))
