"""Exact sums of windows: their number, and of their int8 features the sums and the sums of products. Pure integers.

The same windows give the same integers on every processor and in any order. Sums of two sets of windows add up to those
of both, and what was added can be subtracted: no window is needed to forget what was learnt from it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reedmesh.learning.arrays import Windows

Ints = NDArray[np.int64]

MOST_WINDOWS = 1 << 22  # so that count * products stays below 2**58
MOST_FEATURES = 1024


@dataclass(frozen=True)
class Sums:
    """Of `count` windows of p features: total, int64 [p], and products, int64 [p, p], symmetric."""

    count: int
    total: Ints
    products: Ints

    def __add__(self, other: "Sums") -> "Sums":
        """Those of both sets of windows; raises ValueError when they have other features or too many windows."""
        return _possible(self.count + other.count, self.total + other.total, self.products + other.products)

    def __sub__(self, other: "Sums") -> "Sums":
        """Those of the windows that are not in `other`; raises ValueError when `other` cannot have been part of it."""
        return _possible(self.count - other.count, self.total - other.total, self.products - other.products)

    @property
    def scatter(self) -> Ints:
        """The sum of products of differences to the mean, rounded to whole squared steps: int64 [p, p]."""
        if not self.count:
            return np.zeros_like(self.products)
        exact = self.count * self.products - np.multiply.outer(self.total, self.total)
        return (2 * exact + self.count) // (2 * self.count)


def nothing(features: int) -> Sums:
    """The sums of no window."""
    return Sums(0, np.zeros(features, np.int64), np.zeros((features, features), np.int64))


def of(windows: Windows) -> Sums:
    """The sums of `windows`, int8 [m, p]; raises ValueError for more than MOST_WINDOWS or MOST_FEATURES."""
    if windows.dtype != np.int8 or windows.ndim != 2 or windows.shape[1] > MOST_FEATURES:
        raise ValueError(
            f"sums are of int8 windows, at most {MOST_FEATURES} features, not {windows.dtype} {windows.shape}"
        )
    if len(windows) > MOST_WINDOWS:
        raise ValueError(f"{len(windows)} windows, {MOST_WINDOWS} are the most")
    wide = windows.astype(np.int64)
    return Sums(len(wide), wide.sum(axis=0), wide.T @ wide)


def _possible(count: int, total: Ints, products: Ints) -> Sums:
    """The sums, when some windows of int8 features can have them."""
    if not 0 <= count <= MOST_WINDOWS:
        raise ValueError(f"sums of {count} windows; 0 to {MOST_WINDOWS} can be")
    squares = np.diagonal(products)
    if (np.abs(total) > 128 * count).any() or (squares < 0).any() or (squares > 16384 * count).any():
        raise ValueError(f"no {count} windows of int8 features have these sums")
    if (count * squares < total * total).any():
        raise ValueError("the sums have a negative variance")
    return Sums(count, total, products)
