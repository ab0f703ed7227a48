"""A damaged, old or full database: what can be kept is kept, and what was done is said."""

import asyncio
import json
import logging
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from reedmesh.__main__ import main
from reedmesh.alerts.alert import Alert, Change
from reedmesh.broker import accounts
from reedmesh.errors import ConfigError, DiskError
from reedmesh.identity import keystore
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.store import database
from reedmesh.store.store import Store
from reedmesh.store.writer import Disk

ALERT = Alert("press-1", "press", "new", 10.0, None, 2.5, 1.0, 2.5)
PAGE = 4096


def filled(folder: Path, windows: int = 2000) -> None:
    with Store(folder) as store:
        store.alerts.save([Change("new", ALERT, "raised", 10.0)])
        store.windows.write([("press", float(i), bytes(64), i) for i in range(windows)])


def test_a_damaged_page_costs_only_what_was_on_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    filled(tmp_path)
    path = tmp_path / database.NAME
    data = bytearray(path.read_bytes())
    late = (len(data) // PAGE - 10) * PAGE  # one of windows: they were written last
    data[late : late + PAGE] = b"\xa5" * PAGE
    path.write_bytes(data)
    with caplog.at_level(logging.ERROR), Store(tmp_path) as store:
        assert store.alerts.open() == [ALERT]
        left = store._db.execute("select count(*) from windows").fetchone()[0]
    assert 1500 < left < 2000 and "damaged" in caplog.text
    assert len(list(tmp_path.glob("reedmesh.db.damaged-*"))) == 1


@pytest.mark.parametrize("part", [slice(0, PAGE), slice(0, 100), slice(100, PAGE)], ids=["page", "header", "schema"])
def test_a_damaged_first_page_costs_nothing_but_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, part: slice
) -> None:
    filled(tmp_path)
    path = tmp_path / database.NAME
    data = bytearray(path.read_bytes())
    data[part] = b"\xa5" * (part.stop - part.start)
    path.write_bytes(data)
    with caplog.at_level(logging.ERROR), Store(tmp_path) as store:
        assert store.alerts.open() == [ALERT]
        assert store._db.execute("select count(*) from windows").fetchone() == (2000,)
    assert "damaged" in caplog.text and not list(tmp_path.glob("*.mended"))


def test_a_file_that_is_no_database_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / database.NAME).write_bytes(b"not SQLite" * 1000)
    with Store(tmp_path) as store:
        assert store.alerts.open() == []
    assert list(tmp_path.glob("*damaged*"))


def test_the_first_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    filled(tmp_path, 1)
    path = tmp_path / database.NAME
    with closing(sqlite3.connect(path)) as db, db:
        for column in ("kind", "by", "verdict", "shelved_until", "flood", "cause", "tags", "lesson"):
            db.execute(f"alter table alerts drop column {column}")
        for old, new in (("score", "value"), ("threshold", "limit"), ("top_score", "worst")):
            db.execute(f'alter table alerts rename column "{new}" to {old}')
        db.execute("drop index outbox_of_alert")
        for column in ("way", "alert", "priority", "queued"):
            db.execute(f"alter table outbox drop column {column}")
        for column in ("passport", "receipt", "material"):
            db.execute(f"alter table models drop column {column}")
        for table in ("knowledge", "copies"):
            db.execute(f"alter table {table} drop column sums")
        for column in ("signer", "copied"):
            db.execute(f"alter table copies drop column {column}")
        db.execute("pragma user_version = 0")
    with Store(tmp_path) as store:
        assert store.alerts.open() == [ALERT]
        assert store._db.execute("select way, alert, priority, queued from outbox").fetchall() == [
            ("mqtt", ALERT.id, 2, 10.0)
        ]


def test_a_database_of_a_later_reedmesh_is_left_alone(tmp_path: Path) -> None:
    filled(tmp_path, 1)
    with closing(sqlite3.connect(tmp_path / database.NAME)) as db, db:
        db.execute("pragma user_version = 99")
    with pytest.raises(ConfigError, match="upgrade"):
        Store(tmp_path)
    assert not list(tmp_path.glob("*damaged*"))


