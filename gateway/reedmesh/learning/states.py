"""A machine's operating states (speeds, loads, strokes): centres of its windows, found in whole numbers. Pure.

k-means with the farthest window as the next centre (Gonzalez 1985), on features in sixteenths of their deviation: the
same windows in the same order give the same states on every processor.
"""

import numpy as np
from numpy.typing import NDArray

from reedmesh.learning import sums
from reedmesh.learning.arrays import Windows
from reedmesh.learning.sums import Ints, Sums

COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)  # of states that are tried, as far as a family allows
FEWEST = 12  # windows for each state, on average
LEAST = 5  # windows of a state: one that was seen less often is none, its windows belong to the nearest
_STEPS = 20
_STEP = 16  # parts of a deviation


def assign(windows: Windows, count: int) -> NDArray[np.intp]:
    """Which of at most `count` states each of `windows`, int8 [m, p], belongs to: [m], from 0, each has a window."""
    if count == 1:
        return np.zeros(len(windows), np.intp)
    points = _scaled(windows)
    centres = _far_apart(points, count)
    for _ in range(_STEPS):
        nearest = _distances(points, centres).argmin(axis=1)
        moved = np.stack([_mean(points[nearest == k], centres[k]) for k in range(count)])
        if (moved == centres).all():
            break
        centres = moved
    often = [k for k in range(count) if (nearest == k).sum() >= LEAST]
    if not often:
        return np.zeros(len(windows), np.intp)
    return np.unique(_distances(points, centres[often]).argmin(axis=1), return_inverse=True)[1]


def split(windows: Windows, state: NDArray[np.intp]) -> list[Sums]:
    """The sums of each state's windows."""
    return [sums.of(windows[state == k]) for k in range(int(state.max(initial=-1)) + 1)]


def _scaled(windows: Windows) -> Ints:
    """Features in sixteenths of their standard deviation, or of half a step if that is more."""
    whole = sums.of(windows)
    variance = np.diagonal(whole.scatter) / whole.count
    return np.asarray(np.rint(windows * (_STEP / np.sqrt(variance + 0.25))).astype(np.int64))


def _far_apart(points: Ints, count: int) -> Ints:
    """The window farthest from the mean, then again and again the one farthest from those chosen."""
    mean = _mean(points, points[0])
    chosen = [points[_distances(points, mean[None])[:, 0].argmax()]]
    while len(chosen) < count:
        chosen.append(points[_distances(points, np.stack(chosen)).min(axis=1).argmax()])
    return np.stack(chosen)


def _distances(points: Ints, centres: Ints) -> Ints:
    return np.stack([((points - centre) ** 2).sum(axis=1) for centre in centres], axis=1)


def _mean(points: Ints, otherwise: Ints) -> Ints:
    if not len(points):
        return otherwise
    return np.asarray((2 * points.sum(axis=0) + len(points)) // (2 * len(points)))
