"""Synthetic faults made of normal windows, and the smallest change that a model detects.

Made in the space of features, whose powers are in eighths of an octave (0.376 dB): bands lifted, a spectrum tilted, a
gain, a tone, a modulation, an axis that falls silent; those of curves are in `cyclefaults.py`. They stand for faults,
they are none.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from reedmesh.inference.learnt import MOST, STEP_DB
from reedmesh.learning import cyclefaults
from reedmesh.learning.arrays import Windows
from reedmesh.learning.sums import Ints
from reedmesh.protocol.recipe import CYCLE, STATISTICS, Cycle, Recipe, Spectrum, Trend

Changes = NDArray[np.int64]
LIFTS = (8, 16)  # steps: 3 and 6 dB


def faulty(recipe: Recipe, windows: Windows) -> dict[str, Windows]:
    """`windows`, int8 [m, p], with each synthetic fault, by its name."""
    if isinstance(recipe, Cycle):
        return cyclefaults.faulty(recipe, windows)
    return {name: applied(windows, change) for name, change in changes(recipe).items()}


def changes(recipe: Recipe) -> dict[str, Changes]:
    """The change of each synthetic fault to the features, int64 [p], by its name."""
    if isinstance(recipe, Spectrum):
        return _of_spectrum(recipe)
    return _of_trend(recipe) if isinstance(recipe, Trend) else _of_others(recipe)


def bands(recipe: Recipe) -> dict[str, Changes]:
    """A step of each band, part of a curve, or each variable's level and spread, on all axes: int64 [p], by name."""
    if isinstance(recipe, Spectrum):
        width = recipe.bands + STATISTICS
        return {f"band {k + 1}": _everywhere(recipe.axes, width, {k: 1}) for k in range(recipe.bands)}
    steps = np.eye(recipe.length, dtype=np.int64)
    if isinstance(recipe, Cycle):
        width = 2 * recipe.points + CYCLE
        return {f"part {k + 1}": _everywhere(recipe.axes, width, {k: 1}) for k in range(recipe.points)}
    return {
        f"{name} {a + 1}": steps[3 * a + k] for a in range(recipe.axes) for k, name in ((0, "level"), (2, "spread"))
    }


def applied(windows: Windows, change: Changes) -> Windows:
    """`windows`, int8 [m, p], with a fault; features saturate."""
    return np.asarray(np.clip(windows.astype(np.int64) + change, -128, 127), np.int8)


def onset(over: NDArray[np.bool_], on: int, of: int, within: int = 60, every: int = 10) -> float:
    """The share of starts, at every tenth window, from which `on` of the last `of` windows are over within 60.

    Where a single window raises an alert, each is a fault of its own: the share of those that are over.
    """
    if of == 1:
        return float(over.mean()) if len(over) else 0.0
    starts = range(0, max(1, len(over) - within), every)
    return sum(_alarms(over[start : start + within], on, of) for start in starts) / len(starts)


def smallest_lift(
    scores: Callable[[Windows], Ints], threshold: float, normal: Windows, change: Changes, share: float
) -> int:
    """The fewest steps of `change` that put `share` of `normal` above the threshold; MOST if none smaller does."""
    low, high = 0, MOST
    while low < high:
        middle = (low + high) // 2
        seen = (scores(applied(normal, middle * change)) > threshold).mean() >= share
        low, high = (low, middle) if seen else (middle + 1, high)
    return low


def _alarms(over: NDArray[np.bool_], on: int, of: int) -> bool:
    run = np.concatenate([np.zeros(of, np.int64), np.cumsum(over)])
    return bool(len(over)) and int((run[of:] - run[:-of]).max()) >= on


def _of_spectrum(recipe: Spectrum) -> dict[str, Changes]:
    axes, bands, width = recipe.axes, recipe.bands, recipe.bands + STATISTICS
    parts = {
        "low": range(bands // 3),
        "middle": range(bands // 3, 2 * bands // 3),
        "high": range(2 * bands // 3, bands),
    }
    made = {}
    for lift in LIFTS:
        for name, places in parts.items():
            made[f"{name} bands +{lift * STEP_DB:.0f} dB"] = _everywhere(axes, width, dict.fromkeys(places, lift))
        made[f"gain +{lift * STEP_DB:.0f} dB"] = _everywhere(axes, width, dict.fromkeys(range(bands + 2), lift))
        tilt = {band: round(lift * (2 * band / max(1, bands - 1) - 1)) for band in range(bands)}
        made[f"tilt {lift * STEP_DB:.0f} dB"] = _everywhere(axes, width, tilt)
    made["tone"] = _everywhere(axes, width, {bands // 2: 32, bands: 8, bands + 1: 8, bands + 2: -4})
    made["modulation"] = _everywhere(axes, width, {bands: 4, bands + 1: 16, bands + 2: 24})
    if axes > 1:
        silent = np.zeros(recipe.length, np.int64)
        silent[:width] = -256
        made["an axis silent"] = silent
    return made


def _of_trend(recipe: Recipe) -> dict[str, Changes]:
    made = {}
    for axis in range(recipe.axes):
        for name, place, size in (("level", 0, 8), ("spread", 2, 16)):
            change = np.zeros(recipe.length, np.int64)
            change[3 * axis + place] = size
            made[f"{name} of axis {axis + 1}"] = change
    return made


def _of_others(recipe: Recipe) -> dict[str, Changes]:
    """Of a kind that is not known here: each eighth of the features moved."""
    parts = np.array_split(np.arange(recipe.length), min(8, recipe.length))
    made = {}
    for lift in LIFTS:
        for number, places in enumerate(parts, 1):
            made[f"part {number} +{lift}"] = np.where(np.isin(np.arange(recipe.length), places), lift, 0)
    return made


def _everywhere(axes: int, width: int, steps: dict[int, int]) -> Changes:
    one = np.zeros(width, np.int64)
    one[list(steps)] = list(steps.values())
    return np.tile(one, axes)
