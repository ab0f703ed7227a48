"""Time since the start that only grows: every deadline and every age on a sensor is a difference of two such numbers.

MicroPython's own ticks wrap on a chip, in milliseconds after 12.4 days and in microseconds after 18 minutes, and a
difference of two is right only within half of that. Here differences are added up, so a deadline may be any age.
Something must ask for `ms` every six days; `board/watchdog.py` does so every second.
"""

from time import ticks_diff, ticks_ms, ticks_us

_ticks = ticks_ms()
_ms = 0


def ms() -> int:
    """Milliseconds since this module was loaded."""
    global _ticks, _ms
    now = ticks_ms()
    _ms += ticks_diff(now, _ticks)
    _ticks = now
    return _ms


class Microseconds:
    """Microseconds since `restart`; `now` must be asked at least every eight minutes."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Count from zero."""
        self._us = 0
        self._ticks = ticks_us()

    def now(self) -> int:
        """How many have passed."""
        ticks = ticks_us()
        self._us += ticks_diff(ticks, self._ticks)
        self._ticks = ticks
        return self._us
