"""A transducer that gives no readings, always the same one, one at an end of its range, or lacks an axis."""

from reedmesh.alerts.seen import Recent, Seen
from reedmesh.alerts.standing import Finding

MOST = 10  # windows with such readings, which may be a shock or a moment at rest ...
SPAN = 600.0  # ... within so many seconds, of clipped ones
AXES = "xyz"


class Rule:
    """The rule for one sensor."""

    def __init__(self) -> None:
        self._clipped = Recent(SPAN)
        self._windows = self._flat = 0  # windows heard; those in a row with an axis that does not move

    def look(self, seen: Seen) -> Finding | None:
        """Whether any of that holds."""
        fresh, self._windows = max(0, seen.windows - self._windows), seen.windows
        still = _still(seen)
        self._flat = self._flat + fresh if still else 0 if fresh else self._flat
        clipped = self._clipped.growth(seen.clipped, seen.steady)
        if fault := seen.text("fault", "transducer"):
            return Finding(max(1.0, self._flat), 1.0, fault)
        if self._flat > MOST:
            return Finding(self._flat, MOST, still or "an axis does not move")
        return Finding(clipped, MOST, "its readings stand at an end of its range") if clipped > MOST else None


def _still(seen: Seen) -> str:
    """What does not move and should; "" for nothing. An axis that never moved while it was learnt is not connected."""
    if seen.flat and all(seen.flat):
        return "all readings are the same"
    learnt = seen.flat_learnt or (True,) * len(seen.flat)
    gone = [_name(axis) for axis, (now, then) in enumerate(zip(seen.flat, learnt, strict=False)) if now and not then]
    return f"axis {', '.join(gone)} does not move" if gone else ""


def _name(axis: int) -> str:
    return AXES[axis] if axis < len(AXES) else str(axis + 1)
