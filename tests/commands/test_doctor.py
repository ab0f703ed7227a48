"""The doctor finds what makes gateways fail at night, one fault after the other, and says what to do."""

import json
import os
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reedmesh.__main__ import main
from reedmesh.commands.doctor import command, host, line, service
from reedmesh.commands.doctor.archive import archive
from reedmesh.commands.doctor.finding import ERROR, GOOD, WARNING, Case, Check, Finding
from reedmesh.commands.doctor.language_model import language_model
from reedmesh.config.settings import load_config
from reedmesh.identity import certificates, keystore
from reedmesh.protocol import wire
from reedmesh.store import database
from reedmesh.store.store import Store
from tests.service.test_prometheus import WATCHING, vitals
from tests.support.brokers import free_port, mosquitto
from tests.support.micropython import missing

NOW = time.time()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The settings of a gateway whose database and key are there."""
    state = tmp_path / "state"
    Store(state).close()
    keystore.load(state)
    settings = tmp_path / "reedmesh.toml"
    settings.write_text(f'name = "gw"\nstate = "{state}"\n')
    return settings


def case(path: Path, now: float = NOW, said: dict[str, Any] | None = None, **broker: Any) -> Case:
    return Case(path, load_config(path), now, said)


def found(check: Check, it: Case) -> list[Finding]:
    findings = list(check(it))
    assert all(each.remedy for each in findings if each.severity != GOOD)
    return findings


def only(check: Check, it: Case, severity: str, *words: str) -> None:
    """There is one finding of that severity with these words in it or in its remedy."""
    texts = [f"{each.what} {each.remedy}" for each in found(check, it) if each.severity == severity]
    assert sum(all(word in text for word in words) for text in texts) == 1, found(check, it)


def test_a_gateway_that_is_well_has_no_error(path: Path) -> None:
    for check in (service.owners, service.settings, service.family, service.store):
        assert all(each.severity == GOOD for each in found(check, case(path))), found(check, case(path))


def test_a_clock_of_1970_or_behind_the_database_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(host.clock, case(path, now=4711.0), ERROR, "January 1970", "NTP")
    with Store(path.parent / "state") as store:
        store.windows.add("press", NOW + 7200, b"1", None)
    only(host.clock, case(path), ERROR, "2.0 h behind")
    with closing(sqlite3.connect(path.parent / "state" / database.NAME)) as db, db:
        db.execute("delete from windows")
    for kept, severity in ((True, GOOD), (False, WARNING)):
        monkeypatch.setattr(host, "synchronised", lambda kept=kept: kept)
        only(host.clock, case(path), severity, "synchronised")


def test_a_disk_that_is_full_read_only_or_gone_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = host.shutil.disk_usage(path)
    for free, severity in ((10e6, ERROR), (300e6, WARNING)):
        monkeypatch.setattr(host.shutil, "disk_usage", lambda _, free=free: usage._replace(free=free, total=8e9))
        only(host.disk, case(path), severity, f"{free / 1e6:.0f} MB free")
    real = os.statvfs
    monkeypatch.setattr(host.os, "statvfs", lambda at: type("Flags", (), {"f_flag": real(at).f_flag | os.ST_RDONLY}))
    only(host.disk, case(path), ERROR, "read-only", "card")
    path.write_text('name = "gw"\nstate = "/nowhere/at/all"\n')
    only(host.disk, case(path), ERROR, "No such file")
    only(service.owners, case(path), ERROR, "No such file")


def test_how_long_a_card_lasts_follows_from_what_is_written(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = tmp_path / "mmcblk0p2"
    device.mkdir()
    monkeypatch.setattr(host, "_cards", lambda state: iter([device]))
    up = float(Path("/proc/uptime").read_text().split()[0])
    a_day = 400e9 / 86400 * max(up, 3601)
    (device / "stat").write_text(f"1 2 3 4 5 6 {int(a_day / 512)} 8\n")
    monkeypatch.setattr(host, "_uptime", lambda: max(up, 3601))
    only(host.wear, case(path), WARNING, "400000 MB", "0.7 years", "iotop")
    (device / "stat").write_text(f"1 2 3 4 5 6 {int(a_day / 512 / 1000)} 8\n")
    only(host.wear, case(path), GOOD, "400 MB")


def test_files_of_others_and_keys_for_all_are_told(path: Path) -> None:
    if os.geteuid() != 0:
        missing("only root can give files away: sudo make test")
    state = path.parent / "state"
    (state / "key").chmod(0o644)
    only(service.owners, case(path), ERROR, "others may read")
    (state / "key").chmod(0o600)
    os.chown(state / "key", 1234, 1234)
    only(service.owners, case(path), ERROR, f"{state}/key", "chown")


def test_settings_that_are_dangerous_are_told(path: Path) -> None:
    neighbour = (
        f'[[neighbours]]\nname = "hall2"\nhost = "10.0.0.2"\nkey = "{"0f" * 32}"\nplain = true\npassword = "x"\n'
    )
    path.write_text(path.read_text() + "[broker]\nanonymous = true\nplain = true\n" + neighbour)
    only(service.settings, case(path), ERROR, "anonymous")
    only(service.settings, case(path), WARNING, "broker.plain")
    only(service.settings, case(path), WARNING, "hall2", "without TLS")
    path.chmod(0o644)
    only(service.settings, case(path), WARNING, "everybody", "passwords")
    path.write_text(path.read_text().replace("[broker]", 'family = "nonesuch"\n[broker]'))
    only(service.family, case(path), ERROR, "nonesuch")


def test_a_damaged_missing_or_newer_database_is_told(path: Path) -> None:
    file = path.parent / "state" / database.NAME
    with closing(sqlite3.connect(file)) as db:
        db.execute("pragma user_version = 99")
    only(service.store, case(path), ERROR, "newer reedmesh")
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    only(service.store, case(path), ERROR, str(file), "restart")
    file.unlink()
    only(service.store, case(path), WARNING, "none yet")
    Store(file.parent).close()
    file.with_name(f"{database.NAME}.damaged-1").touch()
    only(service.store, case(path), WARNING, "damaged-1", "replace")


@pytest.mark.parametrize(
    ("days", "severity", "words"), [(400, GOOD, "counts"), (20, WARNING, "ends in"), (-3, ERROR, "ended 3")]
)
def test_certificates_that_end_are_told_in_time(path: Path, days: int, severity: str, words: str) -> None:
    path.write_text(path.read_text() + "[broker]\ntls_port = 8883\n")
    only(service.certificates, case(path), ERROR, "server.crt", "reedmesh pki")
    made = certificates.issue(path.parent / "state" / certificates.FOLDER, ["127.0.0.1"], None)
    then = made.not_valid_after_utc - timedelta(days=days, hours=-1 if days > 0 else 0)
    only(service.certificates, case(path, now=then.timestamp()), severity, words)
    assert made.not_valid_before_utc < datetime.now(UTC)


def test_a_broker_that_is_not_there_and_a_port_that_is_gone_are_told(path: Path, tmp_path: Path) -> None:
    port, head = free_port(), path.read_text()
    path.write_text(f'{head}[broker]\nport = {port}\n[[serial]]\nport = "/dev/ttyNONE"\n')
    only(service.broker, case(path), ERROR, f"127.0.0.1:{port}", "systemctl status mosquitto")
    only(service.program, case(path), ERROR, "/dev/ttyNONE", "by-id")
    with mosquitto(tmp_path, port):
        only(service.broker, case(path), GOOD, "answers")
        certificates.make_ca(tmp_path / "site", "site")
        path.write_text(f'{head}[broker]\nport = {port}\nca = "{tmp_path}/site/ca.crt"\n')
        assert [each.severity for each in found(service.broker, case(path))] == [ERROR]  # it speaks no TLS


def test_without_litert_the_stand_in_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(service.program, case(path), GOOD, "ai-edge-litert")

    def gone(name: str) -> str:
        raise service.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(service.importlib.metadata, "version", gone)
    only(service.program, case(path), WARNING, "tflite-runtime")


def test_what_a_running_gateway_says_is_judged(path: Path) -> None:
    sick: dict[str, Any] = {
        "press": WATCHING | {"online": False},
        "fan": WATCHING | {"refusal": "400 unusable", "moved": 1.3},
        "saw": WATCHING | {"disagreements": 3},
        "mill": WATCHING | {"windows": 900, "missed": 100},
    }
    said = vitals(
        sensors=sick,
        counted={"sensors": 4, "alerts": 0},
        link={"connected": True, "reconnects": 50, "offline": 9.0},
        began=NOW - 3600,
        version="0.0.1",
    )
    only(line.answers, case(path, said=said), WARNING, "0.0.1 runs", "restart")
    only(line.answers, case(path, said=said | {"stuck": ["outbox"]}), ERROR, "stuck: outbox")
    only(line.answers, case(path), ERROR, "does not answer", "journalctl")
    only(line.link, case(path, said=said), WARNING, "50 times", "second gateway")
    only(line.outbox, case(path, said=said), WARNING, "1 late, 2 many")
    only(line.neighbours, case(path, said=said), WARNING, "hall3")
    for name, words in (("press", "sensor press floods"), ("flood", "flood, no sensor of ours"), ("", "somebody")):
        only(line.floods, case(path, said=said | {"babbling": {name: 9000.0}}), ERROR, words, "9000 messages/s")
    assert found(line.floods, case(path, said=said)) == []
    for name, words in (("press", "silent"), ("fan", "400 unusable"), ("saw", "differ"), ("mill", "10.0 %")):
        only(line.sensors, case(path, said=said), WARNING, f"sensor {name}", words)
    deaf = said | {"sensors": {"lathe": WATCHING | {"sensitivity": 24.4, "deafest": [7, 30.5]}}}
    heard = "lathe: a band must rise by 24 dB before it alerts, band 7 by 30 dB"
    only(line.sensors, case(path, said=deaf), WARNING, heard, "relearn lathe")
    young = said | {"sensors": {"lathe": WATCHING | {"promise": 0.1013}}}
    only(line.sensors, case(path, said=young), WARNING, "lathe: learnt from few windows: up to 10%", "relearn lathe")
    assert any("fan: its machine moved 1.3 units" in each.what for each in found(line.sensors, case(path, said=said)))
    well = vitals(counted={"sensors": 2, "alerts": 0})
    well["sensors"]["fan"] |= {"state": "watching"}
    only(line.sensors, case(path, said=well), GOOD, "all 2")


def test_what_sensors_said_of_themselves_is_judged(path: Path) -> None:
    well = {"v": wire.VERSION, "firmware": "0.1.0", "safe_mode": False, "error": "", "relapse": ""}
    odd = {
        "old": {"v": 99, "firmware": "0.0.1"},
        "stuck": {"safe_mode": True, "error": "OSError 5"},
        "torn": {"error": "MemoryError"},
        "back": {"relapse": "trial failed"},
    }
    assert found(line.hellos, case(path)) == []
    with Store(path.parent / "state") as store:
        for name in ("a", "b"):
            store.sensors.save_hello(name, well)
        assert found(line.hellos, case(path)) == []
        for name, said in odd.items():
            store.sensors.save_hello(name, well | said)
    only(line.hellos, case(path), ERROR, "sensor old", "version 99")
    only(line.hellos, case(path), ERROR, "sensor stuck", "safe mode", "OSError 5")
    only(line.hellos, case(path), WARNING, "sensor torn", "MemoryError")
    only(line.hellos, case(path), WARNING, "sensor back", "relearn back")
    only(line.hellos, case(path), WARNING, "5 with 0.1.0, 1 with 0.0.1")
    starved = {
        "shard": 1024,
        "memory": {"free": 31000, "used": 90000, "longest": 6400, "least": 1340, "idf_free": 8544},
    }
    roomy = {"shard": 1024, "memory": {"free": 31000, "longest": 38912, "least": 30000}}
    with Store(path.parent / "state") as store:
        for name, said in (
            ("starved", starved),
            ("wired", starved | {"shard": 224}),
            ("roomy", roomy),
            ("odd", {"memory": 1}),
        ):
            store.sensors.save_hello(name, well | said)
    only(
        line.hellos,
        case(path),
        WARNING,
        "sensor starved",
        "6 KiB in a row and had 1 at least; the heap has 30 KiB",
        "S3",
    )
    assert not [each for each in found(line.hellos, case(path)) if "wired" in str(each) or "roomy" in str(each)]
    (path.parent / "state" / database.NAME).unlink()
    only(line.hellos, case(path), WARNING, "cannot be read")


def test_the_exit_status_is_the_worst_finding(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    worst = {"good": Finding(GOOD, "a"), "warning": Finding(WARNING, "b", "c"), "error": Finding(ERROR, "d", "e")}
    for status, word in enumerate(worst):
        monkeypatch.setattr(command, "examine", lambda *_, word=word: [worst["good"], worst[word]])
        assert main(["doctor", str(path)]) == status
        assert "-> " in capsys.readouterr().out or not status
        assert main(["doctor", "--json", str(path)]) == status
        told = json.loads(capsys.readouterr().out)
        assert told["status"] == status and told["findings"][1]["severity"] == word


def test_wrong_settings_are_findings_and_a_check_that_fails_hides_no_other(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(it: Case) -> list[Finding]:
        raise KeyError(it.path)

    monkeypatch.setattr(command, "CHECKS", (broken, service.family))
    monkeypatch.setattr(command, "PATIENCE", 0.2)
    assert [each.severity for each in command.examine(path, NOW)] == [ERROR, GOOD]
    path.write_text("name = 1\nfoo = 2\n")
    assert len(command.examine(path, NOW)) == 3


def test_check_config_says_everything_at_once_in_words_and_in_json(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check-config", "--json", str(path)]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(path), "good": True, "faults": []}
    text = path.read_text() + '[broker]\nca = "none.crt"\ntls_port = 8883\n'
    path.write_text(text.replace("[broker]", 'family = "nonesuch"\n[broker]'))
    assert main(["check-config", str(path)]) == 2
    said = capsys.readouterr().err
    for word in ("nonesuch", "none.crt", "server.crt"):
        assert said.count(word) >= 1, said
    assert main(["check-config", "--json", str(path)]) == 2
    assert len(json.loads(capsys.readouterr().out)["faults"]) == 3


def test_a_language_model_that_is_none_is_a_warning(path: Path, tmp_path: Path) -> None:
    assert not found(language_model, case(path))
    model = tmp_path / "model.gguf"
    path.write_text(f'{path.read_text()}[assistant]\nmodel = "{model}"\n')
    only(language_model, case(path), WARNING, "not there", "without it")
    model.write_bytes(b"PK\x03\x04")
    only(language_model, case(path), WARNING, "no GGUF file")
    model.write_bytes(b"GGUF")
    only(language_model, case(path), GOOD, "model.gguf")


def test_an_archive_that_lacks_holders_or_a_code_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {"count": 3, "margins": {"2": 3}, "holders": {"hall2": {"lost": False}}}
    monkeypatch.setattr("reedmesh.commands.doctor.archive.ask", lambda *_: told)
    assert found(archive, case(path, said=vitals())) == [], "it takes no part"
    path.write_text(path.read_text() + "[archive]\nmegabytes = 50\n")
    only(archive, case(path, said=vitals()), WARNING, "no recovery code", "reedmesh archive paper")
    (path.parent / "state" / "recovery").touch()
    only(archive, case(path, said=vitals()), GOOD, "3 objects")
    told |= {"margins": {"-1": 1, "0": 2}, "holders": {"hall2": {"lost": True}}}
    only(archive, case(path, said=vitals()), ERROR, "1 objects cannot be read now")
    only(archive, case(path, said=vitals()), WARNING, "2 objects cannot be read if one more")
    only(archive, case(path, said=vitals()), WARNING, "hall2 is lost")
    assert found(archive, case(path)) == [], "a gateway that does not run is told by another check"
