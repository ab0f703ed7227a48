"""Whether a gateway can do with tflite-runtime, where ai-edge-litert has no wheel: `make check-stand-in`.

python tools/stand_in.py score FAMILY            scores of features at random, always the same, one a line
python tools/stand_in.py compare FAMILY PYTHON   those of this Python and of PYTHON; then a gateway runs with PYTHON
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "gateway")]

from reedmesh import litert, scaling, tflite  # noqa: E402
from reedmesh.model import Model  # noqa: E402
from tools import plant  # noqa: E402

VECTORS = 2000
PATIENCE = 60.0  # seconds
MOST_OFF = 0.1  # of a score: what a threshold can bear


def scores(family: str) -> list[int]:
    """Of features near what the model calls normal."""
    file = (ROOT / "models" / family / "int8.tflite").read_bytes()
    means, gains, _ = scaling.from_bytes(tflite.metadata(file, scaling.METADATA) or b"")
    assert gains
    model, chance = Model(file), np.random.default_rng(7)
    spread = chance.normal(0, 6, (VECTORS, len(means)))
    near = np.clip(np.rint(np.array(means) / scaling.ONE + spread), -128, 127).astype(np.int8)
    return [model.score(row) for row in near]


def compare(family: str, python: str) -> int:
    """A table; exit status 1 when a score is further off than a threshold can bear."""
    command = [python, str(Path(__file__)), "score", family]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    ours, theirs = np.array(scores(family), float), np.array(said[1:], float)
    off = np.abs(ours - theirs) / np.maximum(ours, 1)
    print(f"{said[0]} against {litert.Interpreter.__module__}, {len(ours)} scores:")
    print(f"{np.mean(ours != theirs):.1%} differ, by {np.mean(off):.3%} in the mean and {np.max(off):.2%} at most")
    return int(len(ours) != len(theirs) or float(np.max(off)) > MOST_OFF or not runs(python))


def runs(python: str) -> bool:
    """Whether a gateway starts with that Python and answers `reedmesh status`."""
    with tempfile.TemporaryDirectory() as folder:
        settings, command = Path(folder) / "reedmesh.toml", [python, "-m", "reedmesh"]
        text = f'name = "gw"\nstate = "{folder}/state"\n[broker]\nembedded = true\nport = {plant.free_ports(1)[0]}\n'
        settings.write_text(text)
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "gateway")}
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
    print(litert.Interpreter.__module__, *scores(sys.argv[2]), sep="\n")
