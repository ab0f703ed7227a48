"""Whether an alert stands as long as its fault does while gateways learn on, and none when all is well.

    python -m tools.bench.alerts [--data windows.npz] [--calm 5] [--faulty 10]

Each recorded machine has a gateway, and all learn together. All are commissioned and run normally for some rounds; then
one machine runs in one of its other conditions, and learning goes on. That is played for each machine and condition.
Recordings begin again at their end. A round comes every 60 windows, many times as often as in service.
"""

import argparse
import asyncio
import logging
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reedmesh.errors import ReedmeshError
from reedmesh.inference import features
from reedmesh.inference.family import Family, find_family, load_family
from reedmesh.learning.arrays import Windows
from reedmesh.store.store import Store
from reedmesh.store.writer import Disk
from tools.bench import report
from tools.bench.detect import others
from tools.simulate import recordings
from tools.simulate.gateway_replay import GatewayReplay, Heard
from tools.simulate.neighbourhood import Neighbourhood, Setting
from tools.simulate.recordings import Recording

ROUND = 60  # windows
PATIENCE = 0.5  # seconds: a machine that moved sits rounds out
HEADINGS = (
    f"{'machine':<10} {'condition':<14} {'over':>7} {'in alert':>9} {'late':>7} {'moved':>6} {'false alerts':>13}"
)


@dataclass(frozen=True)
class Case:
    """What came of one machine's condition: each round of it, how far the machine moved at last, and alerts of all
    machines while they ran normally."""

    machine: str
    condition: str
    heard: tuple[Heard, ...]
    moved: float
    false: int

    def alerted(self, rounds: slice) -> float:
        """The share of those rounds' windows after which an alert stood."""
        return float(np.mean([each.alerted for each in self.heard[rounds]]))

    def row(self) -> str:
        """A line under HEADINGS; late: the second half of the rounds."""
        over, late = np.mean([each.over for each in self.heard]), self.alerted(slice(len(self.heard) // 2, None))
        shares = f"{over:>7.1%} {self.alerted(slice(None)):>9.1%} {late:>7.1%}"
        return f"{self.machine:<10} {self.condition:<14} {shares} {self.moved:>6.2f} {self.false:>6}"


def main() -> int:
    """Print the table and keep the figures; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="", help="recordings in the neutral format (.npz)")
    parser.add_argument("--family", default="vibration")
    parser.add_argument("--calm", type=int, default=5, help="rounds in which all machines run normally")
    parser.add_argument("--faulty", type=int, default=10, help="rounds in which one does not")
    chosen = parser.parse_args()
    logging.disable(logging.WARNING)  # alerts are what this is about
    try:
        family = load_family(find_family(chosen.family))
        recording = recordings.find(chosen.data or None, family.recipe)
        print(f"{recording.origin}; {chosen.calm} rounds, then {chosen.faulty} rounds; {report.machine()}\n{HEADINGS}")
        told = list(_printed(cases(family, recording, chosen.calm, chosen.faulty)))
    except ReedmeshError as error:
        print(f"bench_alerts: {error}", file=sys.stderr)
        return 2
    name = Path(chosen.data or recordings.BESIDE).parent.name
    report.save(f"alerts_{name}_standing", min(each.alerted(slice(None)) for each in told), "of a fault's windows")
    report.save(f"alerts_{name}_false", sum(each.false for each in told), "alerts of machines that ran normally")
    return 0


def cases(family: Family, recording: Recording, calm: int, faulty: int) -> Iterator[Case]:
    """One for each machine and condition but "normal"."""
    family, recording = recordings.matched(family, recording)
    for machine in range(len(recording.names)):
        for condition in others(recording, machine):
            yield asyncio.run(case(family, recording, machine, condition, calm, faulty))


async def case(family: Family, recording: Recording, machine: int, condition: str, calm: int, faulty: int) -> Case:
    """Commission all machines, let them run for `calm` rounds, then one of them in `condition` for `faulty` rounds."""
    async with AsyncExitStack() as stack:
        gateways = [
            stack.enter_context(closing(GatewayReplay(name, family, len(learnt(family, recording, i)))))
            for i, name in enumerate(recording.names)
        ]
        disks = [stack.enter_context(closing(Disk(Store()))) for _ in gateways]
        it = Neighbourhood(family, gateways, Setting(patience=PATIENCE), disks)
        await it.open(stack)
        for i, gateway in enumerate(gateways):
            gateway.hear(learnt(family, recording, i))
        await it.play()
        normal = [_again(heard(family, recording, i, "normal")) for i in range(len(gateways))]
        failing, told, false = _again(heard(family, recording, machine, condition)), list[Heard](), 0
        for number in range(calm + faulty):
            for i, gateway in enumerate(gateways):
                fails = i == machine and number >= calm
                came = gateway.hear(next(failing if fails else normal[i]))
                told += [came] if fails else []
                false += 0 if fails else came.raised
            await it.play()
        return Case(recording.names[machine], condition, tuple(told), gateways[machine].moved, false)


def learnt(family: Family, recording: Recording, machine: int) -> Windows:
    """What a machine is commissioned with: as many windows as the family says, evenly out of what may be learnt."""
    every = features.extract(recording.windows(machine, "train", "normal"), family.recipe)
    count = min(family.training.windows, len(every) * 9 // 10)
    return every[np.linspace(0, len(every) - 1, count).astype(np.intp)]


def heard(family: Family, recording: Recording, machine: int, condition: str) -> Windows:
    """Windows of a condition that were not learnt from."""
    return features.extract(recording.windows(machine, "test", condition), family.recipe)


def _again(windows: Windows) -> Iterator[Windows]:
    """A round's windows at a time, until cancelled."""
    at = 0
    while True:
        yield windows[(at + np.arange(ROUND)) % len(windows)]
        at += ROUND


def _printed(told: Iterator[Case]) -> Iterator[Case]:
    for each in told:
        print(each.row(), flush=True)
        yield each


if __name__ == "__main__":
    sys.exit(main())
