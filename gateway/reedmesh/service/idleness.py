"""How busy, warm, alarmed a gateway is: what lending depends on."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from reedmesh.jobs.rule import Condition

STAT = Path("/proc/stat")
HEAT = Path("/sys/class/thermal")
LOOK_SECONDS = 2.0  # between two looks at the processors
LOW = (1, 3, 4)  # of the columns of /proc/stat: low priority, idle, waiting for disks


class Idleness:
    """Of this machine and gateway. alerts: open ones. learning: whether a machine is being learnt now."""

    def __init__(
        self,
        alerts: Callable[[], int],
        learning: Callable[[], bool],
        stat: Path = STAT,
        heat: Path = HEAT,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._alerts, self._learning = alerts, learning
        self._stat, self._heat, self._steady = stat, heat, steady
        self._before, self._load, self._looked = _busy(stat), 0.0, steady()

    def now(self) -> Condition:
        """The condition; the load is of the last few seconds, without what runs at low priority, as jobs do."""
        if (now := self._steady()) - self._looked >= LOOK_SECONDS:
            after = _busy(self._stat)
            busy, every = after[0] - self._before[0], after[1] - self._before[1]
            self._load = busy / every if every else 0.0
            self._before, self._looked = after, now
        return Condition(self._load, _hottest(self._heat), self._alerts(), self._learning())


def _busy(stat: Path) -> tuple[int, int]:
    """Ticks since the start: busy at normal priority, and all."""
    with suppress(OSError, ValueError):
        ticks = [int(each) for each in stat.read_text().split("\n", 1)[0].split()[1:9]]
        return sum(ticks) - sum(ticks[place] for place in LOW), sum(ticks)
    return round(os.getloadavg()[0] * 100), 100 * (os.cpu_count() or 1)


def _hottest(heat: Path) -> float:
    """Degrees Celsius of the hottest part that is measured; 0.0 where nothing is."""
    found = [0.0]
    for each in heat.glob("thermal_zone*/temp"):
        with suppress(OSError, ValueError):
            found.append(int(each.read_text()) / 1000)
    return max(found)
