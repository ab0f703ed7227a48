"""A sensor that starts again and again: its hello counts the starts of its board."""

from reedmesh.alerts.seen import Recent, Seen
from reedmesh.alerts.standing import Finding

MOST = 3  # starts ...
SPAN = 3600.0  # ... within so many seconds: an update takes one, a person with a plug two


class Rule:
    """The rule for one sensor."""

    def __init__(self) -> None:
        self._starts = Recent(SPAN)

    def look(self, seen: Seen) -> Finding | None:
        """Whether there were more starts than that."""
        boots = seen.number("boots")
        starts = self._starts.growth(boots, seen.steady) if boots is not None else 0.0
        why = seen.text("reset") or seen.text("error")
        return Finding(starts, MOST, f"last: {why}" if why else "") if starts > MOST else None
