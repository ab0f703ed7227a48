"""What is stored comes back, also from the next process, and what is published is stored first."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from reedmesh.alert import Alert, Change
from reedmesh.errors import ConfigError
from reedmesh.store import Store, StoredModel

ALERT = Alert("press-1", "press", "new", 10.0, None, 2.5, 1.0, 2.5)


def test_windows_wait_and_are_written_together(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.add_window("press", 1.0, b"\x01\x80", None)
        assert store.learnt_from("press", 5) == []
        store.write_windows(store.take_pending())
        assert store.learnt_from("press", 5) == [b"\x01\x80"] and store.take_pending() == []


def test_the_newest_windows_come_oldest_first_and_of_one_sensor() -> None:
    with Store() as store:
        store.write_windows([("press" if i % 2 else "saw", float(i), bytes([i]), i) for i in range(20)])
        assert store.learnt_from("press", 3) == [b"\x0f", b"\x11", b"\x13"]


def test_old_windows_age_out() -> None:
    with Store(keep_windows=10) as store:
        for i in range(25):
            store.write_windows([("press", float(i), bytes([i]), None)])
        assert store.learnt_from("press", 99) == [bytes([i]) for i in range(15, 25)]


def test_a_change_is_stored_and_waits_to_be_published_until_it_was(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.save_changes([Change("new", ALERT)])
    with Store(tmp_path) as again:
        assert again.open_alerts() == [ALERT]
        [(number, text)] = again.outbox()
        assert json.loads(text) == {"type": "new", **vars(ALERT)}
        again.sent([number])
        assert again.outbox() == []
        again.save_changes([Change("end", replace(ALERT, state="cleared", until=20.0))])
        assert again.open_alerts() == [] and len(again.outbox()) == 1


def test_the_newest_model_of_each_sensor_is_kept(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        for number in (1, 2):
            store.save_model(StoredModel("press", number, 5.0, b"model", b"weights", b"trial", number))
        store.save_hello("press", {"board": "unix"})
    with Store(tmp_path) as again:
        found = again.last_model("press")
        assert found == StoredModel("press", 2, 5.0, b"model", b"weights", b"trial", 2)
        assert again.last_model("saw") is None and again.hellos() == {"press": {"board": "unix"}}


def test_closing_writes_what_waits(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.add_window("press", 1.0, b"f", 7)
    with Store(tmp_path) as again:
        assert again.learnt_from("press", 1) == [b"f"]


def test_a_place_where_nothing_can_be_kept_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file"):
        Store(tmp_path / "file")
