"""How long the sensor takes from the last reading of a part to the pin, and whether it keeps pace; part of bench-parts.

The sensor's program under MicroPython's unix port on this machine, on faked pins; and for boards an estimate by
instructions counted in what mpy-cross emits (`boards/*.toml`): nothing here runs on silicon.

    python -m tools.bench.parts_latency [--seconds 600] [--data FOLDER]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from reedmesh.inference import boards, compatibility
from reedmesh.inference.features import extract
from reedmesh.learning.parts import model
from reedmesh.learning.parts.limits import Costs
from reedmesh.learning.parts.model import Taught
from reedmesh.protocol.recipe import Cycle
from reedmesh.provisioning import device_tree
from tools.bench import report
from tools.board.disassembly import functions, innermost
from tools.checkout import ROOT

RECIPES = {"152 points x 1": Cycle(152, 1, 76), "15 x 6": Cycle(15, 6, 5)}
PACE = 20  # parts a second
DELAY_MS = 30  # from trigger to gate
BOARDS = ("esp32", "esp32c3")
SCRIPT = ROOT / "tests" / "firmware" / "scripts" / "cycle_speed.py"


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description="From the last reading of a part to the pin.")
    parser.add_argument("--seconds", type=int, default=600)
    seconds = parser.parse_args().seconds
    print(report.machine())
    missed, stalls, slowest, jitter, boards_ms = 0, 0, 0.0, list[float](), dict[str, float]()
    for name, recipe in RECIPES.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.tflite"
            path.write_bytes(taught(recipe))
            told = measured(path, recipe, seconds)
            missed, stalls = missed + told["missed"], stalls + told["stalls"]
            slowest = max(slowest, told["stages"]["pin"]["p99"] / 1000)
            jitter += [told["trigger_to_pin"]["p99"]] if told["trigger_to_pin"] else []
            print(f"{name}: {path.stat().st_size} bytes; {json.dumps(told)}")
            for board in BOARDS:
                ms = estimate(path.read_bytes(), recipe, board)
                boards_ms[board] = max(boards_ms.get(board, 0.0), ms)
    report.save("parts_latency_p99_ms", slowest, "ms, last reading to pin, unix port", {"target": 10.0})
    if len(jitter) == len(RECIPES):  # else a trigger was missed, and nobody knows which pulse is whose
        report.save(
            "parts_jitter_p99_ms", max(jitter), f"ms, trigger to output less the {DELAY_MS} ms to the gate, unix port"
        )
    for board, ms in boards_ms.items():
        report.save(f"parts_{board}_ms", ms, "ms, by instructions (+-40 %), not run on silicon", {"target": 10.0})
    known = {"target": 0.0, "stalls of this machine": stalls}
    report.save("parts_missed", missed, f"of {len(RECIPES) * seconds * PACE} parts", known)


def taught(recipe: Cycle) -> bytes:
    """A model of made-up parts with two kinds of fault: what it costs does not depend on what it knows."""
    rng = np.random.default_rng(1)
    curves = rng.integers(-9000, 9000, (80, recipe.samples, recipe.axes)).astype(np.int16)
    curves[60:70] += 9000
    curves[70:] -= 9000
    labels = np.repeat([0, 1, 2], [60, 10, 10])
    return model.learn(Taught(extract(curves, recipe), labels, ["OK", "high", "low"]), recipe, Costs()).tflite


def measured(path: Path, recipe: Cycle, seconds: int) -> Any:
    """The station's own figures."""
    modules = f"{ROOT / 'firmware'}:{ROOT / 'gateway' / 'reedmesh'}:.frozen"
    words = [str(path), json.dumps(recipe.table()), str(seconds), str(PACE), str(DELAY_MS)]
    command = [device_tree.micropython(), "-X", "heapsize=16m", str(SCRIPT), *words]
    done = subprocess.run(command, env={**os.environ, "MICROPYPATH": modules}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def estimate(tflite: bytes, recipe: Cycle, name: str) -> float:
    """Print the instructions of each stage on a board; returns the ms that they take together."""
    board, whole = boards.load(name), 0.0
    print(f"  {name}, {board.architecture} at {board.mhz} MHz, an estimate (+-40 %), not run on silicon:")
    model = compatibility.check(tflite).milliseconds(board)
    features = loop_instructions(board.architecture) * recipe.samples * recipe.axes
    per_ms = board.mhz * 1000 / board.engine.cycles
    for stage, count in (("features", features), ("model and verdict", model * per_ms)):
        print(f"    {stage}: {count:.0f} instructions, {count / per_ms:.2f} ms")
        whole += count / per_ms
    print(f"    together: {whole:.2f} ms")
    return whole


def loop_instructions(architecture: str) -> float:
    """For each reading: of all loops over readings in the files that make the features."""
    total = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in ("cycle", "axis"):
            out, source = Path(folder) / f"{name}.mpy", ROOT / "firmware" / "features" / f"{name}.py"
            subprocess.run([device_tree.mpy_cross(), f"-march={architecture}", "-o", str(out), str(source)], check=True)
            codes = functions(out.read_bytes())
            total += sum(loop.instructions for code in codes for loop in innermost(code, architecture))
    return float(total)


if __name__ == "__main__":
    main()
