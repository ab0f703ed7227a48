"""How small a heap the engine runs in, alone and with the whole sensor around it; what each board has left.

The unix port of this machine has words of 64 bits; boards have words of 32, so half of every pointer here is air. A
MicroPython built with `CC="gcc -m32" LD="gcc -m32"` says what a board would need: `--micropython PATH`.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from reedmesh import board as boards
from reedmesh.errors import ConfigError
from tools import device, image, provision, results

ENGINE = ("tflite/", "features", "score", "recipe", "scaling", "bench")  # of the list: what judges a window
FOREIGN = device.ROOT.parent / "shared" / "data"
SCRIPTS = device.ROOT / "tests" / "firmware"
RUNS = {  # name: script that runs it without an allocation, model, KiB it shall fit
    "vibration": (SCRIPTS / "tflite_memory.py", device.ROOT / "models" / "vibration" / "int8.tflite", 64),
    "kws": (SCRIPTS / "tflite_room.py", FOREIGN / "mlperf_tiny" / "kws_ref_model.tflite", 128),
}
LARGEST = 1024  # KiB


def main() -> int:
    """Print the smallest heaps; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--micropython", help="the program, default $MICROPYTHON or this environment's")
    micropython = parser.parse_args().micropython or device.micropython()
    try:
        bits = word(micropython)
    except (OSError, TypeError, subprocess.CalledProcessError) as error:
        print(f"{micropython}: no MicroPython: {error}", file=sys.stderr)
        return 2
    print(f"MicroPython of {bits} bits on {platform.machine()}; smallest heap that is enough")
    with tempfile.TemporaryDirectory() as folder:
        device.compile_into(Path(folder), {32: "x86", 64: "x64"}[bits], ENGINE)
        for name, (script, model, goal) in RUNS.items():
            show(name, micropython, Path(folder), bits, [str(script), str(model)], goal)
    with tempfile.TemporaryDirectory() as folder:
        show_boards(micropython, sensor(Path(folder), bits), bits)
    return 0


def sensor(folder: Path, bits: int) -> Path:
    """What is on a sensor of the vibration family, with a model, compiled for this machine."""
    asked = ["--name", "press", "--gateway", "gw", "--host", "127.0.0.1", "--plain", "--ssid", "x", "--key", "0f" * 32]
    os.environ.setdefault("WIFI_PASSWORD", "x")
    settings = provision.settings(provision.arguments(asked))
    image.collect(folder, {32: "x86", 64: "x64"}[bits], settings, RUNS["vibration"][1])
    return folder


def show_boards(micropython: str, folder: Path, bits: int) -> None:
    """What the whole sensor takes after its start, and what is left of each board's heap."""
    script = str(SCRIPTS / "board_heap.py")
    least = smallest(micropython, folder, [script, str(folder)])
    used = started(micropython, [script, str(folder)], LARGEST)["used"] / 1024
    print(
        f"sensor     {least:4} KiB, the whole program with the model of the vibration family; {used:.0f} of them in use"
    )
    results.save(f"sensor_heap_{bits}_bit", least, "KiB")
    if bits != 32:
        print("what is left of a board's heap: with a MicroPython of 32 bits, see --help")
        return
    for name in boards.names():
        budget = boards.load(name).heap_kib
        left = budget - used if budget >= least else budget - least
        print(f"  {name:14} {budget:5} KiB (estimate) {abs(left):5.0f} KiB {'free' if left >= 0 else 'short'}")
        results.save(f"board_heap_free_{name}", left, "KiB")


def started(micropython: str, run: list[str], kib: int) -> dict[str, int]:
    """Bytes in use and free after the start of a sensor in a heap of `kib`."""
    said = subprocess.run(
        [micropython, "-X", f"heapsize={kib}k", *run], capture_output=True, text=True, check=True, timeout=60
    )
    memory: dict[str, int] = json.loads(said.stdout.splitlines()[-1])
    return memory


def show(name: str, micropython: str, folder: Path, bits: int, run: list[str], goal: int) -> None:
    """Measure one model, print and keep the figure."""
    if not Path(run[1]).exists():
        print(f"{name:10} {Path(run[1]).name} of MLPerf Tiny is not beside the checkout")
        return
    kib = smallest(micropython, folder, run)
    print(
        f"{name:10} {kib:4} KiB, {Path(run[1]).stat().st_size / 1024:.1f} of them the model; to fit {goal} on a board"
    )
    results.save(f"engine_heap_{name}_{bits}_bit", kib, "KiB")


def smallest(micropython: str, folder: Path, run: list[str]) -> int:
    """The least KiB of heap with which `run` succeeds, by bisection."""
    low, high = 8, LARGEST
    while low < high:
        middle = (low + high) // 2
        command = [micropython, "-X", f"heapsize={middle}k", *run]
        environment = {**os.environ, "MICROPYPATH": f"{folder}:.frozen"}
        good = not subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60).returncode
        low, high = (low, middle) if good else (middle + 1, high)
    return low


def word(micropython: str) -> int:
    """Bits of a pointer in this MicroPython."""
    said = subprocess.run(
        [micropython, "-c", "import struct; print(struct.calcsize('P'))"], capture_output=True, text=True, check=True
    )
    return 8 * int(said.stdout)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ConfigError as fault:
        sys.exit(f"bench_memory: {fault}")
