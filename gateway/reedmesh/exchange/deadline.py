"""How long a round waits for neighbours: as long as they usually take, and never longer. Pure: times are passed in.

The limit is the median of recent arrivals plus K times their median absolute deviation (MAD): a fixed one is wrong
both ways, too short for a slow site and too long for a dead neighbour. Who was late ROUNDS times running is waited for
no more until heard again.
"""

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from statistics import median

K = 6.0  # for normally distributed arrivals, about four standard deviations
KEPT = 64  # arrivals
ROUNDS = 3


@dataclass(frozen=True)
class Bounds:
    """Seconds that a round waits: `first` while nothing is known, then between `least` and `most`."""

    first: float = 2.0
    least: float = 1.0
    most: float = 60.0


class Deadline:
    """Of one gateway's rounds."""

    def __init__(self, bounds: Bounds = Bounds()) -> None:
        self._bounds = bounds
        self._took: deque[float] = deque(maxlen=KEPT)
        self._late: dict[str, int] = {}

    @property
    def seconds(self) -> float:
        """How long to wait, from the moment our own update went out."""
        if not self._took:
            return self._bounds.first
        middle = median(self._took)
        spread = median(abs(each - middle) for each in self._took)
        return min(max(middle + K * spread, self._bounds.least), self._bounds.most)

    def awaited(self, neighbours: Iterable[str]) -> set[str]:
        """Those of `neighbours` that are worth waiting for."""
        return {name for name in neighbours if self._late.get(name, 0) < ROUNDS}

    def heard(self, neighbour: str) -> None:
        """Note that a neighbour is alive."""
        self._late.pop(neighbour, None)

    def took(self, seconds: float) -> None:
        """Note how long after our own update an awaited one came, also when that was too late."""
        self._took.append(min(max(seconds, 0.0), self._bounds.most))

    def missed(self, neighbours: Collection[str]) -> None:
        """Note who did not come in time."""
        for name in neighbours:
            self._late[name] = self._late.get(name, 0) + 1
