"""`reedmesh install` on a machine whose files are a folder: what it says, does, keeps and takes away again."""

import os
import shutil
import stat
from pathlib import Path

import paho.mqtt.publish as paho
import pytest

from reedmesh.__main__ import main
from reedmesh.broker.accounts import derived
from reedmesh.commands import install, ownership
from reedmesh.config import credentials
from reedmesh.config.settings import load_config
from reedmesh.errors import ConfigError
from tests.support.brokers import free_port, mosquitto_by
from tests.support.micropython import missing
from tests.support.paths import ROOT

PASSWD = "root:x:0:0:root:/root:/bin/bash\n"
GROUP = "root:x:0:\nmosquitto:x:64:\n"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A Debian's worth of files, with mosquitto; what works on them are systemd's own programs."""
    if os.geteuid() != 0 or not shutil.which("systemd-sysusers"):
        missing("only root can give files away, and systemd must be there: sudo make test")
    root = tmp_path / "machine"
    for folder in ("etc/systemd/system", "etc/mosquitto/conf.d", "usr/local/bin", "var/lib"):
        (root / folder).mkdir(parents=True)
    (root / "etc/passwd").write_text(PASSWD)
    (root / "etc/group").write_text(GROUP)
    (root / "etc/mosquitto/mosquitto.conf").write_text("include_dir /etc/mosquitto/conf.d\n")
    return root


def installed(root: Path, *more: str) -> int:
    return main(["install", "--root", str(root), "--program", "/opt/reedmesh/bin/reedmesh", *more])


def files(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Mode, owner and bytes of every file."""
    found = {}
    for path in sorted(root.rglob("*")):
        at = path.lstat()
        text = path.read_bytes() if stat.S_ISREG(at.st_mode) else os.fsencode(path)
        found[str(path.relative_to(root))] = (at.st_mode, at.st_uid, text)
    return found


def test_it_says_what_it_would_do_and_does_nothing(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(machine)
    assert installed(machine) == 0 and files(machine) == before
    said = capsys.readouterr().out
    for word in ("write /etc/systemd/system/reedmesh.service", "/var/lib/reedmesh, 700", "nothing was done yet"):
        assert word in said


def test_what_it_makes_is_whole_and_whose_it_should_be(machine: Path) -> None:
    assert installed(machine, "--yes") == 0
    user = int((machine / "etc/passwd").read_text().splitlines()[-1].split(":")[2])
    assert "\nreedmesh:" in (machine / "etc/passwd").read_text() and user != 0
    state = machine / "var/lib/reedmesh"
    assert {path.lstat().st_uid for path in [state, *state.rglob("*")]} == {user}
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    settings = machine / "etc/reedmesh/reedmesh.toml"
    assert stat.S_IMODE(settings.stat().st_mode) == 0o640 and settings.stat().st_gid != 0
    assert load_config(settings).state == "/var/lib/reedmesh"
    for secret in ("etc/reedmesh/credentials", "etc/reedmesh/dashboard.toml"):
        assert stat.S_IMODE((machine / secret).stat().st_mode) & 0o077 == 0
    assert (machine / "etc/mosquitto/reedmesh/passwords").stat().st_gid == 64
    wanted = machine / "etc/systemd/system/multi-user.target.wants"
    assert {path.name for path in wanted.iterdir()} >= {"reedmesh.service", "reedmesh-dashboard.service"}
    assert (machine / "usr/local/bin/reedmesh").readlink() == Path("/opt/reedmesh/bin/reedmesh")


def test_again_is_an_upgrade_that_keeps_what_people_and_sensors_told(machine: Path) -> None:
    assert installed(machine, "--yes") == 0
    settings = machine / "etc/reedmesh/reedmesh.toml"
    mine = settings.read_text().replace("on = 4 ", "on = 3 ") + '\n[[serial]]\nport = "/dev/ttyUSB0"\n'
    mine = mine.replace("urls = []", 'urls = ["ntfy://line"]')
    settings.write_text(mine)
    unit = machine / "etc/systemd/system/reedmesh.service"
    unit.write_text("an older one")
    drop_in = machine / "etc/systemd/system/reedmesh.service.d/mine.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\nNice=-5\n")
    secret = (machine / "var/lib/reedmesh/broker").read_bytes()
    assert installed(machine, "--yes") == 0
    assert settings.read_text() == mine and drop_in.exists()
    assert (machine / "var/lib/reedmesh/broker").read_bytes() == secret
    assert "Type=notify" in unit.read_text()
    assert {path.name for path in drop_in.parent.iterdir()} == {"mine.conf", "serial.conf", "notify.conf"}

    once = files(machine)
    assert installed(machine, "--yes") == 0
    changed = {name for name, what in files(machine).items() if once[name] != what}
    assert changed <= {"etc/mosquitto/reedmesh/passwords"}  # salted anew
    settings.write_text(mine.replace("ntfy://line", "").replace('[""]', "[]"))
    assert installed(machine, "--yes") == 0
    assert {path.name for path in drop_in.parent.iterdir()} == {"mine.conf", "serial.conf"}


def test_uninstalled_the_data_stay_and_nothing_else(machine: Path) -> None:
    before = set(files(machine))
    assert installed(machine, "--yes") == 0
    assert main(["uninstall", "--root", str(machine)]) == 0
    assert (machine / "etc/systemd/system/reedmesh.service").exists()
    assert main(["uninstall", "--root", str(machine), "--yes"]) == 0
    left = {name for name in set(files(machine)) - before if not name.startswith(("var/lib/reedmesh", "etc/reedmesh"))}
    assert left <= {"etc/sysusers.d", "etc/systemd/system/multi-user.target.wants", "etc/.pwd.lock"} | {
        f"etc/{table}{end}" for table in ("passwd", "group", "shadow", "gshadow") for end in ("", "-")
    }
    assert (machine / "etc/reedmesh/reedmesh.toml").exists() and (machine / "var/lib/reedmesh/broker").exists()


