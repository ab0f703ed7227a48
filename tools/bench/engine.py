"""`make bench-engine`: ms for an inference against TFLite-Micro in the same run, and instructions a product on boards.

The engine runs under MicroPython's unix port on this machine; TFLite-Micro is PyPI's C++ with reference kernels.
Instructions are counted in what mpy-cross emits for boards: nothing here runs on one.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from reedmesh.errors import ConfigError
from reedmesh.provisioning import device_tree
from tools.bench import report
from tools.bench.support import sums_model
from tools.board.disassembly import busiest
from tools.check import isa, isa_vectors
from tools.checkout import ROOT

FOREIGN = ROOT.parent / "shared" / "data" / "mlperf_tiny"
MODELS = {
    "ad01": FOREIGN / "ad01_int8.tflite",
    "kws": FOREIGN / "kws_ref_model.tflite",
    "vibration": ROOT / "models" / "vibration" / "int8.tflite",
}
KERNELS = {"dense": "tflite/dot.py", "depthwise": "tflite/depthwise_conv_2d.py", "output": "tflite/multiplier.py"}
ROUNDS = 7


def main() -> None:
    """Measure, print and keep."""
    print(report.machine())
    for name, path in (MODELS | sums_model.every()).items():
        if path.exists():
            compare(name, path)
        else:
            print(f"{name:10} {path.name} of MLPerf Tiny is not beside the checkout")
    for architecture in ("xtensawin", "rv32imc"):
        for kernel, file in KERNELS.items():
            count(kernel, file, architecture)
        execute(architecture)


def execute(architecture: str) -> None:
    """Instructions a product that qemu-user executed, of the same machine code."""
    if not isa.available():
        print(f"no instruction was executed for {architecture}: {isa.REMEDY}")
        return
    with tempfile.TemporaryDirectory() as folder:
        each = isa_vectors.per_product(Path(folder), architecture)
    print(f"dense      {architecture}: {each:.2f} instructions a product, executed under qemu-user")
    report.save(f"isa_instr_per_mac_{isa.NICKNAMES[architecture]}", each, "instructions")


def compare(name: str, path: Path) -> None:
    """Medians of alternate rounds, so that a busy machine slows both."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(engine(path))
        theirs.append(micro(path))
    here, there = statistics.median(ours), statistics.median(theirs)
    print(f"{name:14} {here:8.3f} ms   TFLite-Micro {there:8.3f} ms   ratio {here / there:.2f}")
    report.save(f"engine_vs_tflm_{name}", here / there, "times its time", {"ms": here, "tflite-micro ms": there})


def engine(path: Path) -> float:
    """ms of the best of several inferences under MicroPython."""
    modules = f"{ROOT / 'firmware'}:{ROOT / 'gateway' / 'reedmesh'}:.frozen"
    script = ROOT / "tests" / "firmware" / "scripts" / "engine/speed.py"
    command = [device_tree.micropython(), "-X", "heapsize=2m", str(script), str(path)]
    done = subprocess.run(
        command, env={**os.environ, "MICROPYPATH": modules}, capture_output=True, text=True, check=True
    )
    return int(done.stdout) / 1000


def micro(path: Path) -> float:
    """ms of the best of several inferences of TFLite-Micro."""
    try:
        from tflite_micro import runtime
    except ImportError:
        sys.exit("no TFLite-Micro to compare with: pip install tflite-micro")
    interpreter = runtime.Interpreter.from_file(str(path), arena_size=1 << 20)
    shape = interpreter.get_input_details(0)["shape"]
    times = []
    for _ in range(30):
        interpreter.set_input(np.zeros(shape, np.int8), 0)
        start = time.perf_counter()
        interpreter.invoke()
        times.append(time.perf_counter() - start)
    return min(times) * 1000


def count(kernel: str, file: str, architecture: str) -> None:
    """Instructions of the busiest loop, for each product or, of the rounding, for each output."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "kernel.mpy"
        command = [device_tree.mpy_cross(), f"-march={architecture}", "-o", str(out), str(ROOT / "firmware" / file)]
        subprocess.run(command, check=True)
        loop = busiest(out, architecture)
    each = loop.instructions / (1 if kernel == "output" else loop.multiplications)
    print(f"{kernel:10} {each:8.2f} instructions on {architecture}")
    report.save(f"engine_instr_per_{'' if kernel == 'output' else 'mac_'}{architecture}_{kernel}", each, "instructions")


if __name__ == "__main__":
    try:
        main()
    except ConfigError as fault:
        sys.exit(f"bench_engine: {fault}")
