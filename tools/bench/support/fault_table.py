"""The table of `tools/bench/faults.py`: a row for each machine, fault and way of learning, and what they amount to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tools.bench.support.onsets import Normal, Onset

SERVED = "served"  # the way of learning that the family chose, with all neighbours
POINT = 0.01  # of onset that ours may be below the best baseline


@dataclass(frozen=True)
class Row:
    """One machine and fault by one way of learning, in one seed."""

    machine: str
    fault: str
    onset: Onset
    normal: Normal

    @property
    def net(self) -> float:
        """Onsets found beyond those starts of normal windows from which there was an alert as well."""
        return self.onset.share - self.normal.starts


Table = dict[str, list[Row]]  # by way


@dataclass(frozen=True)
class Comparison:
    """Ours beside the baseline that finds most onsets beyond those from normal starts: means over seeds.

    ours, best: onset, onset net of normal starts, false alerts in 1000 normal windows.
    """

    machine: str
    fault: str
    way: str
    ours: tuple[float, float, float]
    best: tuple[float, float, float]

    @property
    def holds(self) -> bool:
        """Whether ours finds as many onsets, less a point, without more false alerts."""
        return self.ours[1] >= self.best[1] - POINT and self.ours[2] <= self.best[2]

    def __str__(self) -> str:
        cells = (f"{onset:>4.0%} {false:>5.1f}" for onset, _, false in (self.ours, self.best))
        verdict = "holds" if self.holds else "DOES NOT HOLD"
        return f"  {self.machine:<10} {self.fault:<14} {' | '.join(cells)} {self.way:<16} {verdict}"


def comparisons(table: Table, baselines: Sequence[str]) -> list[Comparison]:
    """One for each machine and fault; of baselines that find as much, that with fewest false alerts."""
    known = [way for way in baselines if way in table]
    return [_compared(table, known, *each) for each in cases(table)]


def cases(table: Table) -> Iterator[tuple[str, str]]:
    """Machines and their faults."""
    yield from dict.fromkeys((row.machine, row.fault) for row in table["sums alone"])


def print_table(table: Table) -> None:
    """A line for each machine and fault, and way: the mean of seeds, and the worst."""
    print(f"{'machine':<10} {'fault':<14} {'way':<18} {'onset':>13} {'delay':>6} {'false/1000':>11} {'over':>7}")
    for machine, fault in cases(table):
        for way, rows in table.items():
            print(f"{machine:<10} {fault:<14} {way:<18} {_cells(_of(rows, machine, fault))}")


def _compared(table: Table, baselines: Sequence[str], machine: str, fault: str) -> Comparison:
    found = {way: _mean(_of(table[way], machine, fault)) for way in baselines}
    best = max(found, key=lambda way: (found[way][1], -found[way][2]))
    return Comparison(machine, fault, best, _mean(_of(table[SERVED], machine, fault)), found[best])


def _of(rows: Sequence[Row], machine: str, fault: str) -> list[Row]:
    return [row for row in rows if (row.machine, row.fault) == (machine, fault)]


def _mean(rows: Sequence[Row]) -> tuple[float, float, float]:
    onset, net, false = np.mean([(row.onset.share, row.net, row.normal.false) for row in rows], axis=0).tolist()
    return onset, net, false


def _cells(mine: Sequence[Row]) -> str:
    onsets = [row.onset.share for row in mine]
    delays = [row.onset.delay for row in mine if row.onset.share]
    false, over = (float(np.mean([getattr(row.normal, key) for row in mine])) for key in ("false", "over"))
    delay = f"{np.mean(delays):.0f}" if delays else "-"
    return f"{np.mean(onsets):>6.0%} ({min(onsets):>4.0%}) {delay:>6} {false:>11.1f} {over:>7.1%}"