def test_mosquitto_takes_the_files(machine: Path, tmp_path: Path) -> None:
    settings, port = machine / "etc/reedmesh/reedmesh.toml", free_port()
    settings.parent.mkdir()
    settings.write_text(f'name = "hall1"\nstate = "/var/lib/reedmesh"\n[broker]\nport = {port}\n')
    assert installed(machine, "--yes") == 0
    text = (machine / "etc/mosquitto/conf.d/reedmesh.conf").read_text()
    for needed in ("set_tcp_nodelay true", "max_queued_messages", "allow_anonymous false"):
        assert needed in text
    here = tmp_path / "mosquitto.conf"
    here.write_text("user root\n" + text.replace("/etc/mosquitto", f"{machine}/etc/mosquitto"))
    password = derived(machine / "var/lib/reedmesh", "gateway.hall1")
    with mosquitto_by(here):
        login = {"username": "gateway.hall1", "password": password}
        paho.single("reedmesh/hall1/beat", qos=1, port=port, auth=login)  # type: ignore[arg-type]


def test_a_second_listener_on_the_port_is_refused_by_name(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (machine / "etc/mosquitto/conf.d/old.conf").write_text("listener 1883\nallow_anonymous true\n")
    assert installed(machine, "--yes") == 2
    assert "old.conf" in capsys.readouterr().err


def test_without_mosquitto_the_remedy_is_told(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(machine / "etc/mosquitto")
    assert installed(machine) == 2
    assert "apt install mosquitto" in capsys.readouterr().err


def test_only_root_installs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main(["install", "--yes"]) == 2
    assert "sudo" in capsys.readouterr().err


def test_root_gives_back_what_it_made_but_no_links(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        missing("only root can give files away: sudo make test")
    state, elsewhere = tmp_path / "state", tmp_path / "elsewhere"
    (state / "sensors").mkdir(parents=True)
    for path in (state / "sensors" / "press", state / "key", elsewhere):
        path.write_text("secret")
    os.chown(state, 1234, 1234)
    (state / "link").symlink_to(elsewhere)
    os.link(elsewhere, state / "second name")
    os.chown(state / "key", 77, 77)  # somebody else's stays theirs
    assert {path.name for path in ownership.give_back(state)} == {"sensors", "press"}
    assert elsewhere.stat().st_uid == 0 and (state / "key").stat().st_uid == 77
    assert ownership.give_back(tmp_path / "nowhere") == []


def test_secrets_may_come_from_systemd_or_lie_beside_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, handed = tmp_path / "reedmesh.toml", tmp_path / "handed"
    table = f'[[neighbours]]\nname = "hall2"\nhost = "127.0.0.1"\nkey = "{"0f" * 32}"\n'
    file.write_text('name = "hall1"\nstate = "s"\n' + table)
    assert load_config(file).neighbours[0].password == ""
    for folder, name, text in (
        ("credentials", "neighbour.hall2", "beside\n"),
        ("handed", "reedmesh_exchange", "ab" * 32),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(text)
    assert load_config(file).neighbours[0].password == "beside"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed))
    loaded = load_config(file)
    assert loaded.neighbours[0].password == "beside" and loaded.exchange.secret == "ab" * 32
    (handed / "reedmesh_neighbour.hall2").write_text("handed")
    assert load_config(file).neighbours[0].password == "handed"
    (handed / "reedmesh_neighbour.hall2").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"neighbour\.hall2"):
        load_config(file)
    assert credentials.find("none", file) == ""


def test_the_units_name_the_program_that_installs_them() -> None:
    for unit in (install.GATEWAY, install.DASHBOARD_UNIT):
        assert (ROOT / "gateway" / "systemd" / unit).read_text().count(install.IN_UNITS) == 1


def test_a_folder_without_a_system_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if os.geteuid() != 0:
        missing("only root installs: sudo make test")
    assert installed(tmp_path, "--yes") == 2
    assert "holds no system (there is no /etc/passwd)" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_command_of_root_goes_through_no_link_that_the_service_planted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The service's user was broken into and owns the state directory; an admin runs documented commands."""
    if os.geteuid() != 0:
        missing("only root has rights to lose: sudo make test")
    tmp_path.chmod(0o755)
    for each in (tmp_path, *tmp_path.parents[:2]):
        each.chmod(0o755)
    state, config = tmp_path / "state", tmp_path / "reedmesh.toml"
    config.write_text(f'name = "hall1"\nstate = "{state}"\n')
    state.mkdir(mode=0o700)
    victims = {}
    for name in ("trust.json", "trust.new", "succession", "succession.new", "key.previous", "sensors"):
        victims[name] = tmp_path / f"root-{name}"
        if name == "sensors":
            victims[name].mkdir(mode=0o700)
        else:
            victims[name].write_text("root's own")
            victims[name].chmod(0o600)
        (state / name).symlink_to(victims[name])
        os.chown(state / name, 65534, 65534, follow_symlinks=False)
    os.chown(state, 65534, 65534)
    for words in (["keys", "revoke", "ab" * 32], ["keys", "rotate"], ["sensor-key", "press"], ["keys", "show"]):
        main([*words, str(config)])
        assert os.geteuid() == 0 and os.getegid() == os.getgid()
    capsys.readouterr()
    assert all(path.read_text() == "root's own" for name, path in victims.items() if name != "sensors")
    assert not list(victims["sensors"].iterdir())
    assert all(path.lstat().st_uid == 0 for path in victims.values())
