"""A sensor that sees less than it did: round after round, a model may become deaf without a fault anywhere."""

from reedmesh.alerts.seen import Seen
from reedmesh.alerts.standing import Finding

MOST = 3.0  # dB: by which the smallest rise of a band that alerts may grow


class Rule:
    """Of one sensor. It compares with the best model since the gateway started, or the machine was learnt anew."""

    def __init__(self) -> None:
        self._best: float | None = None

    def look(self, seen: Seen) -> Finding | None:
        """Whether the median band must rise by so much more than it once had to."""
        now = seen.sensitivity
        self._best = now if now is None or self._best is None else min(self._best, now)
        if now is None or self._best is None or now - self._best <= MOST:
            return None
        return Finding(round(now - self._best, 1), MOST)
