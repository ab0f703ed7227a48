"""The same model of parts in floating point and on the sensor's engine: what int8 costs, who judges alike."""

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reedmesh.inference.model import Judgement
from reedmesh.learning import covariance, sums
from reedmesh.learning.parts import detector
from reedmesh.learning.parts.model import PartModel
from reedmesh.protocol.recipe import Recipe
from reedmesh.protocol.scaling import ONE
from reedmesh.provisioning import device_tree
from tools.checkout import ROOT

SCRIPT = ROOT / "tests" / "firmware" / "scripts" / "judge_parts.py"
Windows = NDArray[np.int8]


def floating(made: PartModel, ok: Windows, recipe: Recipe, parts: Windows) -> NDArray[np.float64]:
    """What speaks against `parts`, int8 [m, p], before anything of the model made from `ok` is rounded: float64 [m]."""
    own, pool = sums.of(ok), detector.pooling(recipe)
    white = covariance.shape(detector.pooled(own, pool)).whitening @ pool
    scores = (((parts - own.total / own.count) @ white.T) ** 2).sum(axis=1) * ONE**2
    against = made.limits.weight / 256 * (32 * np.log2(scores + 1) - made.limits.usual)
    if made.net is None:
        return np.asarray(against)
    logits = made.net.logits((parts - np.array(made.means) / 16) * np.array(made.gains) / (1 << 14)) * ONE
    return np.asarray(against + ONE * np.logaddexp.reduce(logits[:, 1:] / ONE, axis=1) - logits[:, 0])


def on_the_engine(tflite: bytes, parts: Windows, said: list[Judgement]) -> int:
    """How many of `parts` a sensor's program under MicroPython judges as we do, in score, evidence, verdict, class."""
    modules = f"{ROOT / 'firmware'}:{ROOT / 'gateway' / 'reedmesh'}:.frozen"
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("model", "parts")]
        files[0].write_bytes(tflite)
        files[1].write_bytes(parts.tobytes())
        command = [device_tree.micropython(), "-X", "heapsize=16m", str(SCRIPT), *map(str, files)]
        environment = {**os.environ, "MICROPYPATH": modules}
        lines = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()
    wanted = [f"{it.score} {it.against} {it.verdict} {it.fault}" for it in said]
    return sum(line == each for line, each in zip(lines, wanted, strict=True))
