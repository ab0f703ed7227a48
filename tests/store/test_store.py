"""What is stored comes back, also from the next process, and what is published is stored first."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from reedmesh.alerts.alert import Alert, Change
from reedmesh.errors import ConfigError
from reedmesh.store import outbox
from reedmesh.store.models import StoredModel
from reedmesh.store.store import Store

ALERT = Alert("press-1", "press", "new", 10.0, None, 2.5, 1.0, 2.5)


def test_windows_wait_and_are_written_together(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.windows.add("press", 1.0, b"\x01\x80", None)
        assert store.windows.learnt_from("press", 5) == []
        store.windows.write(store.windows.take_pending())
        assert store.windows.learnt_from("press", 5) == [b"\x01\x80"] and store.windows.take_pending() == []


def test_the_newest_windows_come_oldest_first_and_of_one_sensor() -> None:
    with Store() as store:
        store.windows.write([("press" if i % 2 else "saw", float(i), bytes([i]), i) for i in range(20)])
        assert store.windows.learnt_from("press", 3) == [b"\x0f", b"\x11", b"\x13"]


def test_old_windows_age_out() -> None:
    with Store(keep_windows=10) as store:
        for i in range(25):
            store.windows.write([("press", float(i), bytes([i]), None)])
        assert store.windows.learnt_from("press", 99) == [bytes([i]) for i in range(15, 25)]


def test_a_change_is_stored_and_waits_to_be_published_until_it_was(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.alerts.save([Change("new", ALERT, "raised", 10.0)])
    with Store(tmp_path) as again:
        assert again.alerts.open() == [ALERT]
        [(number, text)] = again.outbox.next()
        said = json.loads(text)
        assert said["type"] == "new" and said["id"] == ALERT.id and said["what"] == "raised" and said["priority"] == 2
        again.outbox.sent([number])
        assert again.outbox.next() == []
        again.alerts.save([Change("end", replace(ALERT, state="cleared", until=20.0), "cleared", 20.0)])
        assert again.alerts.open() == [] and len(again.outbox.next()) == 1


def test_windows_of_an_alert_are_not_learnt_from_unless_it_was_no_fault() -> None:
    with Store() as store:
        store.windows.write([("press", float(i), bytes([i]), 1) for i in range(100)])
        alert = replace(ALERT, since=50.0, until=60.0, state="cleared")
        store.alerts.save([Change("end", alert, "cleared", 60.0)])
        assert [each[0] for each in store.windows.learnt_from("press", 99)] == [*range(40), *range(61, 100)]
        assert [each[0] for each in store.windows.faulty("press", 5)] == [*range(56, 61)]
        store.alerts.save([Change("update", replace(alert, verdict="not a fault"), "not a fault", 70.0, "Ana")])
        assert len(store.windows.learnt_from("press", 100)) == 100 and not store.windows.faulty("press", 5)


def test_what_waits_too_long_or_is_too_much_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(outbox.LIMITS, outbox.MQTT, replace(outbox.LIMITS[outbox.MQTT], most=3))
    with Store() as store:
        old, week = Change("new", ALERT, "raised", 10.0), 8 * 86400.0
        rest = [Change(kind, ALERT, kind, week) for kind in ("new", "update", "update", "end", "new")]
        store.alerts.save([old, *rest])
        store.outbox.thin(week)
        left = [json.loads(text)["type"] for _, text in store.outbox.next()]
        assert left == ["new", "end", "new"] and store.outbox.dropped == {"late": 1, "many": 2}


def test_the_model_before_the_last_is_found_even_after_it_came_back() -> None:
    with Store() as store:
        assert store.models.before("press") is None
        for number, tflite in ((1, b"A"), (2, b"B"), (3, b"A")):
            store.models.save(StoredModel("press", number, 5.0, tflite, b"", b"", 0))
        assert (before := store.models.before("press")) and (before.sequence, before.tflite) == (2, b"B")


def test_a_sensor_learnt_anew_is_so_after_a_restart_until_it_has_a_model(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.sensors.save_relearning("press", 10.0)
        store.windows.write([("press", at, b"f", None) for at in (9.0, 11.0, 12.0)])
    with Store(tmp_path) as again:
        assert again.sensors.relearning() == {"press": 2}
        again.models.save(StoredModel("press", 1, 20.0, b"", b"", b"", 0))
        assert again.sensors.relearning() == {}


def test_the_newest_model_of_each_sensor_is_kept(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        for number in (1, 2):
            store.models.save(StoredModel("press", number, 5.0, b"model", b"weights", b"trial", number))
        store.sensors.save_hello("press", {"board": "unix"})
    with Store(tmp_path) as again:
        found = again.models.last("press")
        assert found == StoredModel("press", 2, 5.0, b"model", b"weights", b"trial", 2)
        assert again.models.last("saw") is None and again.sensors.hellos() == {"press": {"board": "unix"}}


def test_closing_writes_what_waits(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.windows.add("press", 1.0, b"f", 7)
    with Store(tmp_path) as again:
        assert again.windows.learnt_from("press", 1) == [b"f"]


def test_a_place_where_nothing_can_be_kept_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file"):
        Store(tmp_path / "file")
