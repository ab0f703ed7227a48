"""A sensor that refuses the model it is offered: it goes on with the one before."""

from reedmesh.alerts.seen import Seen
from reedmesh.alerts.standing import Finding


class Rule:
    """The rule for one sensor."""

    def look(self, seen: Seen) -> Finding | None:
        """Whether it does, and why in its own words."""
        return Finding(1.0, 1.0, seen.refusal) if seen.refusal else None
