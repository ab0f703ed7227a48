"""The accounts of lent computing on disk: processor time borrowed from and lent to each neighbour, and who is out."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reedmesh.provenance import ledger
from reedmesh.provenance.ledger import Entry


@dataclass(frozen=True)
class LendingAccount:
    """With one neighbour, in all, ever. borrowed: ms of its processor; known: of these it has receipts. lent: of ours.

    jobs are counted beside. disagreed: results of it that were others. out_until: s since 1970, out_reason: we borrow
    nothing from it until then, and why.
    """

    borrowed: int = 0
    borrowed_jobs: int = 0
    known: int = 0
    lent: int = 0
    lent_jobs: int = 0
    disagreed: int = 0
    out_until: float = 0.0
    out_reason: str = ""


class LendingTable:
    """The accounts in `db`. append: adds ledger entries within a commit. Not for two threads at once."""

    def __init__(self, db: sqlite3.Connection, append: Callable[[Sequence[Entry]], None]) -> None:
        self._db = db
        self._append = append

    def accounts(self) -> dict[str, LendingAccount]:
        """The account with each neighbour, by its name."""
        return accounts(self._db)

    def owe(self, name: str, ms: int, job: str, result: str) -> LendingAccount:
        """Owe a neighbour the `ms` of a job, and enter it in the ledger; returns the account after that."""
        with self._db:
            self._add(name, "borrowed = borrowed + ?2, borrowed_jobs = borrowed_jobs + 1", ms)
            self._append([Entry(ledger.BORROWED, name, sha256=result, reason=job, ms=ms)])
        return self.accounts()[name]

    def disagree(self, name: str, until: float, job: str, result: str, reason: str) -> None:
        """A neighbour's result was another: it is out until then, and the ledger says so."""
        with self._db:
            self._add(name, "disagreed = disagreed + 1, out_until = ?2, out_reason = ?3", until, reason)
            self._append([Entry(ledger.DISAGREED, name, sha256=result, reason=f"{job}: {reason}")])

    def take(self, name: str, total: int, jobs: int, job: str, result: str, frame: bytes) -> LendingAccount:
        """Take a neighbour's signed receipt of `total` ms; totals never fall, so that an old one changes nothing."""
        before = self.accounts().get(name, LendingAccount())
        if total > before.lent:
            with self._db:
                self._add(name, "lent = ?2, lent_jobs = ?3, frame = ?4", total, jobs, frame)
                self._append([Entry(ledger.LENT, name, sha256=result, reason=job, ms=total - before.lent)])
        return self.accounts().get(name, before)

    def know(self, name: str, total: int) -> None:
        """A neighbour says that it has receipts of `total` ms."""
        with self._db:
            self._add(name, "known = max(known, min(borrowed, ?2))", total)

    def _add(self, name: str, change: str, *values: object) -> None:
        self._db.execute("insert or ignore into lending (gateway) values (?)", (name,))
        self._db.execute(f"update lending set {change} where gateway = ?1", (name, *values))


def accounts(db: sqlite3.Connection) -> dict[str, LendingAccount]:
    """As `LendingTable.accounts`, of a database that may be another's."""
    columns = ", ".join(LendingAccount.__dataclass_fields__)
    rows = db.execute(f"select gateway, {columns} from lending order by gateway")
    return {name: LendingAccount(*values) for name, *values in rows}