def test_a_backup_of_a_running_gateway_is_whole(tmp_path: Path) -> None:
    with Store(tmp_path / "state") as store:
        store.alerts.save([Change("new", ALERT, "raised", 10.0)])
        database.back_up(tmp_path / "state", tmp_path / "copy.db")
        with pytest.raises(ConfigError, match="exists"):
            database.back_up(tmp_path / "state", tmp_path / "copy.db")
    (tmp_path / "new").mkdir()
    (tmp_path / "copy.db").rename(tmp_path / "new" / database.NAME)
    with Store(tmp_path / "new") as store:
        assert store.alerts.open() == [ALERT]


def test_a_lost_backup_without_keys_gives_away_no_key_and_no_password_and_others_cannot_read_it(tmp_path: Path) -> None:
    state, config = tmp_path / "state", tmp_path / "reedmesh.toml"
    secret, password = "5e" * 32, "c0ffee" * 10
    neighbour = f'name = "hall2"\nhost = "127.0.0.1"\nkey = "{"0f" * 32}"\npassword = "{password}"\n'
    config.write_text(f'name = "gw"\nstate = "{state}"\n[exchange]\nsecret = "{secret}"\n[[neighbours]]\n{neighbour}')
    secrets = [keystore.secret(state / "key"), keystore.secret(state / "broker"), SensorKeys(state).made_for("press")]
    with Store(state) as store:
        store.sensors.save_hello("press", {"v": 1})
        assert main(["backup", "--without-keys", str(tmp_path / "copy.db"), str(config)]) == 0
    copy = (tmp_path / "copy.db").read_bytes()
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600 and b"press" in copy
    secrets += [bytes.fromhex(secret), password.encode(), accounts.derived(state, "dashboard").encode()]
    for each in secrets:
        assert each not in copy and each.hex().encode() not in copy


def limited(store: Store, spare: int) -> None:
    pages = store._db.execute("pragma page_count").fetchone()[0]
    store._db.execute(f"pragma max_page_count = {pages + spare}")


def test_on_a_full_disk_windows_make_room_for_alerts(tmp_path: Path) -> None:
    async def story() -> None:
        store = Store(tmp_path)
        disk = Disk(store)
        await disk.call(store.windows.write, [("press", float(i), bytes(64), i) for i in range(2000)])
        limited(store, 0)
        for i in range(200):
            await disk.once(
                store.alerts.save, [Change("new", Alert(f"a{i}", *list(vars(ALERT).values())[1:]), "raised", 1.0)]
            )
        assert (
            len(store.alerts.open()) == 200
            and 0 < store._db.execute("select count(*) from windows").fetchone()[0] < 2000
        )
        disk.close()

    asyncio.run(story())


def test_a_disk_with_no_room_at_all_loses_no_window(tmp_path: Path) -> None:
    async def story() -> None:
        store = Store(tmp_path)
        disk = Disk(store)
        limited(store, 0)
        for i in range(500):
            store.windows.add("press", float(i), bytes(200), i)
        await disk.flush()
        assert disk.trouble
        with pytest.raises(DiskError):
            await disk.once(store.windows.write, [("press", 1.0, bytes(200000), 1)])
        store._db.execute("pragma max_page_count = 100000")
        await disk.flush()
        assert len(store.windows.learnt_from("press", 1000)) == 500 and not disk.trouble
        disk.close()

    asyncio.run(story())


def test_every_commit_is_synced_before_it_counts(tmp_path: Path) -> None:
    """What the open connection says, not what we asked for: 2 is FULL, which a power cut needs."""
    with Store(tmp_path) as store:
        assert store._db.execute("pragma synchronous").fetchone() == (2,)
        assert store._db.execute("pragma journal_mode").fetchone() == ("wal",)


def test_urgent_alerts_leave_first_and_the_steps_of_one_alert_stay_in_order(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        for name, priority in (("slow", 3), ("urgent", 1), ("usual", 2), ("urgent", 1), ("slow", 3)):
            alert = replace(ALERT, id=name, worst={1: 100.0, 2: 2.5, 3: 1.01}[priority])
            assert alert.priority == priority
            with store._db:
                store.outbox.add([Change("new", alert, "raised", 10.0)])
        assert [json.loads(text)["id"] for _, text in store.outbox.next()] == [
            "urgent",
            "urgent",
            "usual",
            "slow",
            "slow",
        ]
        ids = [number for number, _ in store.outbox.next()]
        assert ids[:2] == sorted(ids[:2]) and ids[3:] == sorted(ids[3:])
