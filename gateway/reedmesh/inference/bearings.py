"""Frequencies at which a shaft and its rolling bearings show faults. Pure.

Kinematics of a bearing with a fixed outer ring: R. B. Randall, Vibration-based Condition Monitoring (2011), 2.2.3, with
n balls of diameter d on a pitch circle D, contact angle a, and r = d / D cos(a). Balls slip: measured frequencies are
1 to 2 % off.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reedmesh.config.settings import Bearing

ORDERS = (1, 2, 3)
SLIP = 0.02  # of a bearing frequency, either way


@dataclass(frozen=True)
class Mark:
    """A frequency to look at: "1x" of the shaft, or "BPFO 6205" of a bearing. slack: Hz that it may be off."""

    name: str
    hz: float
    slack: float = 0.0


def marks(rpm: float, bearings: Sequence[Bearing]) -> list[Mark]:
    """Shaft orders and bearing frequencies at that speed, lowest first; none for a speed that is not above 0."""
    if rpm <= 0:
        return []
    found = [Mark(f"{order}x", order * rpm / 60) for order in ORDERS]
    found += [mark for bearing in bearings for mark in _of(bearing, rpm / 60)]
    return sorted(found, key=lambda each: each.hz)


def nearest(low: float, high: float, among: Sequence[Mark]) -> Mark | None:
    """The mark that lies in the band, or the one nearest to its middle; None when none is within the band's width."""
    middle, width = math.sqrt(low * high), high - low
    apart = {each: max(0.0, abs(each.hz - middle) - width / 2 - each.slack) for each in among}
    best = min(among, key=lambda each: (apart[each], abs(each.hz - middle)), default=None)
    return best if best and apart[best] <= width else None


def _of(it: Bearing, shaft: float) -> list[Mark]:
    ratio = it.ball_mm / it.pitch_mm * math.cos(math.radians(it.angle_deg))
    made = {
        "BPFO": it.balls / 2 * shaft * (1 - ratio),
        "BPFI": it.balls / 2 * shaft * (1 + ratio),
        "BSF": it.pitch_mm / (2 * it.ball_mm) * shaft * (1 - ratio**2),
        "FTF": shaft / 2 * (1 - ratio),
    }
    return [Mark(f"{name} {it.name}".strip(), hz, SLIP * hz) for name, hz in made.items()]
