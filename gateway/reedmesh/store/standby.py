"""A database in memory, for a gateway that starts on a full or read-only disk: it judges on with existing data.

All tables but the windows are copied into it. What happens meanwhile is written back once the disk takes data again;
what a power cut takes until then, the status and an alert have said before.
"""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Collection, Iterator
from pathlib import Path

from reedmesh.errors import ConfigError, DiskError
from reedmesh.store import database

log = logging.getLogger(__name__)

PROBE = ".probe"
PROBED = 1 << 20  # bytes that the disk must take
WINDOWS = "windows"  # the bulk of the file, and of worth for learning alone


def open_in(directory: Path, without: Collection[str] = (WINDOWS,)) -> sqlite3.Connection:
    """The database in `directory`, in memory, without some tables; raises ConfigError if it is unreadable."""
    path = directory / database.NAME
    try:
        with contextlib.closing(_reader(path)) as file:
            return copied(file, path, without)
    except sqlite3.Error as error:
        raise ConfigError(f"{path}: the disk takes nothing, and it cannot be read: {error}") from error


def copied(file: sqlite3.Connection, path: Path, without: Collection[str]) -> sqlite3.Connection:
    """All tables of an open database but those, in memory, as of one moment; raises ConfigError and sqlite3.Error."""
    memory = database.in_memory()
    file.execute("begin")
    if (version := file.execute("pragma user_version").fetchone()[0]) != database.VERSION:
        raise ConfigError(f"{path}: of version {version}, and no room to bring it up to date: make room first")
    with memory:
        for table in _tables(memory):
            if table not in without:
                _copy(file, memory, table)
    file.rollback()
    return memory


def takes_data(directory: Path) -> bool:
    """Whether the disk takes data again."""
    probe = directory / PROBE
    try:
        with os.fdopen(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
            file.write(bytes(PROBED))
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
    return True


def write_back(memory: sqlite3.Connection, directory: Path) -> None:
    """Bring the file up to what memory says, in one commit; raises DiskError, and then it is as it was."""
    try:
        with contextlib.closing(database.open_in(directory)) as file, file:
            for table in _tables(memory):
                if table == WINDOWS:
                    rows = memory.execute("select sensor, at, features, score from windows order by id")
                    file.executemany("insert into windows (sensor, at, features, score) values (?, ?, ?, ?)", rows)
                else:
                    file.execute(f"delete from {table}")
                    _copy(memory, file, table)
    except (sqlite3.Error, ConfigError) as error:
        raise DiskError(f"the store: {error}") from error


def _reader(path: Path) -> sqlite3.Connection:
    """A connection that writes nothing at all: neither journal nor shared memory, for which there may be no room."""
    return next(_readers(path))


def _readers(path: Path) -> Iterator[sqlite3.Connection]:
    failed: sqlite3.Error | None = None
    for mode in ("mode=rw", "mode=ro", "immutable=1"):  # the last reads past a write-ahead log
        db = sqlite3.connect(f"file:{path}?{mode}", uri=True)
        try:
            db.execute("pragma locking_mode = exclusive")  # the index of the log is kept in the process's own memory
            db.execute("select count(*) from sqlite_master").fetchone()
            yield db
        except sqlite3.Error as error:
            db.close()
            failed = error
    raise failed or AssertionError


def _tables(db: sqlite3.Connection) -> list[str]:
    return [name for (name,) in db.execute("select name from sqlite_master where type = 'table'")]


def _copy(source: sqlite3.Connection, target: sqlite3.Connection, table: str) -> None:
    columns = [row[1] for row in source.execute(f"pragma table_info({table})")]
    names, marks = ", ".join(f'"{each}"' for each in columns), ", ".join("?" * len(columns))
    rows = source.execute(f"select {names} from {table}")
    target.executemany(f"insert into {table} ({names}) values ({marks})", rows)
