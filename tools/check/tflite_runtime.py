"""Whether a gateway can do with tflite-runtime, where ai-edge-litert has no wheel: `make check-stand-in`.

python -m tools.check.tflite_runtime score FAMILY: scores of random features, always the same, one a line
python -m tools.check.tflite_runtime compare FAMILY PYTHON: this Python and PYTHON; then a gateway runs with PYTHON
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from reedmesh.inference import runtime, tflite_file
from reedmesh.inference.model import Model
from reedmesh.protocol import scaling
from tools.checkout import ROOT
from tools.simulate.free_ports import free_ports

VECTORS = 2000
PATIENCE = 60.0  # seconds
MOST_OFF = 0.1  # of a score: what a threshold can bear


def scores(family: str) -> list[int]:
    """Of features near what the model calls normal."""
    file = (ROOT / "models" / family / "int8.tflite").read_bytes()
    means, gains, _ = scaling.from_bytes(tflite_file.metadata(file, scaling.METADATA) or b"")
    assert gains
    model, chance = Model(file), np.random.default_rng(7)
    spread = chance.normal(0, 6, (VECTORS, len(means)))
    near = np.clip(np.rint(np.array(means) / scaling.ONE + spread), -128, 127).astype(np.int8)
    return [model.score(row) for row in near]


def compare(family: str, python: str) -> int:
    """A table; exit status 1 when a score is further off than a threshold can bear."""
    command = [python, "-m", "tools.check.tflite_runtime", "score", family]
    said = subprocess.run(
        command, env=_environment(), cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    ours, theirs = np.array(scores(family), float), np.array(said[1:], float)
    off = np.abs(ours - theirs) / np.maximum(ours, 1)
    print(f"{said[0]} against {runtime.Interpreter.__module__}, {len(ours)} scores:")
    print(f"{np.mean(ours != theirs):.1%} differ, by {np.mean(off):.3%} in the mean and {np.max(off):.2%} at most")
    return int(len(ours) != len(theirs) or float(np.max(off)) > MOST_OFF or not runs(python))


def _environment() -> dict[str, str]:
    """In which that Python finds this checkout, which is not installed there."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "gateway")}


def runs(python: str) -> bool:
    """Whether a gateway starts with that Python and answers `reedmesh status`."""
    with tempfile.TemporaryDirectory() as folder:
        settings, command = Path(folder) / "reedmesh.toml", [python, "-m", "reedmesh"]
        text = f'name = "gw"\nstate = "{folder}/state"\n[broker]\nembedded = true\nport = {free_ports(1)[0]}\n'
        settings.write_text(text)
        environment = _environment()
        with subprocess.Popen([*command, "run", str(settings)], env=environment) as gateway:
            end, status = time.monotonic() + PATIENCE, [*command, "status", str(settings)]
            while time.monotonic() < end and gateway.poll() is None:
                if not subprocess.run(status, env=environment, stderr=subprocess.DEVNULL, check=False).returncode:
                    break
            answered = time.monotonic() < end and gateway.poll() is None
            gateway.terminate()
    return answered


if __name__ == "__main__":
    if sys.argv[1] == "compare":
        sys.exit(compare(*sys.argv[2:4]))
    print(runtime.Interpreter.__module__, *scores(sys.argv[2]), sep="\n")
