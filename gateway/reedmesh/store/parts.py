"""The table of parts: verdicts and labels. Parts wait in memory and are written together."""

import sqlite3
from dataclasses import dataclass

KEPT = 5000  # parts of a sensor that nobody labelled; the newest
MOST_LABELLED = 5000  # of a sensor that somebody did
QUARTER = 900  # seconds: shifts begin at whole quarters of an hour, in every time zone
COUNTED = 40 * 86400 // QUARTER  # quarters of an hour, of which parts are counted
MOST_PENDING = 20_000  # parts that wait for a disk that takes nothing; then the oldest are dropped
_COLUMNS = "sensor, boot, number, at, part, features, verdict, fault, against, latency, label, labelled_by"


@dataclass(frozen=True)
class PartRow:
    """A part. features: int8. verdict, fault, label: words, "" where there is none. against: eighths. latency: us."""

    sensor: str
    boot: int
    number: int
    at: float
    part: str
    features: bytes
    verdict: str
    fault: str
    against: int | None
    latency: int
    label: str = ""
    labelled_by: str = ""


class PartTable:
    """In `db`. Not for two threads at once."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._pending: dict[tuple[str, int, int], PartRow] = {}

    def add(self, row: PartRow) -> None:
        """Queue a part for the next `write`; one that is queued already is replaced."""
        self._pending[row.sensor, row.boot, row.number] = row
        while len(self._pending) > MOST_PENDING:
            self._pending.pop(next(iter(self._pending)))

    def take_pending(self) -> list[PartRow]:
        """Return the queued parts, which the caller then owns."""
        rows, self._pending = [*self._pending.values()], {}
        return rows

    def write(self, rows: list[PartRow]) -> None:
        """Write `rows` in one commit, labels that are there stay, and delete the oldest that nobody labelled."""
        with self._db as db:
            for row in rows:
                if not self._tell(row):
                    values = tuple(vars(row).values())
                    db.execute(f"insert into parts ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
                    self._count(row)
            for sensor in {row.sensor for row in rows}:
                self._prune(sensor)

    def label(self, sensor: str, boot: int, number: int, label: str, by: str) -> str | None:
        """Label a part, "" takes its label back; returns the label before, None when there is no such part.

        Raises ValueError when more than MOST_LABELLED would be labelled.
        """
        found = self._db.execute(
            "select label from parts where sensor = ? and boot = ? and number = ?", (sensor, boot, number)
        ).fetchone()
        if not found:
            return None
        count = self._db.execute("select count(*) from parts where sensor = ? and label != ''", (sensor,)).fetchone()[0]
        if label and not found[0] and count >= MOST_LABELLED:
            raise ValueError(f"{count} parts of {sensor} are labelled, which is the most")
        with self._db:
            self._db.execute(
                "update parts set label = ?, labelled_by = ? where sensor = ? and boot = ? and number = ?",
                (label, by, sensor, boot, number),
            )
        return str(found[0])

    def find(self, sensor: str, part: str) -> list[tuple[int, int]]:
        """Boot and number of the parts with this number of their own, the newest first."""
        query = "select boot, number from parts where sensor = ? and part = ? order by at desc limit 10"
        return list(self._db.execute(query, (sensor, part)))

    def newest(self, sensor: str, count: int, since: float = 0.0, until: float = 1e12) -> list[PartRow]:
        """The last `count` parts of a span, the oldest first."""
        query = f"select {_COLUMNS} from parts where sensor = ? and at >= ? and at < ? order by at desc limit ?"
        return [PartRow(*row) for row in self._db.execute(query, (sensor, since, until, count))][::-1]

    def taught(self, sensor: str, first: int) -> list[PartRow]:
        """The parts to learn from: labelled ones, those that passed, and the `first` ones, in their order."""
        query = (
            f"select {_COLUMNS} from parts as p where sensor = ? and (label != '' or verdict = 'OK' or rowid in "
            "(select rowid from parts where sensor = p.sensor order by at limit ?)) order by at"
        )
        return [PartRow(*row) for row in self._db.execute(query, (sensor, first))]

    def made(self, sensor: str, since: float, until: float) -> list[tuple[str, str, int]]:
        """How many parts of each verdict and fault, in the quarters of an hour that began from `since` on."""
        query = (
            "select verdict, fault, sum(parts) from part_counts where sensor = ? and quarter >= ? and quarter < ? "
            "group by verdict, fault"
        )
        return list(self._db.execute(query, (sensor, -(-since // QUARTER), -(-until // QUARTER))))

    def counts(self) -> dict[str, int]:
        """How many parts of each sensor are kept."""
        return dict(self._db.execute("select sensor, count(*) from parts group by sensor"))

    def forget(self, sensor: str) -> None:
        """Delete a sensor's parts."""
        with self._db:
            for table in ("parts", "part_counts"):
                self._db.execute(f"delete from {table} where sensor = ?", (sensor,))

    def _tell(self, row: PartRow) -> bool:
        """More is known of a part that is there: its number, its latency; whether it is."""
        told = (row.part, row.latency, row.sensor, row.boot, row.number)
        query = "update parts set part = ?, latency = ? where sensor = ? and boot = ? and number = ?"
        return self._db.execute(query, told).rowcount > 0

    def _count(self, row: PartRow) -> None:
        self._db.execute(
            "insert into part_counts values (?, ?, ?, ?, 1) on conflict do update set parts = parts + 1",
            (row.sensor, int(row.at // QUARTER), row.verdict, row.fault),
        )

    def _prune(self, sensor: str) -> None:
        self._db.execute(
            "delete from parts where sensor = ? and label = '' and at < (select at from parts where sensor = ? and "
            "label = '' order by at desc limit 1 offset ?)",
            (sensor, sensor, KEPT),
        )
        newest = "(select max(quarter) from part_counts where sensor = ?)"
        query = f"delete from part_counts where sensor = ? and quarter < {newest} - ?"
        self._db.execute(query, (sensor, sensor, COUNTED))
