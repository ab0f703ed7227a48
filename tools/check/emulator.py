"""The sensor on an emulated ESP32, from its boot ROM on: `make check-emulator QEMU=... FIRMWARE=...`.

Builds the flash as `make flash` writes it, boots it, runs the engine's cases on the chip's own instructions, prints the
memory that the sensor's hello tells, and cuts the power at random moments, after each of which it must say hello again.
The emulator is Espressif's variant of QEMU; nothing of it is shipped. It has no radio: links are not tried here.
"""

import argparse
import json
import queue
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from reedmesh.errors import ConfigError
from reedmesh.inference import boards
from reedmesh.inference.boards import Board
from reedmesh.provisioning import flash as flashing
from reedmesh.provisioning import sensor_settings
from tools.bench import report
from tools.board import provision
from tools.check import emulated_flash
from tools.checkout import ROOT

REMEDY = (
    "no emulator of an ESP32: QEMU= is the path of Espressif's qemu-system-xtensa. ESP-IDF installs it "
    "(python tools/idf_tools.py install qemu-xtensa), or github.com/espressif/qemu has it among its releases; "
    "Debian's qemu-system-misc has no machine esp32"
)
MODEL = ROOT / "models" / "vibration" / "int8.tflite"
BOOTED, CASES = 90.0, 600.0  # seconds, on a machine that is busy
CUTS, LATEST = 50, 20.0  # power cuts, and seconds after the start
CORES = "shift=3"  # of -icount: 8 ns an instruction, as a chip of 125 million a second


def main() -> int:
    """Run all checks; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--qemu", required=True, help="Espressif's qemu-system-xtensa")
    parser.add_argument("--firmware", type=Path, help="MicroPython's official image, else it is fetched")
    parser.add_argument("--board", default="esp32")
    parser.add_argument("--cuts", type=int, default=CUTS, help="power cuts")
    asked = parser.parse_args()
    check_emulator(asked.qemu)
    board = boards.load(asked.board)
    firmware = flashing.micropython(board, asked.firmware)
    print(report.machine() + ", emulated ESP32: not silicon")
    return run(asked.qemu, board, firmware, asked.cuts)


def check_emulator(qemu: str) -> None:
    """Raise ConfigError unless it is an emulator that has an ESP32."""
    try:
        said = subprocess.run([qemu, "-M", "help"], capture_output=True, text=True, check=False, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"{qemu}: {error}: {REMEDY}") from error
    if not any(line.split()[:1] == ["esp32"] for line in said.splitlines()):
        raise ConfigError(f"{qemu}: {REMEDY}")


def run(qemu: str, board: Board, firmware: bytes, cuts: int) -> int:
    """Print what each check gave; 1 when one failed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "efuse.bin").write_bytes(emulated_flash.fuses())
        good, bad = run_cases(qemu, folder, emulated_flash.flash_of_cases(board, firmware))
        print(f"cases      {good} right, {bad} wrong")
        (folder / "flash.bin").write_bytes(emulated_flash.flash(board, firmware, settings(board), MODEL))
        hello = first_hello(qemu, folder)
        print(f"hello      model {hello['model'][:8]}, memory {json.dumps(hello['memory'])}")
        survived = sum(survives(qemu, folder) for _ in range(cuts))
        print(f"power cuts {survived} of {cuts} starts after one said hello")
        return int(bool(bad) or not good or survived < cuts or not hello["model"])


def settings(board: Board) -> dict[str, Any]:
    """Of a sensor on a wire; its transducer is not there, which its hello tells."""
    asked = ["--name", "press", "--gateway", "gw", "--board", board.name, "--uart", "1"]
    made: dict[str, Any] = sensor_settings.settings(provision.arguments(asked))
    return made


def run_cases(qemu: str, folder: Path, content: bytes) -> tuple[int, int]:
    """How many cases came out right and wrong."""
    (folder / "flash.bin").write_bytes(content)
    with emulated(qemu, folder) as lines:
        words = until(lines, "TOTAL good ", CASES).split()
    return int(words[2]), int(words[4])


def first_hello(qemu: str, folder: Path) -> dict[str, Any]:
    """What the sensor says of itself once it started."""
    with emulated(qemu, folder) as lines:
        said: dict[str, Any] = json.loads(until(lines, "hello {", BOOTED).removeprefix("hello "))
        return said


def survives(qemu: str, folder: Path) -> bool:
    """Whether the sensor says hello after its power was cut at some moment."""
    with emulated(qemu, folder):
        time.sleep(random.uniform(0.5, LATEST))
    with suppress(ConfigError):
        return bool(first_hello(qemu, folder))
    return False


@contextmanager
def emulated(qemu: str, folder: Path) -> Iterator["queue.Queue[str]"]:
    """A board that runs from the flash and the fuses in `folder`, until its power is cut; the lines it prints."""
    drives = [
        f"file={folder / 'flash.bin'},if=mtd,format=raw",
        f"file={folder / 'efuse.bin'},if=none,format=raw,id=efuse",
    ]
    options = ["-M", "esp32", "-icount", CORES, "-display", "none", "-monitor", "none", "-serial", "stdio"]
    options += [word for drive in drives for word in ("-drive", drive)]
    options += ["-global", "driver=nvram.esp32.efuse,property=drive,value=efuse"]
    options += ["-global", "driver=timer.esp32.timg,property=wdt_disable,value=true", "-serial", "null"]
    lines: queue.Queue[str] = queue.Queue()
    # QEMU drops what a board prints once nobody can type: stdin stays open.
    with subprocess.Popen([qemu, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        reader = threading.Thread(target=_read, args=(process.stdout, lines), daemon=True)
        reader.start()
        try:
            yield lines
        finally:
            process.kill()


def _read(console: Any, lines: "queue.Queue[str]") -> None:
    for line in console:
        lines.put(line.rstrip())
    lines.put("")


def until(lines: "queue.Queue[str]", begins: str, patience: float) -> str:
    """The first line that begins so; raises ConfigError with the last ones when none comes."""
    end, last = time.monotonic() + patience, [""]
    while time.monotonic() < end:
        with suppress(queue.Empty):
            last = [*last[-4:], lines.get(timeout=1)]
            if last[-1].startswith(begins):
                return last[-1]
    raise ConfigError(f"the emulated board said no {begins!r} in {patience:.0f} s. Its last words: {' / '.join(last)}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ConfigError as fault:
        sys.exit(f"check_emulator: {fault}")
