"""The line as a user runs it: real gateways, real brokers, real MicroPython sensors; it learns, it alarms, it ends."""

import json
import os
import pickle
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support import timeouts
from tests.support.micropython import binary
from tests.support.paths import ROOT
from tools.simulate import recordings

PATIENCE = 600 + timeouts.PATIENCE  # seconds: the longest play, and what starting and ending it may take


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A simulated machine in a file, so that the test needs no recording of a real one."""
    return simulated(tmp_path)


def simulated(folder: Path) -> Path:
    """A recording of a simulated machine."""
    made = recordings.simulate()
    arrays = {key: getattr(made, key) for key in ("x", "gateway", "split", "label", "rate_hz", "lsb_per_g")}
    np.savez(folder / "windows.npz", **arrays, names=np.array(made.names))
    return folder / "windows.npz"


def own_family(folder: Path) -> Path:
    """A family that nobody ships: a model.toml and what its build.py made of it, somewhere on this machine."""
    return Path(shutil.copytree(ROOT / "tests" / "families" / "tank", folder / "tank"))


def line(folder: Path, data: Path | None, *options: str) -> "subprocess.Popen[str]":
    binary()  # skips the test without a MicroPython
    command = [sys.executable, "-m", "tools.simulate.demo", "--folder", str(folder / "line"), "--page", "0"]
    command += ["--data", str(data)] if data else []
    return subprocess.Popen([*command, *options], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def running(folder: Path) -> list[str]:
    """Command lines of processes that work in `folder`."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command and f"/{os.getpid()}/" not in str(process):
            found.append(command)
    return found


def test_every_failing_machine_alarms_and_no_other_does(tmp_path: Path, data: Path) -> None:
    with line(tmp_path, data, "--broker", "mosquitto", "--seconds", "600", "--rate", "30") as process:
        said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0, said
    assert "every failing machine raised an alert, no other did" in said
    found = [line.split()[2] for line in said.splitlines() if ": ALERT after" in line]
    assert {"machine1-2:", "machine2:"} <= set(found) <= {"machine1-2:", "machine2:", "machine2-alone:"}, said
    false = [line.split()[2] for line in said.splitlines() if ": FALSE ALERT" in line]
    assert set(false) <= {"machine2-alone:"}, said
    assert "machine2, learnt from 67 windows" in said or "machine2, learnt from 60 windows" in said
    assert "4 ledgers are whole, the passports of 5 models hold" in " ".join(said.split())
    wired = [json.loads(file.read_text()) for file in (tmp_path / "line").glob("*/*/config.json")]
    assert ["serial" in each for each in wired].count(True) == 1, "one of the sensors is on a wire"
    assert running(tmp_path / "line") == []
    hints = [line.strip() for line in said.splitlines() if line.startswith("  ") and "reedmesh.toml" in line]
    pasted = [subprocess.run(shlex.split(each), cwd=ROOT, capture_output=True, text=True) for each in hints]
    assert [(each.returncode, each.stderr) for each in pasted] == [(0, ""), (0, "")], hints
    assert pasted[0].stdout.startswith("passport   holds") and len(pasted[1].stdout.splitlines()) > 3


def test_the_recording_that_ships_is_replayed_without_a_file_or_a_network(tmp_path: Path) -> None:
    with line(tmp_path, None, "--seconds", "60", "--rate", "30") as process:
        said = process.communicate(timeout=2 * PATIENCE)[0]
    assert process.returncode in (0, 1), said
    assert said.startswith("line: four hydraulic actuators") and "with neighbours" in said, said
    assert "actuator5: ALERT after" in said and "actuator2: ALERT after" in said, said


def test_a_family_needs_nothing_but_its_folder(tmp_path: Path) -> None:
    family = own_family(tmp_path)
    options = ("--broker", "embedded", "--family", str(family), "--seconds", "80", "--rate", "30")
    with line(tmp_path, None, *options) as process:
        said = process.communicate(timeout=2 * PATIENCE)[0]
    # Of the machine that comes late 50 overlapping windows are learnt: with neighbours' sums its fault is found, from
    # 98 % of its onsets; without them from 59 %.
    assert "process1-2: ALERT after" in said and " process2: ALERT after" in said and "FALSE" not in said, said
    hellos = [json.loads(file.read_text()) for file in (tmp_path / "line").glob("*/*/config.json")]
    kinds = sorted(each["features"]["kind"] for each in hellos)
    assert kinds == ["cycle"] + 5 * ["trend"]  # the gripper judges parts; all machines are of the family


def test_a_line_that_had_no_time_to_learn_does_not_claim_success(tmp_path: Path, data: Path) -> None:
    with line(tmp_path, data, "--seconds", "3") as process:
        said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 1 and "NOT SHOWN" in said


def test_ctrl_c_ends_it_and_leaves_nothing_behind(tmp_path: Path, data: Path) -> None:
    with line(tmp_path, data) as process:
        assert process.stdout
        for text in process.stdout:
            if "learning" in text:
                process.send_signal(signal.SIGINT)
                break
        rest = process.communicate(timeout=PATIENCE)[0]
    assert "Traceback" not in rest
    assert running(tmp_path / "line") == []


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("none.npz", None, "there is no such file"),
        ("empty.npz", b"", "is empty"),
        ("picture.csv", b"\x89PNG\r\n", "this is a PNG picture"),
        ("objects.npy", pickle.dumps([1]), "a Python pickle, which can run code"),
    ],
)
def test_what_cannot_be_replayed_is_said_in_one_line(
    tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with line(tmp_path, tmp_path / name) as process:
        said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 2 and said.count("\n") == 1 and name in said and says in said


def test_a_table_of_ones_own_is_replayed(tmp_path: Path) -> None:
    """One machine, one CSV: the first gateway has two sensors on it, and one of them fails."""
    made = recordings.simulate(gateways=1)
    with (tmp_path / "mill.csv").open("w") as file:
        file.write("time,ax,ay,az,state\n")
        for windows, state in (
            (made.windows(0, "train", "normal"), "OK"),
            (made.windows(0, "test", "imbalance"), "Bad"),
        ):
            for i, row in enumerate(windows[:180].reshape(-1, 3).tolist()):
                file.write(f"{i / 200:.3f},{row[0]},{row[1]},{row[2]},{state}\n")
    with line(tmp_path, tmp_path / "mill.csv", "--seconds", "600", "--rate", "30") as process:
        said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0, said
    assert "labels from column state" in said and "family vibration" in said and "mill-2: ALERT after" in said
