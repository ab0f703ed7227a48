"""Whether a machine shifted though no single window stands out: the mean of the last windows, whitened. Pure.

The statistic is Hotelling's (1931): SPAN times the squared length of the mean of whitened windows, in the unit of a
score. A fault that moves every window a little is found sixteen times as easily as in single windows. It counts as far
as it is from all between where the machine was commissioned and where it lately was: one that changes its speed goes
back to the first, and what drifts over hundreds of windows is followed, and told as the condition `moved`.
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
        gone = self._add(residual)
        if self._seen < FOLLOW:
            self._begin(residual, normal)
            return 0.0
        away = self._away(self._sum / len(self._last))
        found = SPAN * float(away @ away) / self._limit
        if found <= 1.0 and gone is not None:
            self._usual = self._usual + (gone - self._usual) / FOLLOW
        return found

    def _away(self, mean: NDArray[np.float64]) -> NDArray[np.float64]:
        """From the nearest point of the line between 0 and what is usual."""
        length = float(self._usual @ self._usual)
        along = min(1.0, max(0.0, float(mean @ self._usual) / length)) if length else 0.0
        return np.asarray(mean - along * self._usual)

    def _add(self, residual: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """Take the newest window; returns the one that is SPAN older."""
        self._last.append(residual)
        self._sum = self._sum + residual if len(self._sum) else residual
        if len(self._last) <= SPAN:
            return None
        gone = self._last.popleft()
        self._sum = self._sum - gone
        return gone

    def _begin(self, residual: NDArray[np.int64], normal: bool) -> None:
        if normal:
            self._seen += 1
            before = self._usual if len(self._usual) else np.zeros(len(residual))
            self._usual = before + (residual - before) / self._seen


def largest(residuals: NDArray[np.int64]) -> int:
    """The largest statistic of blocks of SPAN windows, int64 [blocks, SPAN, p], about a mean of 0; 0 of none."""
    sums = residuals.sum(axis=1)
    return int((sums * sums).sum(axis=1).max(initial=0)) // SPAN
