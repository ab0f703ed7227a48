"""Many windows above the threshold, too scattered to be an alert: the machine changed, or was learnt in few states."""

from reedmesh.alerts.seen import Seen
from reedmesh.alerts.standing import Finding

BLOCK = 240  # windows that are counted together
MOST = 10.0  # percent of them; a threshold is made for less than 5


class Rule:
    """Of one sensor. It tells of the last whole block of windows that no alert was about."""

    def __init__(self) -> None:
        self._judged = self._over = 0
        self._share = 0.0

    def look(self, seen: Seen) -> Finding | None:
        """Whether more windows are over than a threshold should leave."""
        if seen.judged < self._judged:
            self._judged, self._over, self._share = seen.judged, seen.over, 0.0  # another model judges
        count = seen.judged - self._judged
        if count >= BLOCK:
            self._share = 100.0 * (seen.over - self._over) / count
            self._judged, self._over = seen.judged, seen.over
        return Finding(round(self._share, 1), MOST) if self._share > MOST else None
