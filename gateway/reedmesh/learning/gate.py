"""Which windows may be learnt: not those of a transducer that is clipped, stuck or fixed to a machine at rest. Pure."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from reedmesh.errors import DeployError
from reedmesh.learning.arrays import Windows
from reedmesh.protocol.recipe import STATISTICS, TREND, Recipe, Spectrum, Trend

Flags = NDArray[np.bool_]
LEAST, MOST = -128, 127  # what a feature saturates at
ENOUGH = 0.5  # of the windows heard that a machine is learnt from at least


def learnable(windows: Windows, recipe: Recipe) -> Windows:
    """Those of `windows`, int8 [m, p] in their order, that say how a machine runs.

    Raises DeployError, with what is wrong and how often, when they are less than half.
    """
    wrong = faults(windows, recipe)
    good = ~np.any(list(wrong.values()), axis=0) if len(windows) else np.zeros(0, bool)
    if good.sum() < ENOUGH * len(windows):
        told = ", ".join(f"{int(flags.sum())} {name}" for name, flags in wrong.items() if flags.any())
        raise DeployError(f"of {len(windows)} windows {told}: look at machine and transducer, then `relearn`")
    return np.asarray(windows[good])


def faults(windows: Windows, recipe: Recipe) -> Mapping[str, Flags]:
    """Faults of each of `windows`, bool [m] each, by name."""
    same = np.zeros(len(windows), bool)
    same[1:] = (windows[1:] == windows[:-1]).all(axis=1)
    found = {"are the same as the one before": same}
    if isinstance(recipe, Spectrum):
        axes = windows.reshape(len(windows), recipe.axes, recipe.bands + STATISTICS)
        found["are clipped"] = (axes[:, :, recipe.bands + 1] == MOST).any(axis=1)
        found["are of what does not move"] = (axes[:, :, recipe.bands] == LEAST).all(axis=1)
    elif isinstance(recipe, Trend):
        level = windows.reshape(len(windows), recipe.axes, TREND)[:, :, 0]
        found["are clipped"] = ((level == MOST) | (level == LEAST)).any(axis=1)
    return found
