"""Window -> features in numpy: the bytes that the sensor's viper code makes, for any number of windows at once.

A kind of recipe (see `recipe.py`) is a file here and one in `firmware/features/`, integers from end to end, so that
"the same bytes" can be asked of two machines.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reedmesh.inference.features import cycle, spectrum, trend
from reedmesh.inference.features.axis import Ints
from reedmesh.protocol.recipe import Recipe

KINDS: dict[str, Callable[[Ints, Any], NDArray[np.int8]]] = {
    "spectrum": spectrum.columns,
    "trend": trend.columns,
    "cycle": cycle.columns,
}


def extract(windows: NDArray[np.int16], recipe: Recipe) -> NDArray[np.int8]:
    """Features of `windows`: int16 [n, samples, axes] raw counts -> int8 [n, recipe.length].

    Raises ValueError when the shape or type is not the recipe's.
    """
    if windows.dtype != np.int16 or windows.shape[1:] != (recipe.samples, recipe.axes):
        expected = f"int16 (n, {recipe.samples}, {recipe.axes})"
        raise ValueError(f"windows are {windows.dtype} {windows.shape}, expected {expected}")
    rows = windows.transpose(0, 2, 1).reshape(-1, recipe.samples).astype(np.int64)
    return KINDS[recipe.kind](rows, recipe).reshape(len(windows), recipe.length)


def slide(readings: NDArray[np.int16], recipe: Recipe) -> NDArray[np.int16]:
    """The windows that a sensor makes of one stretch of readings: int16 [n, axes] -> int16 [m, samples, axes]."""
    windows = np.lib.stride_tricks.sliding_window_view(readings, recipe.samples, axis=0)
    return np.ascontiguousarray(windows[:: recipe.hop].transpose(0, 2, 1))
