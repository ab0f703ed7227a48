"""A sensor whose clock is wrong: two hellos in a row must show it, for a broker repeats an old one that it retained."""

from reedmesh.alerts.seen import Seen
from reedmesh.alerts.standing import Finding

MOST = 60.0  # seconds off; certificates and the age of late windows bear more
AGREE = 30.0  # seconds by which two hellos of one wrong clock differ at most


class Rule:
    """Of one sensor."""

    def __init__(self) -> None:
        self._hello: object = None
        self._offsets: tuple[float, ...] = ()  # of the last two hellos

    def look(self, seen: Seen) -> Finding | None:
        """Whether its clock is off by more than that."""
        said = seen.number("time")
        if seen.hello is not self._hello:
            self._hello = seen.hello
            self._offsets = (*self._offsets[-1:], said - seen.now) if said else ()
        if len(self._offsets) < 2 or max(self._offsets) - min(self._offsets) > AGREE:
            return None
        off = min(map(abs, self._offsets))
        return Finding(round(off), MOST) if off > MOST else None
