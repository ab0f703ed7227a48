"""A gateway that starts on a disk that takes nothing goes on with what is there, and loses nothing it said since."""

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reedmesh.errors import ConfigError
from reedmesh.store import database, standby
from reedmesh.store.store import Store


@contextmanager
def full_disk() -> Iterator[None]:
    """This process may write no file, as if there was no room at all."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def filled(folder: Path) -> None:
    with Store(folder) as store, store._db:
        store._db.execute("insert into sensors values ('press', '{}')")
        store._db.execute("insert into windows values (7, 'press', 1.0, x'00', 3)")
        store._db.execute("insert into shelves values ('press', 5.0)")


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    with database.reading(folder) as db:
        return db.execute(query).fetchall()


def test_what_is_there_is_read_and_what_happens_is_on_disk_once_there_is_room(tmp_path: Path) -> None:
    filled(tmp_path)
    with full_disk():
        store = Store(tmp_path)
        assert "memory alone" in store.trouble and not store.disk_takes_data()
        assert store._db.execute("select * from shelves").fetchall() == [("press", 5.0)]
        with store._db:
            store._db.execute("insert into sensors values ('fan', '{}')")
            store._db.execute("delete from shelves")
        store.windows.add("fan", 2.0, b"\1", None)
    assert store.disk_takes_data()
    store.close()
    assert rows(tmp_path, "select name from sensors order by name") == [("fan",), ("press",)]
    assert rows(tmp_path, "select id, sensor from windows") == [(7, "press"), (8, "fan")]
    assert rows(tmp_path, "select * from shelves") == []
    assert not Store(tmp_path).trouble


def test_a_stop_while_there_is_still_no_room_leaves_the_file_as_it_was(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    filled(tmp_path)
    before = (tmp_path / database.NAME).read_bytes()
    with full_disk():
        store = Store(tmp_path)
        with store._db:
            store._db.execute("insert into sensors values ('fan', '{}')")
        store.close()
    assert "is not on disk" in caplog.text
    assert (tmp_path / database.NAME).read_bytes() == before


def test_what_a_killed_gateway_left_in_the_log_is_read_too(tmp_path: Path) -> None:
    filled(tmp_path)
    writer = sqlite3.connect(tmp_path / database.NAME)
    writer.execute("insert into sensors values ('fan', '{}')")
    writer.commit()  # and never closed: the log stays
    copy = tmp_path / "copy"
    copy.mkdir()
    for end in ("", "-wal"):
        (copy / f"{database.NAME}{end}").write_bytes((tmp_path / f"{database.NAME}{end}").read_bytes())
    writer.close()
    with full_disk():
        store = Store(copy)
        assert store._db.execute("select count(*) from sensors").fetchone() == (2,)
    store.close()


def test_a_first_start_without_room_and_an_old_version_say_what_to_do(tmp_path: Path) -> None:
    with full_disk(), pytest.raises(ConfigError, match="cannot keep a database"):
        Store(tmp_path / "new")
    filled(tmp_path)
    db = sqlite3.connect(tmp_path / database.NAME)
    db.execute("pragma user_version = 3")
    db.close()
    with pytest.raises(ConfigError, match="make room first"):
        standby.open_in(tmp_path)
