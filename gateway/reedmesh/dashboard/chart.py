"""Scores over time as an SVG path. Pure.

All charts have the same axes, so that they compare at a glance: the height is the score as a multiple of the threshold
on a logarithmic scale, a tenth at the bottom, ten times at the top, and so the threshold itself always in the middle.
"""

from collections.abc import Sequence
from itertools import groupby
from math import log10

WIDTH, HEIGHT = 200, 40  # of the SVG's own coordinates
THRESHOLD = HEIGHT // 2  # where a score as high as the threshold is drawn
MARGIN = 1.5  # keeps the line's thickness inside


def path(history: Sequence[tuple[float, float]], threshold: float) -> str:
    """The `d` of an SVG path through `history`, (seconds, score) oldest first; "" when there is no line to draw.

    At most two points per unit of width are drawn, the highest score among those that fall together: a peak is never
    left out.
    """
    if len(history) < 2 or threshold <= 0:
        return ""
    start, span = history[0][0], (history[-1][0] - history[0][0]) or 1.0
    columns = groupby(history, lambda point: round(WIDTH * (point[0] - start) / span))
    points = ((x, _y(max(score for _, score in column) / threshold)) for x, column in columns)
    return "M" + "L".join(f"{x} {y:.4g}" for x, y in points)


def span(history: Sequence[tuple[float, float]]) -> float:
    """Seconds from the first score to the last."""
    return history[-1][0] - history[0][0] if history else 0.0


def _y(excess: float) -> float:
    """Height of a score of `excess` times the threshold; SVG counts from the top."""
    decades = log10(min(10.0, max(0.1, excess)))
    return THRESHOLD - decades * (THRESHOLD - MARGIN)
