"""Parts whose control charts break one of Nelson's rules 1 to 4: the process changed, even if parts still pass."""

from reedmesh.alerts.seen import Seen
from reedmesh.alerts.standing import Finding


class Rule:
    """Of one sensor."""

    def look(self, seen: Seen) -> Finding | None:
        """Whether the newest subgroup of parts breaks any, and which."""
        return Finding(1.0, 1.0, seen.out_of_control) if seen.out_of_control else None
