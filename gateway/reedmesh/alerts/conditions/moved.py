"""A machine that runs unlike it did when it was commissioned: it is not learnt on, so that no slow fault is learnt."""

from reedmesh.alerts.seen import Seen
from reedmesh.alerts.standing import Finding

MOST = 0.6  # deviations; as far as learning follows a machine, see updates/selection.py


class Rule:
    """Of one sensor."""

    def look(self, seen: Seen) -> Finding | None:
        """Whether it does, as the last round of learning found."""
        return Finding(seen.moved, MOST) if seen.moved > MOST else None
