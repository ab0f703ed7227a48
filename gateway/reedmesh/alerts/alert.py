"""Score -> alert: the life of an alert, pure. `new -> acknowledged -> cleared`, and people's part in it.

Debouncing is that of alarm systems (ISA-18.2): an alert is raised when `on` of the last `of` windows were above the
threshold, and cleared when `off` windows in a row were below it by the deadband. A sensor may be shelved for a while:
its alerts are judged and kept as ever, and nobody is called to them until the shelf expires.
"""

from collections import deque
from dataclasses import dataclass, fields, replace
from typing import Any

from reedmesh.config.settings import Alerts

NEW, ACKNOWLEDGED, CLEARED = "new", "acknowledged", "cleared"
ANOMALY, SILENT, DOUBLE, BABBLING = "anomaly", "silent", "double", "babbling"  # kinds of alert: of a sensor
FLOOD, STRANGERS = "flood", "strangers"  # and of the gateway
NOT_A_FAULT = "not a fault"  # verdict: what the alert was about is normal on this machine
HIGH, MEDIUM = 4.0, 2.0  # so many times the threshold make priority 1 and 2; EEMUA 191 asks for few of the first


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
    kind: str = ANOMALY
    by: str = ""  # who acknowledged it
    verdict: str = ""  # "" or NOT_A_FAULT
    shelved_until: float | None = None
    flood: str = ""  # id of the flood it came in

    @property
    def open(self) -> bool:
        """Whether the condition still stands."""
        return self.state != CLEARED

    @property
    def priority(self) -> int:
        """1 (act now), 2 or 3, by how far above the threshold it went; a flood is 1, what else there is 2."""
        if self.kind != ANOMALY:
            return 1 if self.kind == FLOOD else 2
        excess = self.top_score / self.threshold if self.threshold > 0 else 0.0
        return 1 if excess >= HIGH else 2 if excess >= MEDIUM else 3

    def table(self) -> dict[str, Any]:
        """As JSON says it."""
        return {**vars(self), "priority": self.priority}


COLUMNS = tuple(each.name for each in fields(Alert))


@dataclass(frozen=True)
class Change:
    """A step in an alert's life: "new", "update" or "end", the alert as it now is, and what happened.

    what: raised, worsened, cleared, revoked, clock set; or acknowledged, commented, shelved, unshelved, "not a fault",
    "learnt anew", forgotten, by whom and in what words.
    """

    type: str
    alert: Alert
    what: str
    at: float
    by: str = ""
    text: str = ""

    def message(self) -> dict[str, Any]:
        """What is published of it; `by` is the alert's, `who` this step's."""
        return {
            "type": self.type,
            **self.alert.table(),
            "what": self.what,
            "at": self.at,
            "who": self.by,
            "text": self.text,
        }


class Watcher:
    """Judges one sensor's scores, one after the other, and keeps its open alert."""

    def __init__(self, sensor: str, rule: Alerts, alert: Alert | None = None) -> None:
        self.sensor = sensor
        self.alert = alert  # the open one, if any: after a restart, the one the store remembers
        self.shelved_until: float | None = None
        self._rule = rule
        self._above: deque[bool] = deque(maxlen=rule.of)
        self._calm = 0
        self._late: deque[tuple[int, int]] = deque(maxlen=rule.of)  # boot and number of late windows above it
        self._last = 0

    def judge(self, score: float, threshold: float, now: float) -> Change | None:
        """Take the score of one window; returns what changed, if anything did."""
        self._above.append(score > threshold)
        self._calm = self._calm + 1 if score < threshold * (1 - self._rule.deadband) else 0
        if self.alert is None:
            return self._raise(score, threshold, now) if sum(self._above) >= self._rule.on else None
        if self._calm >= self._rule.off:
            return self._end("cleared", now)
        return self._worsen(score, now)

    def judge_late(
        self, score: float, threshold: float, order: tuple[int, int], at: float, now: float
    ) -> Change | None:
        """Take the score of a window that was kept on the sensor since `at`; order: its boot and number.

        Only windows above the sensor's threshold are kept, so those between two of them were calm. What stood then is
        an alert of then; the windows of now clear it, as any.
        """
        if score <= threshold:
            return None
        boot, number = order
        self._late.append(order)
        near = sum(each == boot and number - self._rule.of < that <= number for each, that in self._late)
        if self.alert is not None:
            return self._worsen(score, now)
        return self._raise_late(score, threshold, at, now) if near >= self._rule.on else None

    def forget(self) -> None:
        """Start counting anew: what was judged by another model says nothing about this one."""
        self._above.clear()
        self._late.clear()
        self._calm = 0

    def shelve(self, until: float, now: float, by: str, text: str) -> Change | None:
        """Call nobody until `until`; returns the change of the open alert, if there is one."""
        self.shelved_until = until
        return self._update("shelved", now, by, text, shelved_until=until)

    def unshelve(self, now: float, by: str = "", text: str = "") -> Change | None:
        """Call people again."""
        self.shelved_until = None
        return self._update("unshelved", now, by, text, shelved_until=None)

    def move(self, step: float, now: float) -> Change | None:
        """The clock was set by `step` seconds: a shelf lasts as long as it was meant to."""
        if self.shelved_until is None:
            return None
        self.shelved_until += step
        return self._update("clock set", now, shelved_until=self.shelved_until)

    def close(self, what: str, now: float, by: str = "", text: str = "") -> Change | None:
        """End the open alert, if there is one, for its sensor is no longer listened to."""
        return self._end(what, now, by, text) if self.alert else None

    def dismiss(self, now: float, by: str, text: str) -> Change:
        """What the open alert is about is normal here: it ends, with that verdict."""
        assert self.alert is not None
        self.alert = replace(self.alert, verdict=NOT_A_FAULT)
        return self._end(NOT_A_FAULT, now, by, text)

    def _raise(self, score: float, threshold: float, now: float) -> Change:
        self._last = max(self._last + 1, int(now * 1000))  # an id of its own, also when the clock was set back
        name, shelved = f"{self.sensor}-{self._last:x}", self.shelved_until
        self.alert = Alert(name, self.sensor, NEW, now, None, score, threshold, score, shelved_until=shelved)
        return Change("new", self.alert, "raised", now)

    def _raise_late(self, score: float, threshold: float, at: float, now: float) -> Change:
        self._late.clear()
        self._calm = 0
        return replace(self._raise(score, threshold, at), at=now, text="heard late: its link was down")

    def _end(self, what: str, now: float, by: str = "", text: str = "") -> Change:
        assert self.alert is not None
        ended, self.alert = replace(self.alert, state=CLEARED, until=now), None
        self._above.clear()
        return Change("end", ended, what, now, by, text)

    def _worsen(self, score: float, now: float) -> Change | None:
        """An alert that doubles is worth another message; every window of it is not."""
        assert self.alert is not None
        if score < 2 * self.alert.top_score:
            return None
        return self._update("worsened", now, top_score=score)

    def _update(self, what: str, now: float, by: str = "", text: str = "", **new: Any) -> Change | None:
        if self.alert is None:
            return None
        self.alert = replace(self.alert, **new)
        return Change("update", self.alert, what, now, by, text)


def acknowledged(alert: Alert, now: float, by: str, text: str = "") -> Change:
    """Somebody has taken the alert on; one that is over stays over."""
    state = ACKNOWLEDGED if alert.open else alert.state
    return Change("update", replace(alert, state=state, by=by), "acknowledged", now, by, text)
