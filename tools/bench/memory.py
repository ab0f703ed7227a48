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
from hashlib import sha256
from pathlib import Path

from reedmesh.coding.bundle import Bundle, shape_for
from reedmesh.errors import ConfigError
from reedmesh.inference import boards
from reedmesh.inference.model import Model
from reedmesh.protocol import firmware_package, offer_frame, shards
from reedmesh.provisioning import device_tree, image, sensor_settings
from reedmesh.updates import firmware_packages
from tools.bench import report
from tools.bench.support import sums_model, two_heaps
from tools.board import provision, update_sensors
from tools.checkout import ROOT

# Files that judge a window.
ENGINE = (
    "tflite/",
    "recurrent/",
    "features",
    "score",
    "protocol/recipe",
    "protocol/scaling",
    "board/bench",
    "board/lazy",
)
FOREIGN = ROOT.parent / "shared" / "data"
SCRIPTS = ROOT / "tests" / "firmware" / "scripts"
RUNS = {  # name: script that runs it without an allocation, model, KiB it shall fit
    "vibration": (SCRIPTS / "engine/memory.py", ROOT / "models" / "vibration" / "int8.tflite", 64),
    "kws": (SCRIPTS / "engine/room.py", FOREIGN / "mlperf_tiny" / "kws_ref_model.tflite", 128),
}
LARGEST = 1024  # KiB
CERTAIN = {32: 130, 64: 200}  # KiB by bits of a word, in which updates surely find room
CLASSIC = two_heaps.FULL // 1024 - 4  # KiB; 4 for the keeper of Wi-Fi and more that is not measured here: an estimate
TRIES = 20
ROOM = 2048  # bytes of a block, as the sensor's hello says
KEY = "0f" * 32


def main() -> int:
    """Print the smallest heaps; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--micropython", help="the program, default $MICROPYTHON or this environment's")
    micropython = parser.parse_args().micropython or device_tree.micropython()
    try:
        bits = word(micropython)
    except (OSError, TypeError, subprocess.CalledProcessError) as error:
        print(f"{micropython}: no MicroPython: {error}", file=sys.stderr)
        return 2
    print(f"MicroPython of {bits} bits on {platform.machine()}; smallest heap that is enough")
    with tempfile.TemporaryDirectory() as folder:
        device_tree.compile_into(Path(folder), {32: "x86", 64: "x64"}[bits], ENGINE)
        by_sums = {name: (SCRIPTS / "engine/memory.py", path, 64) for name, path in sums_model.every().items()}
        for name, (script, model, goal) in (RUNS | by_sums).items():
            show(name, micropython, Path(folder), bits, [str(script), str(model)], goal)
    with tempfile.TemporaryDirectory() as folder:
        show_boards(micropython, sensor(Path(folder), bits), bits)
    return 0


def sensor(folder: Path, bits: int) -> Path:
    """What is on a sensor of the vibration family, with a model, compiled for this machine."""
    asked = ["--name", "press", "--gateway", "gw", "--host", "127.0.0.1", "--plain", "--ssid", "x", "--key", KEY]
    os.environ.setdefault("WIFI_PASSWORD", "not a secret")
    settings = sensor_settings.settings(provision.arguments(asked))
    image.collect(folder, {32: "x86", 64: "x64"}[bits], settings, RUNS["vibration"][1])
    return folder


def frames(folder: Path, bits: int) -> list[Path]:
    """A model and firmware for that sensor, as files of frames that its gateway sends, each after its length."""
    model = RUNS["vibration"][1].read_bytes() + bytes(4)
    trial = bytes(Model(model).length)
    offer = offer_frame.pack_offer(
        offer_frame.Offer(1, model, sha256(model).digest(), trial, Model(model).score(trial))
    )
    number, code = device_tree.sequence() + 1, {32: "x86", 64: "x64"}[bits]
    firmware = firmware_packages.pack(update_sensors.compiled(code), number)
    made = (offer, "vibration", 1), (firmware, f"{firmware_package.FAMILY}{code}-6-3", number)
    paths = [folder / "model.frames", folder / "firmware.frames"]
    for path, (payload, family, sequence) in zip(paths, made, strict=True):
        shape = shape_for(len(payload), offer_frame.MODEL_SHARD, ROOM)
        bundle = Bundle(payload, family, "gw", sequence, sequence, shape)
        sent = [shards.sealed(bundle.manifest, bytes.fromhex(KEY))]
        for block in range(shape.blocks):
            sent += bundle.wave({block: shape.k})
        path.write_bytes(b"".join(len(frame).to_bytes(2, "little") + frame for frame in sent))
    return paths


def show_boards(micropython: str, folder: Path, bits: int) -> None:
    """What the whole sensor takes after its start and to be updated, and what is left of each board's heap."""
    run = measuring(folder, bits)
    least = certain(micropython, folder, run)
    used = started(micropython, folder, run)["used"] / 1024
    print(
        f"sensor     {least:4} KiB, the whole program with the vibration family's model, of which {used:.0f} are in use"
    )
    report.save(f"sensor_heap_{bits}_bit", least, "KiB")
    updated = certain(micropython, folder, [*run, *map(str, frames(folder, bits))])
    print(f"updated    {updated:4} KiB, while it takes another model and other firmware as well; so in any larger heap")
    report.save(f"sensor_update_heap_{bits}_bit", updated, "KiB")
    os.environ["REDUCED"] = "1"
    reduced = certain(micropython, folder, [*run, *map(str, frames(folder, bits))])
    taken = times(micropython, folder, [*run, *map(str, frames(folder, bits))]) if bits == 32 else 0
    del os.environ["REDUCED"]
    print(f"reduced    {reduced:4} KiB, the same without transducer, features and model, as it starts to be updated")
    report.save(f"sensor_reduced_heap_{bits}_bit", reduced, "KiB")
    if bits != 32:
        print("what is left of a board's heap: with a MicroPython of 32 bits, see --help")
        return
    report.save("heap_start_kib", least, "KiB")
    report.save("heap_update_kib", updated, "KiB")
    two_heaps.show(used, updated, reduced)
    print(f"a classic ESP32 in reduced mode took model and firmware {taken} of {TRIES} times in {CLASSIC} KiB of heap")
    report.save("classic_updates_taken", taken, f"of {TRIES}")
    print(f"  {'of a board, KiB':16} {'budget':>7} {'started':>8} {'updated':>8}   left, of an estimate")
    for name in boards.names():
        budget = boards.load(name).heap_kib
        print(f"  {name:16} {budget:>7} {budget - least:>+8} {budget - updated:>+8}")
        report.save(f"board_heap_free_{name}", budget - updated, "KiB", {"started": budget - least})


