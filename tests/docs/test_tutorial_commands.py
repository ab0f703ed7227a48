"""Commands of tutorial and how-to pages: each is one, with options that exist; those that need no machine are run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from reedmesh.commands.parser import build
from tests.support.paths import ROOT
from tests.support.timeouts import PATIENCE

PAGES = ("tutorial", "recordings", "own-sensor", "containers")
LINE = re.compile(r"^ {4}(\S.*?)(?:  +#.*)?$", re.MULTILINE)
OURS = re.compile(r"^(?:sudo )?(?:/opt/reedmesh/bin/)?reedmesh ")
ELSEWHERE = (
    "sudo apt ",
    "sudo python3 -m venv",
    "sudo /opt/reedmesh/bin/pip",
    "sudo systemctl",
    "HOST=",
    "docker compose ",
)
STATE = "/tmp/hall1"  # noqa: S108 - as the page prints it; a test's own folder stands in
RUN = (  # in this order, in one folder
    f"reedmesh init gateway.toml --name hall1 --state {STATE} --embedded yes --notify ''",
    "reedmesh check-config gateway.toml",
    "reedmesh sensor-key press9 gateway.toml",
    "reedmesh acl invite sensor.press9 gateway.toml",
    "reedmesh import recordings/fan.npz",
)


def printed() -> list[str]:
    text = "\n".join(
        re.sub("```.*?```", "", (ROOT / "docs" / f"{page}.md").read_text(), flags=re.DOTALL) for page in PAGES
    )
    return list(dict.fromkeys(LINE.findall(text)))


@pytest.mark.parametrize("command", [each for each in printed() if OURS.match(each)])
def test_each_command_of_ours_is_understood(command: str) -> None:
    build().parse_args(shlex.split(OURS.sub("", command)))


def test_all_others_are_known() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for command in printed():
        if command.startswith("make "):
            assert command.split()[1] in targets
        elif not OURS.match(command):
            assert command.startswith(ELSEWHERE), command


def test_what_needs_no_machine_is_run_as_printed(tmp_path: Path) -> None:
    (tmp_path / "recordings").symlink_to(ROOT / "recordings")
    for command in RUN:
        assert command in printed(), command
        words = shlex.split(command.replace(STATE, str(tmp_path / "state")))[1:]
        done = subprocess.run(
            [sys.executable, "-m", "reedmesh", *words], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE
        )
        assert not done.returncode, f"{command}: {done.stderr}"
