"""Quality figures of parts: yield, faults by class, control charts and Nelson's rules 1 to 4. Pure.

p-chart: the share of parts that did not pass, of subgroups in a row, with limits at three standard deviations of a
binomial share (Montgomery, Introduction to Statistical Quality Control). Moving range: of what speaks against each
part, with limits at mean +- 2.66 mean moving ranges. Rules: Nelson (1984), The Shewhart Control Chart - Tests for
Special Causes.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Any

from reedmesh.learning.parts import binomial

GROUP = 50  # parts of a subgroup
INDIVIDUALS = 2.66  # 3 / d2 of moving ranges of two
RULES = {
    1: "a point lies beyond three standard deviations",
    2: "nine points in a row lie on one side of the mean",
    3: "six points in a row rise, or fall",
    4: "fourteen points in a row go up and down by turns",
}


@dataclass(frozen=True)
class Row:
    """A judged part: verdict and fault as words, label or "", evidence against it."""

    verdict: str
    fault: str = ""
    label: str = ""
    against: int | None = None


def figures(rows: Sequence[Row]) -> dict[str, Any]:
    """All of them for parts in their order, as JSON has them."""
    judged = [row for row in rows if row.verdict]
    passed = sum(row.verdict == "OK" for row in judged)
    pareto = Counter(row.fault or "unknown" for row in judged if row.verdict != "OK")
    return {
        "parts": len(rows),
        "judged": len(judged),
        "yield": round(passed / len(judged), 5) if judged else None,
        "pareto": [[name, count] for name, count in pareto.most_common()],
        "p_chart": p_chart([row.verdict != "OK" for row in judged]),
        "moving_range": individuals([row.against for row in judged if row.against is not None]),
        **estimated(judged),
    }


def estimated(rows: Sequence[Row]) -> dict[str, Any]:
    """Escape and overkill by the parts that somebody labelled, with upper bounds at 95 %."""
    ok = [row for row in rows if row.label == "OK"]
    nok = [row for row in rows if row.label and row.label != "OK"]
    passed, rejected = sum(row.verdict == "OK" for row in nok), sum(row.verdict != "OK" for row in ok)
    return {
        "labelled": {"OK": len(ok), "NOK": len(nok)},
        "escape": _share(passed, len(nok)),
        "overkill": _share(rejected, len(ok)),
    }


def p_chart(rejected: Sequence[bool], group: int = GROUP) -> dict[str, Any]:
    """Shares of whole subgroups, their mean and limits, and the rules that the newest points break."""
    counts = [sum(rejected[at : at + group]) for at in range(0, len(rejected) - group + 1, group)]
    if not counts:
        return {"group": group, "shares": [], "broken": []}
    shares, mean = [count / group for count in counts], sum(counts) / (len(counts) * group)
    width = 3 * sqrt(mean * (1 - mean) / group)
    return _chart(shares, mean, width, max(0.0, mean - width)) | {"group": group, "shares": _rounded(shares)}


def individuals(values: Sequence[float]) -> dict[str, Any]:
    """A chart of single values with limits by their moving range; the newest GROUP are given."""
    if len(values) < 2:
        return {"values": [], "broken": []}
    mean = sum(values) / len(values)
    ranges = [abs(b - a) for a, b in pairwise(values)]
    width = INDIVIDUALS * sum(ranges) / len(ranges)
    return _chart(values, mean, width, mean - width) | {"values": list(values[-GROUP:])}


def broken(points: Sequence[float], mean: float, width: float) -> list[int]:
    """Which of Nelson's rules 1 to 4 the newest point breaks, together with those before it; width: of three sigma."""
    rules = {
        1: bool(points) and abs(points[-1] - mean) > width,
        2: len(points) >= 9 and (all(p > mean for p in points[-9:]) or all(p < mean for p in points[-9:])),
        3: len(points) >= 6 and _steady(points[-6:]),
        4: len(points) >= 14 and _alternating(points[-14:]),
    }
    return [number for number, holds in rules.items() if holds]


def _chart(points: Sequence[float], mean: float, width: float, low: float) -> dict[str, Any]:
    told = [{"rule": rule, "says": RULES[rule]} for rule in broken(points, mean, width)]
    return {"mean": round(mean, 5), "low": round(low, 5), "high": round(mean + width, 5), "broken": told}


def _steady(points: Sequence[float]) -> bool:
    steps = [b - a for a, b in pairwise(points)]
    return all(step > 0 for step in steps) or all(step < 0 for step in steps)


def _alternating(points: Sequence[float]) -> bool:
    steps = [b - a for a, b in pairwise(points)]
    return all(a * b < 0 for a, b in pairwise(steps))


def _share(hits: int, trials: int) -> dict[str, float] | None:
    """None where nobody labelled any."""
    return {"share": round(hits / trials, 5), "at_most": round(binomial.upper(hits, trials), 5)} if trials else None


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(each, 5) for each in values]
