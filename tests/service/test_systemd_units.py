"""The units are what systemd takes without a word, and leave a program that was broken into little to do."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reedmesh.commands import install
from tests.support.micropython import missing
from tests.support.paths import ROOT
from tests.support.timeouts import PATIENCE

MOST_EXPOSED = 1.5  # of 10, in systemd's own figures
SHIPPED = ROOT / "gateway" / "systemd"
UNITS = ("reedmesh.service", "reedmesh-dashboard.service", "with-serial.service", "with-notify.service")


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """A folder with the units as installed, and the gateway's with each of its drop-ins."""
    if not shutil.which("systemd-analyze"):
        missing("no systemd-analyze found: apt install systemd")
    for unit in UNITS[:2]:
        (tmp_path / unit).write_text((SHIPPED / unit).read_text().replace(install.IN_UNITS, sys.executable))
    for name in ("serial", "notify"):
        shutil.copy(tmp_path / "reedmesh.service", tmp_path / f"with-{name}.service")
        drop_in = tmp_path / f"with-{name}.service.d" / f"{name}.conf"
        drop_in.parent.mkdir()
        shutil.copy(SHIPPED / f"reedmesh-{name}.conf", drop_in)
    return tmp_path


def analyze(units: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {"SYSTEMD_UNIT_PATH": f"{units}:", "PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "SYSTEMD_COLORS": "0"}
    command = ["systemd-analyze", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_finds_nothing_to_say_about_a_unit(units: Path, unit: str) -> None:
    said = analyze(units, "verify", "--man=no", str(units / unit))
    ours = [line for line in (said.stdout + said.stderr).splitlines() if "reedmesh" in line or unit in line]
    assert said.returncode == 0 and not ours


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_hardly_exposed(units: Path, unit: str) -> None:
    said = analyze(
        units, "security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED * 10:.0f}", str(units / unit)
    )
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said.stdout)
    assert found, said.stderr
    assert float(found[1]) <= MOST_EXPOSED and said.returncode == 0, said.stdout


@pytest.mark.parametrize(("name", "opened"), [("serial", "PrivateDevices="), ("notify", "does not define an IP")])
def test_drop_ins_count(units: Path, name: str, opened: str) -> None:
    """Else the test above would measure the same unit three times."""
    said = analyze(units, "security", "--offline=true", "--no-pager", str(units / f"with-{name}.service"))
    (line,) = [line for line in said.stdout.splitlines() if opened in line]
    assert line.startswith("✗")


def test_a_unit_that_is_wrong_is_noticed(units: Path) -> None:
    wrong = units / "wrong.service"
    wrong.write_text((units / "reedmesh.service").read_text().replace("Type=notify", "Type=notfy"))
    assert "notfy" in analyze(units, "verify", "--man=no", str(wrong)).stderr


def test_what_the_gateway_may_not_do_on_a_raspberry_pi_stays_so() -> None:
    lines = (SHIPPED / "reedmesh.service").read_text().splitlines()
    assert not any(line.startswith("ProcSubset=") for line in lines)  # LiteRT reads /proc/cpuinfo
    assert "Type=notify" in lines and "WatchdogSec=30" in lines and "SystemCallFilter=setpriority" in lines
