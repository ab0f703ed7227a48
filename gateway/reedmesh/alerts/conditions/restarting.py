"""A sensor that starts again and again, by the hello that counts its starts, or by its windows where none does."""

from reedmesh.alerts.seen import Recent, Seen
from reedmesh.alerts.standing import Finding

MOST = 3  # starts ...
SPAN = 3600.0  # ... within so many seconds: an update takes one, a person with a plug two


class Rule:
    """The rule for one sensor."""

    def __init__(self) -> None:
        self._told, self._shown = Recent(SPAN), Recent(SPAN)

    def look(self, seen: Seen) -> Finding | None:
        """Whether there were more starts than that."""
        boots = seen.number("boots")
        told = self._told.growth(boots, seen.steady) if boots is not None else 0.0
        starts = max(told, self._shown.growth(seen.starts, seen.steady))
        why = seen.text("reset") or seen.text("error")
        return Finding(starts, MOST, f"last: {why}" if why else "") if starts > MOST else None
