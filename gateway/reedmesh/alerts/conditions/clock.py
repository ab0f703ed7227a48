"""A sensor whose clock is wrong: two hellos of different times must show it.

A broker repeats an old hello that it retained, and a sensor on a wire its own: that says nothing new of its clock.
"""

from reedmesh.alerts.seen import Seen
from reedmesh.alerts.standing import Finding

MOST = 60.0  # seconds off; certificates and the age of late windows bear more
AGREE = 30.0  # seconds by which two hellos of one wrong clock differ at most


class Rule:
    """The rule for one sensor."""

    def __init__(self) -> None:
        self._said: float | None = None  # the time that the last hello told
        self._offsets: tuple[float, ...] = ()  # of the last two hellos

    def look(self, seen: Seen) -> Finding | None:
        """Whether its clock is off by more than that."""
        said = seen.number("time")
        if said != self._said:
            self._said = said
            self._offsets = (*self._offsets[-1:], said - seen.now) if said else ()
        if len(self._offsets) < 2 or max(self._offsets) - min(self._offsets) > AGREE:
            return None
        off = min(map(abs, self._offsets))
        return Finding(round(off), MOST) if off > MOST else None
