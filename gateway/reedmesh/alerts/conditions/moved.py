"""A machine that runs unlike it did when it was commissioned: it is not learnt on, so that no slow fault is learnt."""

from reedmesh.alerts.seen import Seen
from reedmesh.alerts.standing import Finding

MOST = 2.0  # deviations. Learning follows a machine to 0.6; healthy ones of four recordings were within 1.6


class Rule:
    """Of one sensor."""

    def look(self, seen: Seen) -> Finding | None:
        """Whether it does by far, as the last round of learning found; less than that is shown on page and doctor."""
        return Finding(seen.moved, MOST) if seen.moved > MOST else None
