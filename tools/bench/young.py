"""The worth of neighbours to a gateway that has few windows: the same windows learnt alone and together.

Each machine in turn is the young one; its neighbours have all their windows. Its windows are either spread over what
was recorded, or in a row, as a machine has them that was watched for a minute: then it has shown few of its states.
In the last way it runs on normally, and a person answers each alert that it is no fault, see `support/answers.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from reedmesh.inference.family import Family
from reedmesh.learning import summed
from reedmesh.learning.arrays import Windows
from reedmesh.learning.told import Told
from tools.bench.support.answers import Commissioned, answered
from tools.bench.support.judged import of_model
from tools.bench.support.onsets import Normal, Onset
from tools.simulate.machines import MachineData

FEW, FEWEST = 60, 24  # windows; FEWEST of a recording that has not many times FEW
MOST = 4  # parts of a machine's windows that are each tried


@dataclass(frozen=True)
class Case:
    """One machine, fault and way to be young, means over the parts: onset, onset from normal starts, over, answers."""

    machine: str
    fault: str
    alone: tuple[float, float, float, float]
    together: tuple[float, float, float, float]

    @property
    def gain(self) -> float:
        """Points of onset, less those from normal starts, that neighbours add."""
        return 100 * (self.together[0] - self.together[1] - self.alone[0] + self.alone[1])

    @property
    def calmer(self) -> float:
        """Points of normal windows over the threshold that neighbours save."""
        return 100 * (self.alone[2] - self.together[2])

    def row(self) -> str:
        """A line: onset, onset from normal starts, over, answers; alone and together."""
        cells = (f"{a:>5.0%} {b:>5.0%} {c:>6.1%} {d:>4.1f}" for a, b, c, d in (self.alone, self.together))
        return f"  {self.machine:<10} {self.fault:<14} {' | '.join(cells)} | {self.gain:+.0f}"


def spread(windows: Windows) -> list[Windows]:
    """Parts of about FEW windows, evenly of all."""
    count = _parts(windows)
    return [windows[first::count] for first in range(count)]


def in_a_row(windows: Windows) -> list[Windows]:
    """Parts of as many windows, each in a row."""
    count = _parts(windows)
    size = len(windows) // count
    return [windows[at * size : (at + 1) * size] for at in range(count)]


def heard(place: MachineData, way: str) -> list[tuple[Windows, Windows]]:
    """What is learnt, and the normal windows after it whose alerts are answered: the rest, and half of those to test.

    None are where nobody answers.
    """
    parts, half = (spread if way == "spread" else in_a_row)(place.learn), _half(place)
    if way != ANSWERED:
        return [(part, place.learn[:0]) for part in parts]
    after = [np.concatenate([*parts[i + 1 :], *parts[:i], place.tests["normal"][:half]]) for i in range(len(parts))]
    return list(zip(parts, after, strict=True))


ANSWERED = "in a row, answered"
WAYS = ("spread", "in a row", ANSWERED)


def cases(family: Family, at: Sequence[MachineData], way: str) -> Iterator[Case]:
    """One for each machine and fault."""
    told = [summed.learn(family, place.learn).told for place in at]
    for i, place in enumerate(at):
        others = [each for j, each in enumerate(told) if j != i]
        alone, together = (_means(family, place, way, neighbours) for neighbours in ([], others))
        yield from (Case(place.name, fault, alone[fault], together[fault]) for fault in alone)


def _means(
    family: Family, place: MachineData, way: str, neighbours: Sequence[Told]
) -> dict[str, tuple[float, float, float, float]]:
    """By fault: mean onset, onset from normal starts, normal windows over, and answers."""
    found: dict[str, list[tuple[float, float, float, float]]] = {}
    for part, after in heard(place, way):
        it = answered(family, part, after, neighbours)
        tests = place.tests | {"normal": _judged(place, way)}
        normal, onsets = of_model(it.model, tests, family.alerts)
        for label, onset in onsets.items():
            found.setdefault(label, []).append(_cells(onset, normal, it))
    return {label: _mean(each) for label, each in found.items()}


def _judged(place: MachineData, way: str) -> Windows:
    """Normal windows that nobody has answered for."""
    normal = place.tests["normal"]
    return normal[_half(place) :] if way == ANSWERED else normal


def _half(place: MachineData) -> int:
    return len(place.tests["normal"]) // 2


def _cells(onset: Onset, normal: Normal, it: Commissioned) -> tuple[float, float, float, float]:
    return onset.share, normal.starts, normal.over, float(it.answers)


def _mean(cells: Sequence[tuple[float, float, float, float]]) -> tuple[float, float, float, float]:
    onset, starts, over, answers = np.mean(cells, axis=0).tolist()
    return onset, starts, over, answers


def _parts(windows: Windows) -> int:
    enough = FEW if len(windows) >= 2 * FEW else FEWEST
    return max(1, min(MOST, round(len(windows) / enough)))
