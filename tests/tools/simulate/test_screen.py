"""The demo's screen on small and large terminals, and what it says at its end."""

import io
import json
import shlex
from pathlib import Path

import pytest
from rich.console import Console

from reedmesh.links.mqtt_link import Message
from reedmesh.protocol import wire
from tools.simulate import layout, recordings, screen, summary
from tools.simulate.observer import ENOUGH_REJECTED, Parts, Picture

SIZES = [(80, 24), (120, 40)]


@pytest.fixture
def picture(tmp_path: Path) -> Picture:
    """Of a line whose machines all run well."""
    it = Picture(layout.plan(recordings.bundled("actuators"), tmp_path / "line"), "four machines", 8080)
    it.joined, it.parts = True, Parts("watching", rejected=ENOUGH_REJECTED)
    for gateway, name in it.sensors:
        state = {"state": "watching", "score": 0.51, "threshold": 1.25, "windows": 12, "missed": 0, "model": "aa"}
        it.take(Message(f"{wire.BASE}/{gateway}/{name}/state", json.dumps(state | {"disagreements": 0}).encode()))
    return it


def alert(picture: Picture, index: int) -> None:
    """One of its sensors raises an alert."""
    gateway, name = list(picture.sensors)[index]
    said = {"type": "new", "kind": "anomaly", "sensor": name, "score": 2.08, "threshold": 1.25}
    picture.take(Message(f"{wire.BASE}/{gateway}/alert", json.dumps(said).encode()))


def shown(picture: Picture, width: int, height: int) -> list[str]:
    """The lines on a terminal of that size."""
    terminal = Console(width=width, height=height, file=io.StringIO(), force_terminal=True, color_system=None)
    terminal.print(screen.frame(picture, height))
    file = terminal.file
    assert isinstance(file, io.StringIO)
    return file.getvalue().rstrip("\n").split("\n")


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_it_fits_and_says_how_to_stop(picture: Picture, width: int, height: int) -> None:
    for number in range(100):
        picture.note(f"event {number}, which is told in more words than a narrow terminal has room for, and then some")
    for index in range(len(picture.sensors)):
        alert(picture, index)
    lines = shown(picture, width, height)
    assert len(lines) < height and max(map(len, lines)) <= width
    assert "Ctrl-C ends it" in lines[-1] and "http://127.0.0.1:8080" in lines[-1]
    for gateway, name in picture.sensors:
        assert any(f"{gateway}/{name}" in line for line in lines)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_an_alert_stays_while_newer_events_come(picture: Picture, width: int, height: int) -> None:
    alert(picture, 1)
    for number in range(100):
        picture.note(f"event {number}")
    text = "\n".join(shown(picture, width, height))
    assert "actuator5: FALSE ALERT, score 2.08 above 1.25" in text
    assert "event 99" in text and "event 2 " not in text


def test_merges_are_counted_and_not_listed(picture: Picture) -> None:
    events = len(picture.log)
    for merged in range(1, 68):
        info = {"neighbours": {"hall2": merged}, "reputation": {"hall2": {"merged": merged, "refused": 3}}}
        picture.take(Message(f"{wire.BASE}/hall1/info", json.dumps(info).encode()))
    assert "updates 67, merged 67, refused 3" in shown(picture, 80, 24)[-1]
    assert len(picture.log) == events + 1, "that hall1 has what hall2 learnt is told once"


def test_only_machines_of_gateways_with_neighbours_decide(picture: Picture) -> None:
    for machine in picture.plan.machines:
        if machine.faulty:
            machine.condition = "fault"
            picture.turned(machine)
    failing = [i for i, sensor in enumerate(picture.sensors.values()) if sensor.machine.faulty]
    compared = [i for i in failing if picture.plan.machines[i].gateway == "alone"]
    for index in set(failing) - set(compared):
        assert not picture.good
        alert(picture, index)
    assert picture.good and len(compared) == 1
    picture.parts.rejected = 0
    assert not picture.good, "the gripper's failures passed"
    picture.parts.rejected = ENOUGH_REJECTED
    picture.sensors["hall1", "actuator1"].false_alerts = 1
    assert not picture.good


def test_the_summary_compares_the_same_machine_with_and_without_neighbours(
    picture: Picture, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summary, "console", Console(width=80))
    alert(picture, 4)
    summary.show(picture)
    said = capsys.readouterr().out
    assert "actuator2, learnt from 40 windows" in said
    rows = {line.split("│")[1].strip(): line.split("│")[2:-1] for line in said.splitlines() if line.count("│") == 4}
    assert [cell.strip() for cell in rows["with neighbours"]] == ["0", "no"]
    assert [cell.strip() for cell in rows["without"]] == ["1", "hidden by the false alert"]


def test_the_closing_hints_name_a_program_that_is_there(picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(picture.plan.folder.parent)
    for hint in summary.hints(picture):
        program, *words = shlex.split(hint)
        assert Path(program).exists(), f"{hint}: cannot be pasted"
        assert Path(words[-1]) == Path("line/hall3/reedmesh.toml")
