"""What set-up says while pip works: real sizes as pip tells them, and pip's own words when it fails."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tools.set_up import Progress

PIP = """Obtaining file:///home/me/reedmesh
Collecting numpy>=1.26 (from reedmesh==0.2.0)
  Downloading numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64.whl (16.5 MB)
Collecting rich
  Downloading rich-13.9-py3-none-any.whl (242 kB)
Requirement already satisfied: pip in ./.venv
Installing collected packages: numpy, rich
"""


def test_packages_and_megabytes_are_those_that_pip_names() -> None:
    progress = Progress()
    told = [progress.take(line) for line in PIP.splitlines(keepends=True)]
    assert told == [True, True, True, True, True, False, True]
    assert progress.line(7.2) == "  installing: 3 packages, 17 MB downloaded, 7 s"


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "tools" / "set_up.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_failure_shows_what_pip_said_and_its_status(tmp_path: Path) -> None:
    ended = run(".venv", "1 MB", "--no-index", "--target", str(tmp_path), "no-such-package-of-ours")
    assert ended.returncode != 0 and "No matching distribution" in ended.stderr
    assert "setting up .venv, once: 1 MB" in ended.stdout and "set up in" not in ended.stdout


@pytest.mark.parametrize("target", ["demo", "provision"])
def test_make_says_what_it_needs_before_it_fetches_anything(tmp_path: Path, target: str) -> None:
    """A Python without the venv module, or one that is too old, ends it with a remedy."""
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    command = ["make", "--no-print-directory", f"VENV={tmp_path / 'env'}", f"PYTHON={fake}", target]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2 and "Python 3.11 or newer is needed" in ended.stdout
    assert not (tmp_path / "env").exists()


@pytest.mark.parametrize(
    ("target", "variable"), [("bench-skab", "DATA"), ("check-model", "MODEL"), ("flash", "CONFIG")]
)
def test_a_target_that_lacks_a_variable_names_it(target: str, variable: str) -> None:
    command = ["make", "--no-print-directory", "--old-file=.venv/ready", target]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2 and f"make {target}: {variable}= is needed: " in ended.stdout
    assert "usage:" not in ended.stderr
