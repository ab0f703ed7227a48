"""The database file: opened, checked, mended where it is damaged, and brought to the present schema.

A power cut does not damage it (WAL, synchronous = full); a worn-out SD card does. What cannot be read is left out, what
can is copied to a new file, and the damaged one stays beside it.
"""

import contextlib
import logging
import shutil
import sqlite3
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from reedmesh.errors import ConfigError, DiskError
from reedmesh.store import rescue

log = logging.getLogger(__name__)

NAME = "reedmesh.db"
FAULTS = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
VERSION = 10  # `pragma user_version` of schema.sql; migrations/09.sql turns version 9 into version 10


def open_in(directory: Path | None, most_bytes: int = 0) -> sqlite3.Connection:
    """The database in `directory`, or one in memory; raises ConfigError when none can be kept there.

    Raises DiskError when there is one, and the disk takes nothing.

    most_bytes: the size at which it counts as full, 0: none. A file that is larger already stays so, and grows no more.
    """
    db = _open(directory)
    if most_bytes:
        size = db.execute("pragma page_size").fetchone()[0]
        db.execute(f"pragma max_page_count = {most_bytes // size}")
    return db


def _open(directory: Path | None) -> sqlite3.Connection:
    try:
        if not directory:
            return in_memory()
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / NAME
        try:
            db = _ready(_connect(path))
        except sqlite3.DatabaseError as damage:
            if isinstance(damage, sqlite3.OperationalError):  # locked, full, no permission: no damage
                raise
            db = _mended(path, damage)
        rescue.note(db, directory)
        return db
    except (OSError, sqlite3.Error) as error:
        if directory and isinstance(error, sqlite3.Error) and takes_nothing(error) and space(directory)["bytes"]:
            raise DiskError(f"the store: {error}") from error
        raise ConfigError(f"state = {directory}: cannot keep a database there: {error}") from error


def in_memory() -> sqlite3.Connection:
    """An empty one that is on no disk."""
    return _ready(sqlite3.connect(":memory:", check_same_thread=False))


def takes_nothing(error: sqlite3.Error) -> bool:
    """Whether that is the disk's fault: it is full, broken or for reading only."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in FAULTS


@contextlib.contextmanager
def reading(directory: Path) -> Iterator[sqlite3.Connection]:
    """The database of a gateway, which may be running, for reading only; raises ConfigError if there is none."""
    path = directory / NAME
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as db:
            if (version := db.execute("pragma user_version").fetchone()[0]) != VERSION:
                raise ConfigError(f"{path}: of version {version}, this program reads {VERSION}: start the gateway once")
            yield db
    except sqlite3.Error as error:
        raise ConfigError(f"{path}: {error}: start the gateway once, and be its user") from error


def back_up(directory: Path, target: Path) -> None:
    """Copy the database of a gateway, perhaps running, to the new file `target`, for its owner; raises ConfigError."""
    if target.exists():
        raise ConfigError(f"{target} exists: give the backup a new name")
    try:
        target.touch(0o600)
        with contextlib.closing(reader(directory)) as source, contextlib.closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
    except (sqlite3.Error, OSError) as error:
        target.unlink(missing_ok=True)
        raise ConfigError(f"{directory / NAME} cannot be copied to {target}: {error}") from error


def reader(directory: Path) -> sqlite3.Connection:
    """A second connection to a database that a gateway may be writing, for looking only; raises sqlite3.Error."""
    return sqlite3.connect(f"file:{directory / NAME}?mode=ro", uri=True, timeout=5)


def space(directory: Path) -> dict[str, int]:
    """Return bytes of the database, free on its disk and of the whole disk; 0 for those that are not known."""
    parts = [directory / f"{NAME}{end}" for end in ("", "-wal")]
    with contextlib.suppress(OSError):
        taken = sum(part.stat().st_size for part in parts if part.exists())
        whole = shutil.disk_usage(directory)
        return {"bytes": taken, "free": whole.free, "total": whole.total}
    return {"bytes": 0, "free": 0, "total": 0}


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, check_same_thread=False, timeout=5)


def _ready(db: sqlite3.Connection) -> sqlite3.Connection:
    """Check the file and bring it up to date; raises sqlite3.DatabaseError when it is damaged."""
    try:
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = full")  # costs nothing for batches, and an alert must outlive a power cut
        db.execute("pragma journal_size_limit = 5000000")
        if (found := db.execute("pragma quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(found)
        _migrate(db)
    except sqlite3.Error:
        db.close()
        raise
    return db


def _migrate(db: sqlite3.Connection) -> None:
    version = db.execute("pragma user_version").fetchone()[0]
    if version > VERSION:
        raise sqlite3.OperationalError(f"it is of version {version}, this program knows {VERSION}: upgrade reedmesh")
    if not version and db.execute("select 1 from sqlite_master where name = 'alerts'").fetchone():
        version = 1  # the first schema had no number
    for each in range(version or VERSION, VERSION):
        db.executescript(f"begin; {_script(f'migrations/{each:02d}.sql')} pragma user_version = {each + 1}; commit;")
    # In one commit: of tables without their number, a power cut would leave what looks like the first schema.
    db.executescript(f"begin; {_script('schema.sql')} pragma user_version = {VERSION}; commit;")


def _script(name: str) -> str:
    return files("reedmesh.store").joinpath(name).read_text()


def _mended(path: Path, damage: sqlite3.DatabaseError) -> sqlite3.Connection:
    """A new database with what can be read of the damaged one, which is put aside."""
    aside = path.with_name(f"{NAME}.damaged-{int(time.time())}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    log.error("%s is damaged (%s): it is now %s, and what can be read of it is copied", path, damage, aside.name)
    db = _ready(_connect(path))
    rescue.copy(aside, path.parent, db)
    return db
