"""Every command that README and the page of figures print begins as printed: its first seconds, from this checkout."""

import os
import re
import shlex
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from reedmesh.__main__ import main
from tests.support.paths import ROOT

FIRST = 3.0  # seconds that a command is let run
ENDS = 20.0  # seconds that it may take to end when it is asked to
BLOCK = re.compile(r"^ {4}(make|sudo|reedmesh) ?(.*?)(?:  +#.*)?$", re.MULTILINE)
INLINE = re.compile(r"`(make|reedmesh)( [^`]*)?`")
FAILED = ("Traceback", "usage:", "ModuleNotFoundError", "is needed:", "No rule to make target")
ELSEWHERE = {  # command: why its first seconds say nothing here, or would change this machine
    "make test": "it runs this test",
    "make provision": "its key is for the reader to fill in",
    "make flash": "it writes to a board on a serial port",
    "make install-gateway YES=1": "it makes a service of this machine",
    "make demo DATA=mill.csv": "the recording is the reader's; tests/e2e/test_line.py replays one",
    "make check-service": "it needs root and a container; CI runs it by itself",
    "make check-wheels": "it asks the package index",
    "make update-sensors": "it needs a gateway's settings in /etc",
    "make bench-skab": "its recording may not be bundled",
}


def printed() -> list[str]:
    """The commands in README and docs/figures.md, each once, as one would type them."""
    text = "\n".join((ROOT / page).read_text() for page in ("README.md", "docs/figures.md"))
    found = [" ".join(match.groups("")).strip() for each in (BLOCK, INLINE) for match in each.finditer(text)]
    return list(dict.fromkeys(" ".join(command.split()) for command in found))


def elsewhere(command: str) -> bool:
    """Whether it is not begun here: it is in ELSEWHERE, or "..." is for the reader to fill in."""
    return "..." in command or any(f"{command} ".startswith(f"{each} ") for each in ELSEWHERE)


@pytest.fixture
def mark() -> Iterator[str]:
    """What the environment of everything carries that a command starts; whatever is left of it is ended."""
    name = f"README_{uuid.uuid4().hex}"
    yield name
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if name.encode() in (process / "environ").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)


def begun(command: str, mark: str) -> tuple[int | None, str]:
    """Status (None: it was still at work) and what a make command said in its first seconds."""
    words = ["make", "--no-print-directory", f"VENV={sys.prefix}", f"--old-file={sys.prefix}/ready"]
    words += [f"--old-file={sys.prefix}/demo-ready", *shlex.split(command)[1:]]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "MAKE"))}
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        words, cwd=ROOT, env={**environment, mark: "1"}, stdout=pipe, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        said, _ = process.communicate(timeout=FIRST)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.communicate(timeout=ENDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        return None, ""
    return process.returncode, said.decode(errors="replace")


def test_each_make_command_begins(mark: str) -> None:
    wrong = []
    for command in printed():  # one after the other: several use the same folders below build/
        if command.startswith("make ") and not elsewhere(command):
            status, said = begun(command, mark)
            if status or any(each in said for each in FAILED):
                wrong.append(f"{command}: status {status}: {said[-500:]}")
    assert not wrong, "\n".join(wrong)


def test_each_reedmesh_command_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    """They ask a running gateway; that the words are right is told by --help, which reads them before it ends."""
    told = [command for command in printed() if command.startswith(("reedmesh ", "sudo reedmesh "))]
    assert told
    for command in told:
        for words in command.removeprefix("sudo ").removeprefix("reedmesh ").split(" | "):
            verb = shlex.split(words)[0]
            with pytest.raises(SystemExit) as ended:
                main([verb, "--help"])
            assert ended.value.code == 0, f"{command}: {capsys.readouterr().err}"


def test_what_is_left_out_is_printed_and_a_target() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {command.split()[1] for command in printed() if command.startswith("make ")} <= targets
    for command in ELSEWHERE:
        assert any(f"{each} ".startswith(f"{command} ") for each in printed()), f"{command}: no page has it any more"
