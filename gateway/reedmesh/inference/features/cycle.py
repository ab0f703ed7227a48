"""Cycles in numpy: the curve of a part, its largest steps, statistics; see `recipe.py` for their units."""

import numpy as np
from numpy.typing import NDArray

from reedmesh.inference.features.axis import Ints, as_int8, as_power, log2, normalise, rms
from reedmesh.protocol.recipe import Cycle


def columns(rows: Ints, recipe: Cycle) -> NDArray[np.int8]:
    """The features of single axes: [m, samples] -> int8 [m, 2 * points + 4]."""
    edges = np.array(recipe.edges(recipe.samples))
    counts = np.diff(edges)
    curve = (np.add.reduceat(rows, edges[:-1], axis=1) + 128 * counts) // (256 * counts)
    steps = np.maximum.reduceat(np.abs(np.diff(rows, axis=1)), recipe.edges(recipe.samples - 1)[:-1], axis=1)
    ends = (np.stack([rows.max(axis=1), rows.min(axis=1)], axis=1) + 128) >> 8
    powers = np.stack([rms(*normalise(rows)), 2 * log2(steps.max(axis=1))], axis=1)
    return np.concatenate([as_int8(curve), as_int8((steps >> 6) - 128), as_int8(ends), as_power(powers)], axis=1)
