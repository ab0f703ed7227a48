"""A machine that cannot be learnt from what was heard of it: it did not move, or its transducer is stuck or clipped."""

from reedmesh.alerts.seen import Seen
from reedmesh.alerts.standing import Finding


class Rule:
    """Of one sensor."""

    def look(self, seen: Seen) -> Finding | None:
        """Whether the last attempt to learn it failed, and why."""
        return Finding(1.0, 1.0, seen.unlearnt) if seen.unlearnt else None
