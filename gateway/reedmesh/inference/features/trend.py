"""Trends in numpy: level, slope and spread of each axis; see `recipe.py` for their units."""

import numpy as np
from numpy.typing import NDArray

from reedmesh.inference.features.axis import Ints, as_int8, as_power, normalise, rms
from reedmesh.protocol.recipe import Trend


def columns(rows: Ints, recipe: Trend) -> NDArray[np.int8]:
    """The features of single axes: [m, samples] -> int8 [m, 3]."""
    n, half = recipe.samples, recipe.samples // 2
    level = (rows.sum(axis=1) + 128 * n) // (256 * n)
    rise = rows[:, n - half :].sum(axis=1) - rows[:, :half].sum(axis=1)
    slope = (rise + 64 * half) // (128 * half)
    spread = as_power(rms(*normalise(rows)))
    return np.column_stack([as_int8(level), as_int8(slope), spread])
