"""Quality figures of parts: yield, faults by class, control charts and Nelson's rules 1 to 4. Pure.

p-chart: the share of parts that did not pass, of subgroups in a row, with limits at three standard deviations of a
binomial share (Montgomery, Introduction to Statistical Quality Control). Moving range: of what speaks against each
part, with limits at mean +- 2.66 mean moving ranges. Rules: Nelson (1984), The Shewhart Control Chart - Tests for
Special Causes.
"""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Any

from reedmesh.learning.parts import binomial

GROUP = 50  # parts of a subgroup
BEYOND = 0.00135  # of a normal distribution lies beyond three standard deviations, on each side
GROUPS, FEWEST_GROUPS = 25, 10  # that limits follow from, at most and at least (Montgomery: 20 to 25)
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
        **_passed(passed, len(judged), pareto),
        "p_chart": p_chart([row.verdict != "OK" for row in judged]),
        "moving_range": individuals([row.against for row in judged if row.against is not None]),
        **estimated(judged),
    }


def counted(made: Iterable[tuple[str, str, int]]) -> dict[str, Any]:
    """Parts, yield and faults by class of parts that were counted: verdict, fault and number of each kind."""
    whole, judged, passed, pareto = 0, 0, 0, Counter[str]()
    for verdict, fault, count in made:
        whole += count
        judged += count if verdict else 0
        passed += count if verdict == "OK" else 0
        if verdict not in ("", "OK"):
            pareto[fault or "unknown"] += count
    return {"parts": whole, "judged": judged} | _passed(passed, judged, pareto)


def _passed(passed: int, judged: int, pareto: Counter[str]) -> dict[str, Any]:
    yielded = round(passed / judged, 5) if judged else None
    return {"yield": yielded, "pareto": [[name, count] for name, count in pareto.most_common()]}


class Control:
    """The charts of a station while parts come: subgroups of GROUP parts, the newest GROUPS of them."""

    def __init__(self) -> None:
        self._shares: deque[float] = deque(maxlen=GROUPS)
        self._means: deque[float] = deque(maxlen=GROUPS)
        self._rejected: list[bool] = []
        self._evidence: list[int] = []
        self.broken = ""  # the rules that the newest subgroup breaks, in words; "": none

    def add(self, rejected: bool, against: int | None) -> None:
        """One more judged part. against: what speaks against it, of one that passed."""
        self._rejected.append(rejected)
        if against is not None and not rejected:
            self._evidence.append(against)
        if len(self._rejected) >= GROUP:
            self._shares.append(sum(self._rejected) / GROUP)
            if self._evidence:
                self._means.append(sum(self._evidence) / len(self._evidence))
            self._rejected, self._evidence = [], []
            self.broken = "; ".join(self._look())

    def _look(self) -> list[str]:
        if len(self._shares) < FEWEST_GROUPS:
            return []
        shares, means = list(self._shares), list(self._means)
        mean = sum(shares) / len(shares)
        rules = [1] if _unlikely(shares[-1], mean) else []
        rules += [each for each in broken(shares, mean, 1.0) if each > 1]
        found = [f"NOK share: {RULES[each]}" for each in rules]
        drift = individuals(means)["broken"] if len(means) >= FEWEST_GROUPS else []
        return found + [f"evidence of passed parts: {each['says']}" for each in drift]


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


def _unlikely(share: float, mean: float) -> bool:
    """Whether a subgroup's share is one of 0.27 %: exact, for of few rejected parts three deviations are not."""
    hits = round(share * GROUP)
    if not 0.0 < mean < 1.0:
        return False
    return min(binomial.at_most(hits, GROUP, mean), 1 - binomial.at_most(hits - 1, GROUP, mean)) < BEYOND


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
