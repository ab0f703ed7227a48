"""Alerts about the presence of a sensor: it is silent, two boards have its name, or it sends too much. Pure.

Time here is that of a clock nobody sets (`time.monotonic`), and only time in which the gateway could have heard counts:
not that before it started, nor while its link was down or it was itself held up.
"""

from collections.abc import Mapping
from typing import Protocol

from reedmesh.alerts.alert import BABBLING, DOUBLE, SILENT, Alert, Change
from reedmesh.alerts.rate_guard import MOST
from reedmesh.alerts.standing import Finding, Standing

BACK = 3  # windows that show that a silent sensor is back: one may come from a radio that is dying
DOUBLES = 3  # windows from before the last start, that show two boards of one name: one or two may just be late ...
SPAN = 600.0  # ... when no more come for so many seconds, there is one board again
LONGEST_SLEEP = 86400.0  # seconds a sensor may sleep without being missed
MISSED = 3  # windows that a sensor slower than one a minute may miss before it counts as silent


class Counted(Protocol):
    """windows: heard of a sensor since the gateway started. doubled: those of them from before its last start."""

    windows: int
    doubled: int


class Shelved(Protocol):
    """shelved_until: seconds since 1970, until when nobody is called; None: people are called."""

    shelved_until: float | None


class Observed(Protocol):
    """A sensor as `Presence` sees it. online: whether its link is up."""

    name: str
    online: bool

    @property
    def pace(self) -> float:
        """Seconds from one window to the next; 0 where nobody knows."""

    @property
    def counters(self) -> Counted:
        """Counters of its windows."""

    @property
    def watcher(self) -> Shelved:
        """Whether its alerts are shelved."""


class Presence:
    """Looks at one sensor now and then, and keeps its open alerts by kind. limit: seconds of silence; 0: never told.

    A sensor slower than a window in a third of `limit` is silent after MISSED windows.
    """

    def __init__(self, sensor: str, limit: float) -> None:
        self.asleep = 0.0  # seconds that it said it would sleep between windows
        self._standing = Standing(sensor)
        self._limit = limit
        self._heard = float("-inf")
        self._windows = 0
        self._back = 0
        self._doubled = self._before = 0
        self._doubled_at = float("-inf")

    @property
    def alerts(self) -> dict[str, Alert]:
        """Those that stand, by kind."""
        return self._standing.alerts

    def look(self, sensor: Observed, steady: float, deaf: float, now: float, babble: float = 0.0) -> list[Change]:
        """Changes of the sensor's alerts. steady: monotonic seconds; deaf: until when the gateway could not receive.

        babble: messages a second of a blocked sensor, else 0; a blocked one is not missed.
        """
        fresh, self._windows = sensor.counters.windows - self._windows, sensor.counters.windows
        if fresh or babble:
            self._heard = steady
        self._back = 0 if SILENT not in self.alerts else self._back + fresh
        found = {
            SILENT: self._silent(sensor, steady - max(self._heard, deaf)),
            DOUBLE: self._double(sensor.counters.doubled, steady),
            BABBLING: Finding(round(babble), MOST, "it is not listened to") if babble > 0 else None,
        }
        return self.set(found, sensor, now)

    def set(self, found: Mapping[str, Finding | None], sensor: Observed, now: float) -> list[Change]:
        """Raise and end alerts: of each kind in `found`, whether its condition holds."""
        shelf = sensor.watcher.shelved_until
        steps = [self._standing.set(kind, each, now, shelf) for kind, each in found.items()]
        return [each for each in steps if each]

    def heard_within(self, seconds: float, steady: float) -> bool:
        """Whether the sensor was heard so shortly ago."""
        return steady - self._heard < seconds

    def close(self, what: str, now: float, by: str, text: str) -> list[Change]:
        """End all alerts: somebody saw to them."""
        return self._standing.close(what, now, by, text)

    def shelved(self, until: float | None, what: str, now: float, by: str, text: str) -> list[Change]:
        """Mark the open alerts as shelved, or no longer."""
        return self._standing.shelved(until, what, now, by, text)

    def _silent(self, sensor: Observed, quiet: float) -> Finding | None:
        limit = max(self._limit, MISSED * sensor.pace)
        stands = self._back < BACK if SILENT in self.alerts else self._limit > 0 and limit <= quiet - self.asleep
        why = "its link is up, but no windows come" if sensor.online else "its link is down"
        least = max(limit, 1.0)
        return Finding(least * max(1, quiet // least), least, why) if stands else None  # worth a message once per limit

    def _double(self, doubled: int, steady: float) -> Finding | None:
        if doubled != self._doubled:
            self._doubled, self._doubled_at = doubled, steady
        elif steady - self._doubled_at >= SPAN:
            self._before = doubled
        stands = doubled - self._before >= DOUBLES or (DOUBLE in self.alerts and doubled > self._before)
        return Finding(doubled - self._before, DOUBLES) if stands else None
