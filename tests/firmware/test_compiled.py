"""The firmware as mpy-cross compiles it: for every kind of board, loadable, and as fast as boards/*.toml says."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reedmesh.inference import boards, compatibility
from reedmesh.provisioning import device_tree
from tests.firmware.tflite.test_models import FOREIGN, SCRIPTS, litert, some_inputs
from tests.support import operator_models
from tests.support.micropython import binary
from tests.support.paths import ROOT
from tests.support.timeouts import PATIENCE
from tools.bench import memory
from tools.bench.memory import ENGINE
from tools.board.disassembly import busiest, functions

KERNELS = {"dense": "tflite/dot", "depthwise": "tflite/depthwise_conv_2d", "output": "tflite/multiplier"}


def compile_all(folder: Path, architecture: str) -> Path:
    """The engine and the features as a device would hold them, compiled."""
    device_tree.compile_into(folder, architecture, ENGINE)
    return folder


def run_compiled(folder: Path, heap: str, script: str, *arguments: object) -> str:
    """What a script prints under MicroPython with the compiled modules and nothing else."""
    command = [binary(), "-X", f"heapsize={heap}", str(SCRIPTS / script), *map(str, arguments)]
    done = subprocess.run(
        command,
        env={**os.environ, "MICROPYPATH": f"{folder}:.frozen"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert not done.returncode, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("board", boards.names())
def test_boards_say_how_many_instructions_were_compiled(board: str, tmp_path: Path) -> None:
    known = boards.load(board)
    folder = compile_all(tmp_path, known.architecture)
    for kernel, file in KERNELS.items():
        loop = busiest(folder / f"{file}.mpy", known.architecture)
        each = loop.instructions / (1 if kernel == "output" else loop.multiplications)
        assert getattr(known.engine, kernel) == pytest.approx(each, rel=0.02)
    assert known.engine.dense <= 12.5 and known.engine.depthwise <= 20


def test_every_kernel_is_found_in_the_compiled_file(tmp_path: Path) -> None:
    folder = compile_all(tmp_path, "xtensawin")
    assert len(functions((folder / "tflite" / "dot.mpy").read_bytes())) == 3
    with pytest.raises(ValueError, match="format 6"):
        functions(b"M\x05\x00\x00")


def test_compiled_kernels_give_the_reference(tmp_path: Path) -> None:
    folder, rng = compile_all(tmp_path / "device", "x64"), np.random.default_rng(2)
    for name, draw in operator_models.OPERATORS.items():
        model = draw(rng)
        inputs = some_inputs(rng, model)
        expected = litert(model, inputs)
        head = np.array([*inputs.shape[:1], inputs[0].nbytes, expected[0].nbytes], np.uint32).tobytes()
        (tmp_path / "in").write_bytes(np.uint32(len(model)).tobytes() + model + head + inputs.tobytes())
        run_compiled(folder, "1m", "engine/run.py", tmp_path / "in", tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == expected.tobytes(), name


def test_the_bench_command_prints_what_it_measured(tmp_path: Path) -> None:
    folder = compile_all(tmp_path, "x64")
    command = [binary(), "-c", "from board import bench; bench.run()"]
    said = subprocess.run(
        command, env={**os.environ, "MICROPYPATH": f"{folder}:.frozen"}, capture_output=True, text=True
    )
    assert [line.split()[0] for line in said.stdout.splitlines()] == ["dense", "depthwise"], said.stderr


def heap_of(kib: int, plain: int) -> str:
    """A heap here that is one of `kib` on a board: pointers are twice as long, `plain` bytes of it are no pointers."""
    return f"{(2 * (kib << 10) - plain) >> 10}k"


def test_the_family_runs_in_64_kib_with_its_features(tmp_path: Path) -> None:
    path = ROOT / "models" / "vibration" / "int8.tflite"
    heap = heap_of(64, path.stat().st_size + compatibility.check(path.read_bytes()).arena)
    run_compiled(compile_all(tmp_path, "x64"), heap, "engine/memory.py", path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """A whole sensor, compiled, and frames of a model and of firmware for it."""
    folder = memory.sensor(tmp_path_factory.mktemp("whole") / "files", 64)
    memory.measuring(folder, 64)
    return folder, memory.frames(folder, 64)


def test_the_whole_sensor_starts_in_the_heap_that_boards_readme_tells_of(whole: Any, tmp_path: Path) -> None:
    """138 KiB of 64-bit words, where a board needs 102, and 3 % to spare."""
    said = measured(whole[0], tmp_path, "142k")
    assert json.loads(said.splitlines()[-1])["free"] > 0


def test_it_takes_a_model_and_firmware_in_the_heap_that_boards_readme_tells_of(whole: Any, tmp_path: Path) -> None:
    """175 KiB of 64-bit words, where a board needs 122, and 3 % to spare."""
    measured(whole[0], tmp_path, "180k", *whole[1])


def test_in_reduced_mode_it_takes_both_in_what_a_classic_esp32_has_without_starving_wifi(
    whole: Any, tmp_path: Path
) -> None:
    """146 KiB of 64-bit words are less than a classic ESP32's 107 (tools/bench/support/two_heaps.py); 136 suffice."""
    measured(whole[0], tmp_path, "146k", *whole[1], reduced="1")


def test_the_measurement_says_when_an_update_was_not_taken(whole: Any, tmp_path: Path) -> None:
    """What is compiled has no `assert`: a check of its own must raise."""
    with pytest.raises(AssertionError, match=r"'code': (400|503)|MemoryError"):
        measured(whole[0], tmp_path, "110k", *whole[1], reduced="1")


def measured(whole: Path, folder: Path, heap: str, *updates: Path, reduced: str = "") -> str:
    """What the whole sensor says in a heap of this size; its files are copied into `folder`."""
    shutil.copytree(whole, folder, dirs_exist_ok=True)
    command = [binary(), "-X", f"heapsize={heap}", "-m", "board_heap", str(folder), *map(str, updates)]
    path = {**os.environ, "MICROPYPATH": f"{folder}:.frozen", "REDUCED": reduced}
    done = subprocess.run(command, env=path, capture_output=True, text=True, timeout=60)
    assert not done.returncode, done.stdout + done.stderr
    return done.stdout


def test_keyword_spotting_runs_in_128_kib_with_its_file(tmp_path: Path) -> None:
    path = FOREIGN / "kws_ref_model.tflite"
    if not path.exists():
        pytest.skip(f"{path.name} of MLPerf Tiny is not beside the checkout")
    heap = heap_of(128, path.stat().st_size + compatibility.check(path.read_bytes()).arena)
    run_compiled(compile_all(tmp_path, "x64"), heap, "engine/room.py", path)
