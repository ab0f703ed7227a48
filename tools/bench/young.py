"""The worth of neighbours to a gateway that has few windows: the same windows learnt alone and together.

Each machine in turn is the young one; its neighbours have all their windows. Its windows are either spread over what
was recorded, or in a row, as a machine has them that was watched for a minute: then it has shown few of its states.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from reedmesh.inference.family import Family
from reedmesh.inference.model import Model
from reedmesh.learning import summed
from reedmesh.learning.arrays import Windows
from reedmesh.learning.told import Told
from tools.bench.support.onsets import Normal, Onset, of_fault, of_normal
from tools.simulate.machines import MachineData

FEW, FEWEST = 60, 24  # windows; FEWEST of a recording that has not many times FEW
MOST = 4  # parts of a machine's windows that are each tried


@dataclass(frozen=True)
class Case:
    """One machine, fault and way to be young: onset, onset from normal starts, and over; means over the parts."""

    machine: str
    fault: str
    alone: tuple[float, float, float]
    together: tuple[float, float, float]

    @property
    def gain(self) -> float:
        """Points of onset, less those from normal starts, that neighbours add."""
        return 100 * (self.together[0] - self.together[1] - self.alone[0] + self.alone[1])

    @property
    def calmer(self) -> float:
        """Points of normal windows over the threshold that neighbours save."""
        return 100 * (self.alone[2] - self.together[2])

    def row(self) -> str:
        """A line: onset, onset from normal starts, over; alone and together."""
        cells = (f"{a:>5.0%} {b:>5.0%} {c:>6.1%}" for a, b, c in (self.alone, self.together))
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


WAYS: dict[str, Callable[[Windows], list[Windows]]] = {"spread": spread, "in a row": in_a_row}


def cases(family: Family, at: Sequence[MachineData], way: str) -> Iterator[Case]:
    """One for each machine and fault."""
    told = [summed.learn(family, place.learn).told for place in at]
    for i, place in enumerate(at):
        others = [each for j, each in enumerate(told) if j != i]
        parts = WAYS[way](place.learn)
        alone, together = (_means(family, place, parts, neighbours) for neighbours in ([], others))
        yield from (Case(place.name, fault, alone[fault], together[fault]) for fault in alone)


def _means(
    family: Family, place: MachineData, parts: Sequence[Windows], neighbours: Sequence[Told]
) -> dict[str, tuple[float, float, float]]:
    """By fault: mean onset, onset from normal starts, and normal windows over."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    for part in parts:
        model = Model(summed.candidate(family, part, neighbours).model)
        normal = of_normal(model.scores(place.tests["normal"]), model.threshold, family.alerts)
        for label, windows in place.tests.items():
            if not label.startswith("normal"):
                onset = of_fault(model.scores(windows), model.threshold, family.alerts)
                found.setdefault(label, []).append(_cells(onset, normal))
    return {label: _mean(each) for label, each in found.items()}


def _cells(onset: Onset, normal: Normal) -> tuple[float, float, float]:
    return onset.share, normal.starts, normal.over


def _mean(cells: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    onset, starts, over = np.mean(cells, axis=0).tolist()
    return onset, starts, over


def _parts(windows: Windows) -> int:
    enough = FEW if len(windows) >= 2 * FEW else FEWEST
    return max(1, min(MOST, round(len(windows) / enough)))
