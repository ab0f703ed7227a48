"""A sensor that sees less than it did: round after round, a model may become deaf without a fault anywhere."""

from reedmesh.alerts.seen import Seen
from reedmesh.alerts.standing import Finding

MOST = 3.0  # dB: by which the smallest rise of the median band that alerts may grow
MOST_BAND = 9.0  # dB: of any single band; healthy machines move one by up to 6 from lesson to lesson


class Rule:
    """Of one sensor. It compares with the best that a model saw since the gateway started, or was learnt anew.

    A model that was learnt from more windows knows better what is normal, and begins the comparison anew: a first model
    of few windows promises more than it can keep.
    """

    def __init__(self) -> None:
        self._best: tuple[float, ...] = ()
        self._windows = 0

    def look(self, seen: Seen) -> Finding | None:
        """Whether the median band, or any band, must rise by so much more than it once had to."""
        if seen.sensitivity is None:
            self._best, self._windows = (), 0
            return None
        now = (seen.sensitivity, *seen.lifts)
        if seen.learnt_from > self._windows or len(now) != len(self._best):
            self._best, self._windows = now, seen.learnt_from
        self._best = tuple(map(min, self._best, now))
        return _finding([round(each - best, 1) for each, best in zip(now, self._best, strict=True)])


def _finding(lost: list[float]) -> Finding | None:
    """lost: dB of the median band, then of each."""
    if lost[0] > MOST:
        return Finding(lost[0], MOST)
    worst = max(range(1, len(lost)), key=lost.__getitem__, default=0)
    return Finding(lost[worst], MOST_BAND, f"band {worst}") if worst and lost[worst] > MOST_BAND else None
