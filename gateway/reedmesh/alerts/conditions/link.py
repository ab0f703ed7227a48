"""A poor link: many windows do not arrive, or some do not while the radio is weak."""

from reedmesh.alerts.seen import Recent, Seen
from reedmesh.alerts.standing import Finding

SPAN = 600.0  # seconds in which losses are counted
FEWEST = 20  # windows that must be missing
MOST = 5.0  # percent of the windows that may get lost ...
MOST_WEAK = 1.0  # ... and where the radio is weak
WEAK = -80.0  # dBm: below it 802.11 falls back to its lowest rates
CALM = 0.5  # of the limit: an alert ends when no more are lost


class Rule:
    """The rule for one sensor."""

    def __init__(self) -> None:
        self._windows, self._missed = Recent(SPAN), Recent(SPAN)
        self._poor = False

    def look(self, seen: Seen) -> Finding | None:
        """Whether more windows get lost than that."""
        heard = self._windows.growth(seen.windows, seen.steady)
        missed = self._missed.growth(seen.missed, seen.steady)
        share = 100.0 * missed / (heard + missed) if heard + missed else 0.0
        rssi = seen.number("rssi")
        limit = MOST_WEAK if rssi is not None and rssi < WEAK else MOST
        self._poor = missed >= FEWEST and share > limit if not self._poor else share > CALM * limit
        return (
            Finding(round(share, 1), limit, f"RSSI {rssi:.0f} dBm" if rssi is not None else "") if self._poor else None
        )
