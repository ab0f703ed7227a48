"""Feature moments, and the scaling that follows from them; the numpy side of `scaling.py`, which says what z means.

Moments are whole numbers, so that merging any number of gateways' moments, in any order, gives exactly the moments of
all their windows together, and a mean or deviation is never the difference of two rounded large numbers.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

FLOOR = 1.0  # feature steps (0.376 dB); a feature that hardly moved must not make every later step a catastrophe


@dataclass(frozen=True)
class Moments:
    """Of m windows of n features: their count, and per feature the sum and the sum of squares (n of each)."""

    count: int
    total: tuple[int, ...]
    squares: tuple[int, ...]

    def __add__(self, other: "Moments") -> "Moments":
        """The moments of both sets of windows together; raises ValueError unless they have the same features."""
        total = tuple(a + b for a, b in zip(self.total, other.total, strict=True))
        squares = tuple(a + b for a, b in zip(self.squares, other.squares, strict=True))
        return Moments(self.count + other.count, total, squares)

    @property
    def mean(self) -> list[float]:
        """Each feature's mean, in feature steps."""
        return [total / self.count for total in self.total]

    @property
    def deviation(self) -> list[float]:
        """Each feature's standard deviation, in feature steps."""
        pairs = zip(self.total, self.squares, strict=True)
        return [sqrt(self.count * squares - total * total) / self.count for total, squares in pairs]


def fit(features: NDArray[np.int8]) -> Moments:
    """The moments of `features`, int8 [m, n]; raises ValueError when there is no window."""
    if not len(features):
        raise ValueError("no windows to take moments of")
    wide = features.astype(np.int64)
    return Moments(len(wide), tuple(wide.sum(axis=0).tolist()), tuple((wide**2).sum(axis=0).tolist()))


def gains(moments: Moments) -> tuple[list[int], list[int]]:
    """Means in sixteenths of a step and gains 2**14 / deviation (129..16384), as `scaling.to_bytes` takes them."""
    means = [(32 * total + moments.count) // (2 * moments.count) for total in moments.total]
    return means, [round(2**14 / max(deviation, FLOOR)) for deviation in moments.deviation]


def apply(features: NDArray[np.int8], means: list[int], gains: list[int]) -> NDArray[np.int8]:
    """z of `features`: int8 [m, n] -> int8 [m, n], in eighths of a standard deviation."""
    centred = (features.astype(np.int32) << 4) - np.array(means, dtype=np.int32)
    z = (centred * np.array(gains, dtype=np.int32) + 16384) >> 15  # below 2**27, so int32 is wide enough
    return np.asarray(np.clip(z, -128, 127), dtype=np.int8)
