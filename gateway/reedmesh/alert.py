"""Score -> alert: the life of an alert, pure. `new -> acknowledged -> cleared`.

Debouncing is that of alarm systems (ISA-18.2): an alert is raised when `on` of the last `of` windows were above the
threshold, and cleared when `off` windows in a row were below it by the deadband.
"""

from collections import deque
from dataclasses import dataclass, replace
from typing import Any

from reedmesh.config import Alerts

NEW, ACKNOWLEDGED, CLEARED = "new", "acknowledged", "cleared"


@dataclass(frozen=True)
class Alert:
    """A condition a person should see. Times are seconds since 1970; scores are mean squared deviations."""

    id: str
    sensor: str
    state: str
    since: float
    until: float | None
    score: float  # of the window that raised it
    threshold: float
    top_score: float

    @property
    def open(self) -> bool:
        """Whether the condition still stands."""
        return self.state != CLEARED


@dataclass(frozen=True)
class Change:
    """A step in an alert's life: "new", "update" or "end", and the alert as it now is."""

    type: str
    alert: Alert

    def message(self) -> dict[str, Any]:
        """What is published of it."""
        return {"type": self.type, **vars(self.alert)}


class Watcher:
    """Judges one sensor's scores, one after the other."""

    def __init__(self, sensor: str, rule: Alerts, alert: Alert | None = None) -> None:
        self.sensor = sensor
        self.alert = alert  # the open one, if any: after a restart, the one the store remembers
        self._rule = rule
        self._above: deque[bool] = deque(maxlen=rule.of)
        self._calm = 0

    def judge(self, score: float, threshold: float, now: float) -> Change | None:
        """Take the score of one window; returns what changed, if anything did."""
        self._above.append(score > threshold)
        self._calm = self._calm + 1 if score < threshold * (1 - self._rule.deadband) else 0
        if self.alert is None:
            return self._raise(score, threshold, now) if sum(self._above) >= self._rule.on else None
        if self._calm >= self._rule.off:
            return self._clear(now)
        return self._worsen(score)

    def forget(self) -> None:
        """Start counting anew: what was judged by another model says nothing about this one."""
        self._above.clear()
        self._calm = 0

    def _raise(self, score: float, threshold: float, now: float) -> Change:
        self.alert = Alert(f"{self.sensor}-{int(now * 1000):x}", self.sensor, NEW, now, None, score, threshold, score)
        return Change("new", self.alert)

    def _clear(self, now: float) -> Change:
        assert self.alert is not None
        ended, self.alert = replace(self.alert, state=CLEARED, until=now), None
        self._above.clear()
        return Change("end", ended)

    def _worsen(self, score: float) -> Change | None:
        """An alert that doubles is worth another message; every window of it is not."""
        assert self.alert is not None
        if score < 2 * self.alert.top_score:
            return None
        self.alert = replace(self.alert, top_score=score)
        return Change("update", self.alert)
