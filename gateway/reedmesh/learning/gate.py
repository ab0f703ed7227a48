"""Which windows may be learnt: not those of a transducer that is clipped, stuck or fixed to a machine at rest. Pure."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from reedmesh.errors import DeployError
from reedmesh.inference.learnt import STEP_DB
from reedmesh.learning.arrays import Windows
from reedmesh.learning.sums import Ints
from reedmesh.protocol.recipe import CYCLE, STATISTICS, TREND, Cycle, Recipe, Spectrum, Trend

Flags = NDArray[np.bool_]
STANDSTILL = "are of what does not move"
FEWEST = 20  # windows in which a machine runs
LEAST, MOST = -128, 127  # what a feature saturates at
QUIET = -80  # an RMS of 2 counts: what moves less is the noise of rounding
ENOUGH = 0.5  # of the windows heard that a machine is learnt from at least
BELOW = 40.0  # dB below the loudest tenth of its windows: a machine stands still


def below(recipe: Recipe, chosen: float | None) -> float:
    """The dB below the running machine at which it stands still; 0: never, as slow variables may rest and be well.

    chosen: by the family or the operator.
    """
    return (0.0 if isinstance(recipe, Trend) else BELOW) if chosen is None else chosen


def movement(recipe: Recipe) -> slice:
    """Where among the features is how much each axis moves: its RMS, or the spread of a slow variable."""
    if isinstance(recipe, Spectrum):
        return slice(recipe.bands, None, recipe.bands + STATISTICS)
    if isinstance(recipe, Cycle):
        return slice(2 * recipe.points + 2, None, 2 * recipe.points + CYCLE)
    return slice(2, None, TREND) if isinstance(recipe, Trend) else slice(0)


def learnable(windows: Windows, recipe: Recipe, standstill: float | None = None) -> Windows:
    """Those of `windows`, int8 [m, p] in their order, that say how a machine runs; standstill: as `AlertRule` has it.

    A machine may stand still most of the time: that is no fault as long as it runs in FEWEST windows. Raises
    DeployError, with what is wrong and how often, when less than half of the others, or fewer, are left.
    """
    wrong = faults(windows, recipe, standstill)
    good = ~np.any(list(wrong.values()), axis=0) if len(windows) else np.zeros(0, bool)
    runs = ~wrong[STANDSTILL] if STANDSTILL in wrong else np.ones(len(windows), bool)
    if good.sum() < max(ENOUGH * runs.sum(), min(FEWEST, len(windows))):
        told = ", ".join(f"{int(flags.sum())} {name}" for name, flags in wrong.items() if flags.any())
        raise DeployError(f"of {len(windows)} windows {told}: look at machine and transducer, then `relearn`")
    return np.asarray(windows[good])


def faults(windows: Windows, recipe: Recipe, standstill: float | None = None) -> Mapping[str, Flags]:
    """Faults of each of `windows`, bool [m] each, by name."""
    same = np.zeros(len(windows), bool)
    same[1:] = (windows[1:] == windows[:-1]).all(axis=1)
    found = {"are the same as the one before": same}
    if isinstance(recipe, Spectrum):
        axes = windows.reshape(len(windows), recipe.axes, recipe.bands + STATISTICS)
        found["are clipped"] = (axes[:, :, recipe.bands + 1] == MOST).any(axis=1)
    elif isinstance(recipe, Trend):
        level = windows.reshape(len(windows), recipe.axes, TREND)[:, :, 0]
        found["are clipped"] = ((level == MOST) | (level == LEAST)).any(axis=1)
    if quiet := below(recipe, standstill):
        found[STANDSTILL] = _still(windows[:, movement(recipe)].astype(np.int64), quiet / STEP_DB)
    return found


def _still(levels: Ints, steps: float) -> Flags:
    """Whether every axis is quiet, or so many steps below what it is while the machine runs; RMS features [m, axes]."""
    if not levels.size:
        return np.zeros(0, bool)
    running = np.sort(levels, axis=0)[len(levels) * 9 // 10]
    return np.asarray(((levels <= QUIET) | (levels < running - steps)).all(axis=1))
