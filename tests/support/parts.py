"""Parts of a simulated press: a curve of force with two kinds of fault, drawn from a seed."""

import numpy as np
from numpy.typing import NDArray

from reedmesh.inference.features import extract
from reedmesh.learning.parts.model import Taught
from reedmesh.protocol.recipe import Cycle

RECIPE = Cycle(40, 2, 10)
NAMES = ["OK", "crack", "no part"]


def strokes(count: int, kind: int, rng: np.random.Generator) -> NDArray[np.int16]:
    """`count` cycles, int16 [count, 40, 2]: kind 0 is OK, 1 has a step in the force, 2 meets no resistance."""
    t = np.linspace(0, 1, 40)
    height = rng.normal(12000, 400, (count, 1)) * (0.3 if kind == 2 else 1.0)
    force = height * np.sin(np.pi * t) + rng.normal(0, 120, (count, 40))
    if kind == 1:
        at = rng.integers(15, 25, (count, 1))
        force = force - (np.arange(40) >= at) * rng.uniform(1500, 3000, (count, 1))
    way = 8000 * t + rng.normal(0, 80, (count, 40))
    return np.rint(np.stack([force, way], axis=2)).astype(np.int16)


def taught(ok: int, nok: int, seed: int = 1) -> Taught:
    """So many OK parts and NOK ones of each of two kinds, labelled."""
    rng = np.random.default_rng(seed)
    counts = (ok, nok, nok)
    curves = np.concatenate([strokes(count, kind, rng) for kind, count in enumerate(counts)])
    return Taught(extract(curves, RECIPE), np.repeat(np.arange(3), counts), NAMES)
