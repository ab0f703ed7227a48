"""Feature moments, and a machine's scaling; the numpy side of `scaling.py`, which defines z.

The unit of a feature is its standard deviation, or twice what similar windows differ by if that is less: where a
machine works in several states, a fault must be seen beside what windows of one state differ by, not beside what states
do (docs/decisions/0012). No window learnt from is further than REACH units from the mean: int8 holds 16.

Moments are whole numbers, so that merging any number of gateways' moments, in any order, gives exactly the moments of
all their windows together, and a mean or deviation is never the difference of two rounded large numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

SIMILAR = 2.0  # times what similar windows differ by
REACH = 8.0  # units
COMPARED = 512  # windows that are compared with each other
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
        """The mean of each feature, [n], in feature steps."""
        return [total / self.count for total in self.total]

    @property
    def deviation(self) -> list[float]:
        """The standard deviation of each feature, [n], in feature steps."""
        pairs = zip(self.total, self.squares, strict=True)
        return [sqrt(self.count * squares - total * total) / self.count for total, squares in pairs]


def fit(features: NDArray[np.int8]) -> Moments:
    """The moments of `features`, int8 [m, n]; raises ValueError when there is no window."""
    if not len(features):
        raise ValueError("no windows to take moments of")
    wide = features.astype(np.int64)
    return Moments(len(wide), tuple(wide.sum(axis=0).tolist()), tuple((wide**2).sum(axis=0).tolist()))


def gains(moments: Moments, units: Sequence[float] = ()) -> tuple[list[int], list[int]]:
    """Means in sixteenths of a step and gains 2**14 / unit (64..16384), as `scaling.to_bytes` takes them.

    units: of each feature, in steps; its deviation if they are left out.
    """
    means = [(32 * total + moments.count) // (2 * moments.count) for total in moments.total]
    return means, [round(2**14 / max(unit, FLOOR)) for unit in units or moments.deviation]


def of(features: NDArray[np.int8], apart: int = 1) -> tuple[list[int], list[int]]:
    """The scaling, as `gains` gives it, of a machine with such windows: int8 [m, n] in their order.

    apart: places between windows that share no reading; nearer ones are similar whatever the machine does.
    """
    moments = fit(features)
    means, deviation = np.array(moments.mean), np.array(moments.deviation)
    far = np.abs(features - means).max(axis=0) / REACH
    unit = np.maximum(np.minimum(deviation, SIMILAR * _similar(features, deviation, apart)), far)
    return gains(moments, unit.tolist())


def _similar(features: NDArray[np.int8], deviation: NDArray[np.float64], apart: int) -> NDArray[np.float64]:
    """Per feature, the standard deviation that the difference between a window and the one most like it stands for.

    Windows are compared with those at least `apart` places away; as deviations are where there is none.
    """
    places = np.linspace(0, len(features) - 1, min(len(features), COMPARED)).astype(np.intp)
    some = features[places].astype(np.float64)
    scaled = some / np.maximum(deviation, FLOOR)
    squares = (scaled**2).sum(axis=1)
    distance = squares[:, None] + squares - 2 * scaled @ scaled.T
    distance[np.abs(places[:, None] - places) < apart] = np.inf
    if np.isinf(distance.min(axis=1)).any():
        return deviation
    return np.asarray(np.sqrt(((some - some[distance.argmin(axis=1)]) ** 2).mean(axis=0) / 2))


def apply(features: NDArray[np.int8], means: list[int], gains: list[int]) -> NDArray[np.int8]:
    """z of `features`, int8 [m, n] -> int8 [m, n], in eighths of a standard deviation. means, gains: as `gains`
    returns.
    """
    centred = (features.astype(np.int32) << 4) - np.array(means, dtype=np.int32)
    z = (centred * np.array(gains, dtype=np.int32) + 16384) >> 15  # below 2**27, so int32 is wide enough
    return np.asarray(np.clip(z, -128, 127), dtype=np.int8)