def measuring(folder: Path, bits: int) -> list[str]:
    """What runs the sensor in `folder`: compiled, for its source would take more of the heap than it does."""
    script = SCRIPTS / "board_heap.py"
    device_tree.compile_text(script.read_text(), script.name, {32: "x86", 64: "x64"}[bits], folder / "board_heap.mpy")
    return ["-m", "board_heap", str(folder)]


def started(micropython: str, folder: Path, run: list[str]) -> dict[str, int]:
    """Bytes in use and free after the start of a sensor in a heap with room to spare."""
    command = [micropython, "-X", f"heapsize={LARGEST}k", *run]
    environment = {**os.environ, "MICROPYPATH": f"{folder}:.frozen"}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
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
    report.save(f"engine_heap_{name}_{bits}_bit", kib, "KiB")


def smallest(micropython: str, folder: Path, run: list[str]) -> int:
    """The least KiB of heap with which `run` succeeds, by bisection."""
    low, high = 8, LARGEST
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(micropython, folder, run, middle) else (middle + 1, high)
    return low


def certain(micropython: str, folder: Path, run: list[str]) -> int:
    """The least KiB from which on `run` succeeds in every heap tried, one apart: what comes and goes leaves gaps."""
    kib = CERTAIN[word(micropython)]
    while suffices(micropython, folder, run, kib - 1):
        kib -= 1
    return kib


def times(micropython: str, folder: Path, run: list[str]) -> int:
    """How often of TRIES `run` succeeds in what a classic ESP32 has before its heap takes of ESP-IDF's memory."""
    return sum(suffices(micropython, folder, run, CLASSIC) for _ in range(TRIES))


def suffices(micropython: str, folder: Path, run: list[str], kib: int) -> bool:
    """Whether `run` succeeds in a heap of so many KiB; what it changes in `folder` is put right again."""
    before = {path: path.read_bytes() for path in (*folder.glob("*.json"), *folder.glob("*.tflite"))}
    command = [micropython, "-X", f"heapsize={kib}k", *run]
    environment = {**os.environ, "MICROPYPATH": f"{folder}:.frozen"}
    done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)
    for path in {*folder.glob("*.json")} - {*before}:
        path.unlink()  # else what it took is running already, and is not taken again
    for path, content in before.items():
        path.write_bytes(content)
    return not done.returncode


def word(micropython: str) -> int:
    """Bits of a pointer in this MicroPython."""
    said = subprocess.run(
        [micropython, "-c", "import struct; print(struct.calcsize('P'))"], capture_output=True, text=True, check=True
    )
    if subprocess.run([micropython, "-c", "import asyncio"], capture_output=True, check=False).returncode:
        raise ConfigError(f"{micropython}: it has no asyncio: build it with extmod/asyncio in its FROZEN_MANIFEST")
    return 8 * int(said.stdout)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ConfigError as fault:
        sys.exit(f"bench_memory: {fault}")
