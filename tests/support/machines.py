"""Features of a simulated machine, for the tests of learning: normal windows, and the same machine a little louder."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from reedmesh.inference import features
from reedmesh.protocol.recipe import Recipe
from tools.simulate import recordings


@cache
def windows(recipe: Recipe, gain: float = 1.0, count: int = 300) -> NDArray[np.int8]:
    """Features of a machine's normal windows, int8 [count, recipe.length]; `gain` 1.1 is 10 % louder, other windows."""
    readings = recordings.simulated(recipe, gateways=1).windows(0, "train" if gain == 1.0 else "test", "normal")[:count]
    return features.extract(np.rint(readings * gain).astype(np.int16), recipe)


def auc(normal: NDArray[np.float64], faulty: NDArray[np.float64]) -> float:
    """The chance that a faulty window scores above a normal one; ties count half."""
    above = (faulty[:, None] > normal).mean()
    return float(above + (faulty[:, None] == normal).mean() / 2)
