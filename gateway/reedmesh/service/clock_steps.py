"""Steps of the clock: durations go on at their pace when a person, or the network, sets the clock.

A Raspberry Pi has no clock of its own: it starts with the time it stopped at, and jumps once the network tells better.
Alerts and windows bear the time that the clock said; what lasts (shelves, the outbox, floods, silence) counts seconds.
"""

import time
from collections.abc import Callable

LEAST = 2.0  # seconds: what is less is the slow correction that is always going on


class ClockSteps:
    """Compares the clock that says what time it is with one that nobody sets."""

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self.count = 0
        self._wall = wall
        self._steady = steady
        self._ahead = wall() - steady()

    def look(self) -> float:
        """Seconds the clock was set by since the last look: positive is forward, 0.0 is not."""
        ahead, before = self._wall() - self._steady(), self._ahead
        self._ahead = ahead
        if abs(ahead - before) < LEAST:
            return 0.0
        self.count += 1
        return ahead - before
