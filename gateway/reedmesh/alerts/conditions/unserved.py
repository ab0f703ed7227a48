"""A sensor whose recipe is of no family that its gateway serves: its windows are refused."""

from reedmesh.alerts.seen import Seen
from reedmesh.alerts.standing import Finding


class Rule:
    """The rule for one sensor."""

    def look(self, seen: Seen) -> Finding | None:
        """Whether it is, what its recipe is and which families the gateway serves."""
        return Finding(1.0, 1.0, seen.unserved) if seen.unserved else None
