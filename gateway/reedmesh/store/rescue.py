"""Copies all readable data of a damaged database to a new one.

SQLite finds every table by way of the first page, and by none of the others: damage there would lose all. So where each
table begins is noted beside the database at each start, and a copy of the damaged file gets a new first page from that.
"""

import contextlib
import json
import logging
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from reedmesh import atomic_file
from reedmesh.errors import DiskError

log = logging.getLogger(__name__)

PLAN = "reedmesh.plan"  # beside the database: page size and where each table begins
LARGEST = 1 << 20  # bytes of it
COUNTER, SIZE_IS_OF = slice(24, 28), slice(92, 96)  # in a file's header: where they differ, its own size counts


def note(db: sqlite3.Connection, directory: Path) -> None:
    """Note where the tables of `db` begin; a disk that takes nothing does without."""
    size = db.execute("pragma page_size").fetchone()[0]
    rows = db.execute("select type, name, tbl_name, rootpage, sql from sqlite_master order by rowid").fetchall()
    plan = json.dumps({"page_size": size, "tables": rows}, indent=1).encode()
    path = directory / PLAN
    with contextlib.suppress(OSError):
        if path.exists() and atomic_file.read(path, LARGEST) == plan:
            return
    try:
        atomic_file.write(path, plan)
    except DiskError as error:
        log.warning("%s", error)


def copy(aside: Path, directory: Path, db: sqlite3.Connection) -> None:
    """Copy what can be read of the damaged database `aside` to `db`."""
    with _readable(aside, directory) as path:
        for (table,) in db.execute("select name from sqlite_master where type = 'table'").fetchall():
            log.error("%s: %d rows saved", table, _rows(path, db, table))


@contextlib.contextmanager
def _readable(aside: Path, directory: Path) -> Iterator[Path]:
    """The damaged file, or a copy of it with a new first page while that one cannot be read."""
    try:
        with contextlib.closing(sqlite3.connect(aside)) as db:
            db.execute("select name from sqlite_master").fetchall()
        yield aside
        return
    except sqlite3.DatabaseError as damage:
        log.error("the first page of %s cannot be read: %s", aside.name, damage)
    mended = aside.with_name(f"{aside.name}.mended")
    try:
        with contextlib.suppress(OSError, ValueError, KeyError, sqlite3.Error):
            _with_new_first_page(aside, mended, json.loads(atomic_file.read(directory / PLAN, LARGEST)))
        yield mended if mended.exists() else aside
    finally:
        mended.unlink(missing_ok=True)


def _with_new_first_page(damaged: Path, mended: Path, plan: dict[str, object]) -> None:
    size = int(str(plan["page_size"]))
    with contextlib.closing(sqlite3.connect(":memory:")) as empty:
        empty.executescript(f"pragma page_size = {size}; vacuum; create table x (y); drop table x;")
        page = bytearray(empty.serialize()[:size])
    page[COUNTER], page[SIZE_IS_OF] = (1).to_bytes(4, "big"), bytes(4)
    page[32:40] = bytes(8)  # no free pages: nothing is given away that may be in use
    shutil.copyfile(damaged, mended)
    with mended.open("r+b") as file:
        file.write(page)
    with contextlib.closing(sqlite3.connect(mended)) as db, db:
        db.execute("pragma writable_schema = on")
        db.executemany("insert into sqlite_master values (?, ?, ?, ?, ?)", plan["tables"])  # type: ignore[arg-type]


def _rows(path: Path, db: sqlite3.Connection, table: str) -> int:
    """Copy rows from both ends towards the damage; returns how many."""
    marks = ", ".join("?" * len(db.execute(f"pragma table_info({table})").fetchall()))
    (clustered,) = db.execute("select wr from pragma_table_list where name = ?", (table,)).fetchone()
    saved = 0
    for order in ("asc", "desc"):
        query = f"select * from {table} order by {'1' if clustered else 'rowid'} {order}"
        with contextlib.closing(sqlite3.connect(path)) as source:
            saved += _until_damage(source, query, db, f"insert or ignore into {table} values ({marks})")
    return saved


def _until_damage(source: sqlite3.Connection, query: str, target: sqlite3.Connection, insert: str) -> int:
    """Row after row until the end or a page that cannot be read."""
    saved = 0
    try:
        for row in source.execute(query):
            saved += target.execute(insert, row).rowcount
    except sqlite3.DatabaseError as damage:
        log.warning("%s: %s", query, damage)
    target.commit()
    return saved
