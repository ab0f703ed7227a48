"""Synthetic faults of curves: a part of a cycle comes early or late, is missing, flatter, taller or upside down. Pure.

Made in the space of features of the kind `cycle`: of each axis `points` levels of the curve, as many largest steps,
then statistics, which stay as they are. A fault is in the first or in the second half of the window.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from reedmesh.learning.arrays import Windows
from reedmesh.learning.sums import Ints
from reedmesh.protocol.recipe import CYCLE, Cycle

STILL = -128  # of a step: none
SHIFT = 8  # of a window's parts, divided by this: how far a part of the curve is moved
SCALES = {"flatter": 0.5, "taller": 1.5, "upside down": -1.0}  # of how far the curve is from its median


def faulty(recipe: Cycle, windows: Windows) -> dict[str, Windows]:
    """`windows`, int8 [m, p], with each fault, by its name."""
    axes = windows.reshape(len(windows), recipe.axes, 2 * recipe.points + CYCLE).astype(np.int64)
    parts, n = axes[..., :-CYCLE].reshape(len(windows), recipe.axes, 2, recipe.points), recipe.points
    made = {}
    for half, span in (("first", np.arange(n // 8, n // 2)), ("second", np.arange(n // 2, n - n // 8))):
        for name, changed in _changed(parts, span):
            out = axes.copy()
            out[..., :-CYCLE] = changed.reshape(*axes.shape[:2], 2 * n)
            made[f"{name} in the {half} half"] = np.clip(out, -128, 127).astype(np.int8).reshape(windows.shape)
    return made


def _changed(parts: Ints, span: NDArray[np.intp]) -> Iterator[tuple[str, Ints]]:
    """Curves and steps, int64 [m, axes, 2, points], each with a fault in the parts `span`."""
    last = parts.shape[-1] - 1
    shift = max(1, (last + 1) // SHIFT)
    for name, by in (("early", shift), ("late", -shift)):
        moved = parts.copy()
        moved[..., span] = parts[..., np.clip(span + by, 0, last)]
        yield name, moved
    middle = np.rint(np.median(parts[..., 0, :], axis=-1, keepdims=True)).astype(np.int64)
    missing = parts.copy()
    missing[..., 0, span], missing[..., 1, span] = middle, STILL
    yield "missing", missing
    for name, by_factor in SCALES.items():
        scaled = parts.copy()
        scaled[..., 0, span] = middle + np.rint(by_factor * (parts[..., 0, span] - middle)).astype(np.int64)
        scaled[..., 1, span] = STILL + np.rint(abs(by_factor) * (parts[..., 1, span] - STILL)).astype(np.int64)
        yield name, scaled
