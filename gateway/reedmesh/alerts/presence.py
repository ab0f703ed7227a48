"""Whether a sensor is heard, is one alone, and says no more than it should: else there are alerts. Pure.

Time here is that of a clock nobody sets (`time.monotonic`), and only time in which the gateway could have heard counts:
not that before it started, nor while its link was down or it was itself held up.
"""

from dataclasses import replace
from typing import Protocol

from reedmesh.alerts.alert import BABBLING, CLEARED, DOUBLE, NEW, SILENT, Alert, Change
from reedmesh.alerts.rate_guard import MOST

BACK = 3  # windows that show that a silent sensor is back: one may come from a radio that is dying
DOUBLES = 3  # windows from before the last start, that show two boards of one name: one or two may just be late ...
SPAN = 600.0  # ... when no more come for so many seconds, there is one board again
LONGEST_SLEEP = 86400.0  # seconds a sensor may sleep without being missed


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
    def counters(self) -> Counted:
        """What was heard of it."""

    @property
    def watcher(self) -> Shelved:
        """Whether its alerts are shelved."""


class Presence:
    """Looks at one sensor now and then, and keeps its open alerts by kind. limit: seconds of silence; 0: never told."""

    def __init__(self, limit: float) -> None:
        self.alerts: dict[str, Alert] = {}
        self.asleep = 0.0  # seconds that it said it would sleep between windows
        self._limit = limit
        self._heard = float("-inf")
        self._windows = 0
        self._back = 0
        self._doubled = self._before = 0
        self._doubled_at = float("-inf")

    def look(self, sensor: Observed, steady: float, deaf: float, now: float, babble: float = 0.0) -> list[Change]:
        """What is new about `sensor`. steady: time on the clock nobody sets; deaf: until when we could not hear.

        babble: messages a second, far too many; then it is not listened to, and not missed.
        """
        fresh, self._windows = sensor.counters.windows - self._windows, sensor.counters.windows
        if fresh or babble:
            self._heard = steady
        self._back = 0 if SILENT not in self.alerts else self._back + fresh
        quiet = steady - max(self._heard, deaf)
        silent = self._back < BACK if SILENT in self.alerts else self._is_silent(quiet)
        why = "its link is up, but no windows come" if sensor.online else "its link is down"
        double = self._is_double(sensor.counters.doubled, steady)
        found = [
            self._set(sensor, SILENT, silent, (quiet, self._limit), now, why),
            self._set(sensor, DOUBLE, double, (self._doubled, DOUBLES), now, "two boards have this name"),
            self._set(sensor, BABBLING, babble > 0, (round(babble), MOST), now, "says too much and is not listened to"),
        ]
        return [each for each in found if each]

    def heard_within(self, seconds: float, steady: float) -> bool:
        """Whether the sensor was heard so shortly ago."""
        return steady - self._heard < seconds

    def close(self, what: str, now: float, by: str, text: str) -> list[Change]:
        """End all alerts: somebody saw to them."""
        return [self._end(kind, what, now, by, text) for kind in list(self.alerts)]

    def shelved(self, until: float | None, what: str, now: float, by: str, text: str) -> list[Change]:
        """Mark the open alerts as shelved, or no longer."""
        self.alerts = {kind: replace(alert, shelved_until=until) for kind, alert in self.alerts.items()}
        return [Change("update", alert, what, now, by, text) for alert in self.alerts.values()]

    def _is_silent(self, quiet: float) -> bool:
        return 0 < self._limit <= quiet - self.asleep

    def _is_double(self, doubled: int, steady: float) -> bool:
        if doubled != self._doubled:
            self._doubled, self._doubled_at = doubled, steady
        elif steady - self._doubled_at >= SPAN:
            self._before = doubled
        return doubled - self._before >= DOUBLES or (DOUBLE in self.alerts and doubled > self._before)

    def _set(
        self, sensor: Observed, kind: str, stands: bool, much: tuple[float, float], now: float, text: str
    ) -> Change | None:
        """Raise or end the alert of that kind. much: how much there is of it, and what is too much."""
        if stands and kind not in self.alerts:
            name, (score, threshold) = f"{sensor.name}-{kind}-{int(now * 1000):x}", much
            shelf = sensor.watcher.shelved_until
            alert = Alert(name, sensor.name, NEW, now, None, score, threshold, score, kind, shelved_until=shelf)
            self.alerts[kind] = alert
            return Change("new", alert, "raised", now, text=text)
        if not stands and kind in self.alerts:
            return self._end(kind, "cleared", now, "", "")
        return None

    def _end(self, kind: str, what: str, now: float, by: str, text: str) -> Change:
        ended = replace(self.alerts.pop(kind), state=CLEARED, until=now)
        return Change("end", ended, what, now, by, text)
