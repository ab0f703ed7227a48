"""A straight line through daily values, and the time at which it reaches a limit, with its uncertainty. Pure.

Least squares with Student's t (95 %): ISO 13381-1 has a prognosis named with its confidence. Days are taken as
independent; a trend that is no more than noise, bent, or too short gives none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

FEWEST = 5  # days
LEAST_R2 = 0.6  # share of the variance that the line explains
FARTHEST = 365.0  # days ahead that are worth telling
# Student's t, two-sided 95 %, by degrees of freedom; beyond, the normal distribution's 1.96 and a little more.
T95 = (12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


@dataclass(frozen=True)
class Line:
    """slope: per day, with its 95 % half width; now: its value at the last day. days: until the limit, and bounds."""

    slope: float
    half_width: float
    now: float
    days: float | None = None
    soonest: float | None = None
    latest: float | None = None  # None: beyond FARTHEST


def fit(points: Sequence[tuple[float, float]], limit: float | None = None) -> Line | None:
    """The line through (day, value); None where the fit does not deserve it."""
    if len(points) < FEWEST:
        return None
    count, middle = len(points), sum(x for x, _ in points) / len(points)
    mean = sum(y for _, y in points) / count
    spread = sum((x - middle) ** 2 for x, _ in points)
    total = sum((y - mean) ** 2 for _, y in points)
    if not spread or not total:
        return None
    slope = sum((x - middle) * (y - mean) for x, y in points) / spread
    rest = sum((y - mean - slope * (x - middle)) ** 2 for x, y in points)
    half = _t(count - 2) * math.sqrt(rest / (count - 2) / spread)
    if 1 - rest / total < LEAST_R2 or abs(slope) <= half:
        return None
    now = mean + slope * (max(x for x, _ in points) - middle)
    days, soonest, latest = _until(now, slope, half, limit)
    return Line(slope, half, now, days, soonest, latest)


def _until(
    now: float, slope: float, half: float, limit: float | None
) -> tuple[float | None, float | None, float | None]:
    """Days until the line reaches the limit, at the soonest and at the latest."""
    if limit is None or slope <= 0 or now >= limit or (limit - now) / slope > FARTHEST:
        return None, None, None
    latest = (limit - now) / (slope - half)
    return (limit - now) / slope, (limit - now) / (slope + half), latest if latest <= FARTHEST else None


def _t(freedom: int) -> float:
    return T95[freedom - 1] if freedom <= len(T95) else 1.96 + 2.5 / freedom
