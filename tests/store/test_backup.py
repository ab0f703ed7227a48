"""A backup is one file with all that matters: put back it forgets no revocation, and nothing in it goes unchecked."""

import io
import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from reedmesh.__main__ import main
from reedmesh.config import joined
from reedmesh.config.settings import Neighbour
from reedmesh.errors import ConfigError
from reedmesh.identity import keystore
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.identity.trust_store import Trust
from reedmesh.store import backup, database
from reedmesh.store.store import Store
from tests.support.neighbours import key_of

GONE, KEPT, LATER = (key_of(name).public for name in ("gone", "kept", "later"))


def gateway(folder: Path) -> tuple[Path, str]:
    """A gateway that trusts, has revoked, and knows two sensors; its state directory and its config."""
    state, config = folder / "state", folder / "reedmesh.toml"
    config.write_text(f'name = "hall1"\nstate = "{state}"\n')
    keystore.rotate(state, "hall1", 2_000_000_000)
    trust, sensors = Trust(state, {}), SensorKeys(state)
    for key in (GONE, KEPT):
        trust.trust("hall2", key)
    trust.revoke(GONE)
    for name in ("press", "fan"):
        sensors.made_for(name)
    sensors.revoke("fan")
    with Store(state) as store:
        store.sensors.save_hello("press", {"v": 1})
    return state, str(config)


def test_a_restore_on_a_new_machine_brings_back_keys_trust_and_revocations(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, config = gateway(tmp_path)
    before = keystore.load(state).public, keystore.lineage(state, "hall1"), SensorKeys(state).of("press")
    joined.save(state, Neighbour("hall4", "127.0.0.1", KEPT.hex(), plain=True))
    (state / "forks").mkdir()
    (state / "forks" / "hall2-family-7.proof").write_bytes(b"proof")
    assert main(["backup", str(tmp_path / "backup.tar"), config]) == 0
    state.rename(tmp_path / "burnt")
    assert main(["restore", "--check", str(tmp_path / "backup.tar"), config]) == 0
    assert not (state / database.NAME).exists()
    assert main(["restore", str(tmp_path / "backup.tar"), config]) == 0
    assert (keystore.load(state).public, keystore.lineage(state, "hall1"), SensorKeys(state).of("press")) == before
    assert [each.name for each in joined.load(state)] == ["hall4"]
    assert (state / "forks" / "hall2-family-7.proof").read_bytes() == b"proof"
    trust = Trust(state, {"hall2": GONE})
    assert trust.of("hall2") == [KEPT] and GONE.hex() in trust.known().revoked
    with pytest.raises(ConfigError, match="was revoked"):
        trust.trust("hall2", GONE)
    assert SensorKeys(state).revoked() == {"fan"} and SensorKeys(state).names() == ["press"]
    with Store(state) as store:
        assert store.sensors.hellos() == {"press": {"v": 1}}
    assert all(path.stat().st_mode & 0o077 == 0 for path in state.rglob("*") if path.is_file())
    assert "revocations since then stay" in capsys.readouterr().out


def test_what_was_revoked_after_the_backup_stays_so(tmp_path: Path) -> None:
    state, config = gateway(tmp_path)
    assert main(["backup", str(tmp_path / "backup.tar"), config]) == 0
    Trust(state, {}).trust("hall3", LATER)
    Trust(state, {}).revoke(KEPT)
    SensorKeys(state).revoke("press")
    (state / "ledger.head").write_bytes(b"published since")
    assert main(["restore", str(tmp_path / "backup.tar"), config]) == 0
    trust = Trust(state, {})
    assert {GONE.hex(), KEPT.hex()} <= set(trust.known().revoked) and trust.of("hall3") == [LATER]
    assert SensorKeys(state).of("press") is None and SensorKeys(state).revoked() == {"fan", "press"}
    assert (state / "ledger.head").read_bytes() == b"published since"
    assert len(list(state.glob("reedmesh.db.before-*"))) >= 1


def test_a_gateway_that_runs_is_not_restored_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state, config = gateway(tmp_path)
    assert main(["backup", str(tmp_path / "backup.tar"), config]) == 0
    with Store(state):
        assert main(["restore", str(tmp_path / "backup.tar"), config]) == 2
    assert "systemctl stop reedmesh" in capsys.readouterr().err


@pytest.mark.parametrize("place", [0.2, 0.5, 0.9])
def test_a_damaged_backup_is_refused_before_anything_is_written(tmp_path: Path, place: float) -> None:
    state, config = gateway(tmp_path)
    backup = tmp_path / "backup.tar"
    assert main(["backup", str(backup), config]) == 0
    spoilt = bytearray(backup.read_bytes())
    with tarfile.open(backup) as tar:
        member = next(each for each in tar if each.name == database.NAME)
    spoilt[member.offset_data + int(place * member.size)] ^= 1
    backup.write_bytes(spoilt)
    state.rename(tmp_path / "burnt")
    assert main(["restore", str(backup), config]) == 2
    assert not state.exists()


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "sensors/../../x", "other", "sensors"])
def test_a_backup_that_lists_what_is_no_file_of_a_gateway_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as tar:
        table = {"gateway": "x", "made": 0, "files": {database.NAME: "", name: ""}}
        for each, data in ((backup.MANIFEST, json.dumps(table).encode()), (name, b"evil")):
            member = tarfile.TarInfo(each)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    with pytest.raises(ConfigError, match="it lists"):
        backup.verify(path)


def test_a_copy_without_windows_has_everything_else(tmp_path: Path) -> None:
    state, _ = gateway(tmp_path)
    with Store(state) as store:
        store.windows.add("press", 1.0, bytes(100), None)
    backup.make(tmp_path / "daily.tar", state, "hall1", without=["windows"])
    assert backup.rehearse(tmp_path / "daily.tar") == 0
    with tarfile.open(tmp_path / "daily.tar") as tar, closing(sqlite3.connect(":memory:")) as db:
        member = tar.extractfile(database.NAME)
        assert member
        db.deserialize(member.read())
        assert db.execute("select count(*) from windows").fetchone() == (0,)
        assert db.execute("select count(*) from sensors").fetchone() == (1,)


def test_the_daily_copy_is_replaced_by_one_that_is_whole(tmp_path: Path) -> None:
    state, _ = gateway(tmp_path)
    for _ in range(2):
        backup.daily(state, "hall1")
        assert backup.rehearse(state / backup.DAILY) == 0
        assert (state / backup.DAILY).stat().st_mode & 0o777 == 0o600
    before = (state / backup.DAILY).read_bytes()
    (state / database.NAME).write_bytes(b"\xa5" * 8192)
    with pytest.raises(ConfigError):
        backup.daily(state, "hall1")
    assert (state / backup.DAILY).read_bytes() == before
