"""Whether a machine shifted though no single window stands out: the mean of the last windows, whitened. Pure.

The statistic is Hotelling's (1931): SPAN times the squared length of the mean of whitened windows, less the mean that
the machine had lately. It is in the unit of a score. A fault that moves every window a little is found sixteen times as
easily as in single windows; what drifts over hundreds of windows is followed, and told as the condition `moved`.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

SPAN = 16  # windows whose mean is looked at
FOLLOW = 60  # windows after a start that are not judged by it, and in which a drift is followed to two thirds


class Shift:
    """Of one machine under one model. limit: of the statistic, above 0."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._last: deque[NDArray[np.int64]] = deque()
        self._sum: NDArray[np.int64] = np.zeros(0, np.int64)
        self._usual: NDArray[np.float64] = np.zeros(0)
        self._seen = 0

    def take(self, residual: NDArray[np.int64], normal: bool) -> float:
        """The statistic over its limit, after a window with this `residual`, int64 [p]; 0.0 until enough were heard.

        normal: the window is below the threshold by itself.
        """
        self._add(residual)
        if self._seen < FOLLOW:
            self._begin(residual, normal)
            return 0.0
        away = self._sum / len(self._last) - self._usual
        found = SPAN * float(away @ away) / self._limit
        if found <= 1.0:
            self._usual = self._usual + away / FOLLOW
        return found

    def _add(self, residual: NDArray[np.int64]) -> None:
        self._last.append(residual)
        self._sum = self._sum + residual if len(self._sum) else residual
        if len(self._last) > SPAN:
            self._sum = self._sum - self._last.popleft()

    def _begin(self, residual: NDArray[np.int64], normal: bool) -> None:
        if normal:
            self._seen += 1
            before = self._usual if len(self._usual) else np.zeros(len(residual))
            self._usual = before + (residual - before) / self._seen


def largest(residuals: NDArray[np.int64]) -> int:
    """The largest statistic of blocks of SPAN windows, int64 [blocks, SPAN, p], about a mean of 0; 0 of none."""
    sums = residuals.sum(axis=1)
    return int((sums * sums).sum(axis=1).max(initial=0)) // SPAN
