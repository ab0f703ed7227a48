"""Limits of verdicts: thresholds from the costs of an escape and an overkill, on held-out parts, with bounds. Pure.

From OK parts alone nobody knows how faults score: a part is in doubt from MARGIN, and rejected from REJECT times a high
quantile of their held-out scores. With labels each threshold minimises the expected cost: `doubt` by the upper bound of
the escapes, `reject` by that of the overkills. Between the two lies what so few parts cannot tell: where OK and NOK
parts leave a gap, doubt begins in its middle and ends with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reedmesh.learning.parts import binomial

FEWEST_NOK = 5  # labelled NOK parts from which thresholds follow from costs
QUANTILE, MARGIN, REJECT = 0.99, 1.3, 2.0  # of OK parts' held-out scores, and times that
LEAST, MOST = -32000, 32000  # of a threshold

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Costs:
    """escape: of a NOK part that passes; overkill: of an OK part that is rejected; in any currency. share: of NOK."""

    escape: float = 100.0
    overkill: float = 1.0
    share: float = 0.02


@dataclass(frozen=True)
class Point:
    """The effect of a threshold: escape and overkill as measured, and the upper bounds of both."""

    at: int
    escape: float
    overkill: float
    escape_bound: float
    overkill_bound: float


def curve(ok: Ints, nok: Ints) -> list[Point]:
    """The trade, from the lowest threshold that makes a difference to the highest. ok, nok: held-out evidence."""
    places = {*ok.tolist(), *nok.tolist()}
    return [_point(at, ok, nok) for at in sorted(places | {each + 1 for each in places})]


def chosen(ok: Ints, nok: Ints, costs: Costs) -> tuple[int, int]:
    """doubt and reject from labelled, held-out parts; raises ValueError for fewer than FEWEST_NOK."""
    if len(nok) < FEWEST_NOK or not len(ok):
        raise ValueError(f"{len(nok)} NOK and {len(ok)} OK parts are labelled; costs need {FEWEST_NOK} NOK")
    points = curve(ok, nok)
    doubt = _cheapest(points, [_cost(p.escape_bound, p.overkill, costs) for p in points])
    reject = _cheapest(points, [_cost(p.escape, p.overkill_bound, costs) for p in points])
    middle = (doubt[0] + doubt[1]) // 2
    return middle, max(middle, reject[1])


def beyond(ok: Ints) -> tuple[int, int]:
    """doubt and reject where a classifier has too few NOK parts for costs: beyond nearly all OK ones, and all."""
    return int(np.ceil(np.quantile(ok, QUANTILE))) + 1, int(ok.max()) + 1


def _point(at: int, ok: Ints, nok: Ints) -> Point:
    passed, rejected = int((nok < at).sum()), int((ok >= at).sum())
    bounds = binomial.upper(passed, len(nok)), binomial.upper(rejected, len(ok))
    return Point(at, passed / max(1, len(nok)), rejected / max(1, len(ok)), *bounds)


def _cost(escape: float, overkill: float, costs: Costs) -> float:
    return costs.share * escape * costs.escape + (1 - costs.share) * overkill * costs.overkill


def _cheapest(points: Sequence[Point], costs: Sequence[float]) -> tuple[int, int]:
    """The first and the last threshold of least cost: of a gap between OK and NOK parts, its ends."""
    least = min(costs)
    same = [point.at for point, cost in zip(points, costs, strict=True) if cost <= least * (1 + 1e-9)]
    return max(LEAST, same[0]), min(MOST, same[-1])
