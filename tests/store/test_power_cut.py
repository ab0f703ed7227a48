"""A power cut at any moment takes nothing that somebody was told is safe: alerts, the outbox, keys, who is trusted."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from reedmesh.alerts.alert import NEW, Alert, Change
from reedmesh.identity import keystore
from reedmesh.identity.keys import Key
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.identity.trust_store import Trust
from reedmesh.store.store import Store
from tests.support.power_cut import Recorder, recording, restore

GONE, GOOD = Key(bytes([1]) * 32), Key(bytes([2]) * 32)
UNTIL = 2_000_000_000


def raised(number: int) -> Change:
    alert = Alert(f"a{number}", f"s{number}", NEW, 100.0 + number, None, 5.0, 1.0, 5.0)
    return Change("new", alert, "raised", 100.0 + number)


def alerts(folder: Path, disk: Recorder) -> None:
    """Alerts are stored with what is to be told of them; some have been told; the gateway starts anew between."""
    for life in range(2):
        with Store(folder) as store:
            for number in range(10 * life, 10 * life + 6):
                store.alerts.save([raised(number)])
                disk.promise(("alert", f"a{number}"))
            store.outbox.sent([store.outbox.next()[0][0]])
            store.sensors.save_hello(f"s{life}", {"v": 1, "pad": "x" * 3000})
            disk.promise(("hello", f"s{life}"))


def trust(folder: Path, disk: Recorder) -> None:
    """Keys are made, trusted, rotated and revoked, the head of the ledger is published, a sensor's key is revoked."""
    own = keystore.load(folder)
    disk.promise(("key", own.public))
    known = Trust(folder, {"hall2": GONE.public})
    known.trust("hall3", GOOD.public)
    disk.promise(("trusted", GOOD.public))
    known.revoke(GONE.public)
    disk.promise(("revoked", GONE.public))
    sensors = SensorKeys(folder)
    made = sensors.made_for("press")
    disk.promise(("sensor", made))
    sensors.revoke("press")
    disk.promise(("sensor revoked", "press"))
    new = keystore.rotate(folder, "hall1", UNTIL)
    disk.promise(("rotated", (own.public, new.public)))


CHECKS: dict[str, Callable[[Path, object], bool]] = {
    "alert": lambda folder, what: (
        bool(rows(folder, "select 1 from alerts where id = ?", what))
        and bool(rows(folder, "select 1 from journal where alert = ?", what))
    ),
    "hello": lambda folder, what: bool(rows(folder, "select 1 from sensors where name = ?", what)),
    "key": lambda folder, what: what in keystore.lineage(folder, "hall1"),
    "trusted": lambda folder, what: what in Trust(folder, {}).of("hall3"),
    "revoked": lambda folder, what: what not in Trust(folder, {"hall2": GONE.public}).of("hall2"),
    "sensor": lambda folder, what: "press" in SensorKeys(folder).revoked() or SensorKeys(folder).of("press") == what,
    "sensor revoked": lambda folder, what: what in SensorKeys(folder).revoked(),
    "rotated": lambda folder, what: keystore.lineage(folder, "hall1")[:2] == [*reversed(what)],  # type: ignore[call-overload]
}


def rows(folder: Path, query: str, *values: object) -> list[object]:
    with closing(sqlite3.connect(folder / "reedmesh.db")) as db:
        return db.execute(query, values).fetchall()


@pytest.mark.parametrize("story", [alerts, trust])
@pytest.mark.parametrize("seed", range(3))
def test_whatever_a_power_cut_leaves_what_was_promised_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, story: Callable[[Path, Recorder], None], seed: int
) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    with recording(folder, monkeypatch, seed) as disk:
        story(folder, disk)
    assert disk.writes > 5 and len(disk.cuts) > 20, "nothing was recorded"
    for number, (made, contents) in enumerate(disk.cuts):
        after = tmp_path / f"cut-{number}"
        after.mkdir()
        restore(contents, after)
        if (after / "reedmesh.db").exists():
            Store(after).close()
            assert not list(after.glob("*.damaged-*")), f"cut {number} damaged the database"
        for kind, what in disk.promises[:made]:
            assert CHECKS[kind](after, what), f"cut {number}: {kind} {what!r} was promised, and is lost"
        shutil.rmtree(after)


def test_what_was_not_told_waits_after_every_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stored and not struck off means that it waits: no alert is in the journal without having been told or waiting."""
    folder = tmp_path / "state"
    folder.mkdir()
    told: list[str] = []
    with recording(folder, monkeypatch) as disk, Store(folder) as store:
        for number in range(6):
            store.alerts.save([raised(number)])
            disk.promise(list(told))
        for number, _ in store.outbox.next():
            told.append(f"a{number - 1}")
            store.outbox.sent([number])
            disk.cut()
    for number, (_, contents) in enumerate(disk.cuts):
        after = tmp_path / f"cut-{number}"
        after.mkdir()
        restore(contents, after)
        Store(after).close()
        stored = {each[0] for each in rows(after, "select id from alerts")}  # type: ignore[index]
        waiting = {each[0] for each in rows(after, "select alert from outbox")}  # type: ignore[index]
        assert stored - waiting <= set(told)
        shutil.rmtree(after)
