"""Scores -> an alert: raised, kept and cleared as alarm systems do (ISA-18.2 on-delay, off-delay, deadband). Pure.

An alert is raised when `on` of the last `of` windows were above the threshold, and cleared when it was calm for `off`
windows and seconds. A sensor may be shelved: its alerts are judged and kept, and nobody is called until the shelf ends.
What somebody called no fault is not raised again until its lesson is in service or has failed.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from reedmesh.alerts.alert import ANOMALY, CLEARED, FAULT, LEARNT, NEW, NOT_A_FAULT, WAITING, Alert, Change, begin, end
from reedmesh.config.settings import AlertRule

FEWEST = 3  # windows below the threshold that end an alert of a sensor slower than a window a second
EVIDENCE = 32  # windows above the threshold that a lesson of what is no fault waits for, as long as they come
UNDO = 600.0  # seconds in which a verdict can be taken back


class Watcher:
    """Judges one sensor's scores, one after the other, and keeps its open alert.

    pace: gives seconds from one window to the next, 0 where nobody knows.
    """

    def __init__(
        self, sensor: str, rule: AlertRule, alert: Alert | None = None, pace: Callable[[], float] = lambda: 0.0
    ) -> None:
        self.sensor = sensor
        self.alert = alert  # the open one, if any: after a restart, the one the store remembers
        self.held: Alert | None = None  # one that somebody called no fault, until its lesson is in service
        self.shelved_until: float | None = None
        self._rule = rule
        self.pace = pace
        self._above: deque[bool] = deque(maxlen=rule.of)
        self._calm = 0  # windows in a row that were below the threshold by the deadband ...
        self._loud = float("-inf")  # ... since then
        self._told = 0.0  # the worst value that was published; 0: that of `alert`
        self._seen_again = False
        self._evidence = 0  # windows above the threshold, of the alert that stands or is held
        self._calm_now = True
        self._late: deque[tuple[int, int]] = deque(maxlen=rule.of)  # boot and number of late windows above it
        self._last = 0

    def follow(self, rule: AlertRule) -> None:
        """Judge by `rule` from now on: its sensor turned out to be of another family."""
        if rule != self._rule:
            self._rule = rule
            self._above, self._late = deque(maxlen=rule.of), deque(maxlen=rule.of)

    def judge(self, score: float, threshold: float, now: float) -> Change | None:
        """Take the score of one window; returns the change of the alert, or None.

        score, threshold: mean squared deviations, threshold above 0. now: seconds since 1970.
        """
        self._above.append(score > threshold)
        if score < threshold * (1 - self._rule.deadband):
            self._calm += 1
        else:
            self._calm, self._loud = 0, now
        self._loud = min(self._loud, now)  # the clock may have been set back
        self._evidence += score > threshold
        self._calm_now = self._is_calm(now)
        if self.alert is None:
            return self._raise(score, threshold, now) if sum(self._above) >= self._rule.on else None
        if self._calm_now:
            return self._end("cleared", now)
        return self._worsen(score, now)

    def judge_late(
        self, score: float, threshold: float, order: tuple[int, int], at: float, now: float
    ) -> Change | None:
        """Take the score of a window that the sensor kept since `at`; order: its boot and number.

        at, now: seconds since 1970. A sensor keeps only windows above the threshold, so the time between two of them
        was
        calm. An alert of then is raised for then; present windows clear it.
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
        """Start counting again: scores of another model do not count."""
        self._above.clear()
        self._late.clear()
        self._calm = 0

    def shelve(self, until: float, now: float, by: str, text: str) -> Change | None:
        """Notify nobody before `until`, seconds since 1970; returns the change of the open alert, if there is one."""
        self.shelved_until = until
        return self._update("shelved", now, by, text, shelved_until=until)

    def unshelve(self, now: float, by: str = "", text: str = "") -> Change | None:
        """Notify people again; returns the change of the open alert, if there is one. now: seconds since 1970."""
        self.shelved_until = None
        return self._update("unshelved", now, by, text, shelved_until=None)

    def move(self, step: float, now: float) -> Change | None:
        """The clock was set by `step` seconds: what lasts takes as long as it was meant to."""
        self._loud += step
        if self.shelved_until is None:
            return None
        self.shelved_until += step
        return self._update("clock set", now, shelved_until=self.shelved_until)

    def close(self, what: str, now: float, by: str = "", text: str = "") -> Change | None:
        """End the open alert, if there is one, because its sensor is gone. now: seconds since 1970."""
        return self._end(what, now, by, text) if self.alert else None

    def dismiss(self, now: float, by: str, text: str) -> Change:
        """End the open alert as normal for this machine, a verdict that holds until it is learnt. now: seconds since
        1970.
        """
        assert self.alert is not None
        self.alert = replace(self.alert, verdict=NOT_A_FAULT, lesson=WAITING)
        change = self._end(NOT_A_FAULT, now, by, text)
        self.hold(change.alert, self._evidence)
        return change

    @property
    def evident(self) -> bool:
        """Whether the windows of the held alert are enough to learn from, or no more of them come."""
        return self.held is None or self._evidence >= EVIDENCE or self._calm_now

    def confirm(self, now: float, by: str, cause: str, tags: str) -> Change:
        """End the open alert as a fault with the cause `cause`. now: seconds since 1970; by: a person's name."""
        assert self.alert is not None
        self.alert = replace(self.alert, verdict=FAULT, cause=cause, tags=tags)
        return self._end(FAULT, now, by, cause)

    def hold(self, alert: Alert, evidence: int = EVIDENCE) -> None:
        """Raise nothing until the verdict on `alert` is learnt or has failed. evidence: its windows so far."""
        self.held, self._seen_again, self._evidence = alert, False, evidence

    def release(self, failed: str, now: float) -> Change | None:
        """Raise alerts again: the verdict is learnt, or `failed` says why not. now: seconds since 1970."""
        if self.held is None:
            return None
        alert, self.held = replace(self.held, lesson=failed or LEARNT), None
        self._above.clear()
        return Change("update", alert, "not learnt" if failed else "learnt", now, text=failed)

    def undo(self, alert: Alert, now: float, by: str, text: str) -> Change:
        """Take a verdict back: `alert` is open again, unless another one is open by now. now: seconds since 1970."""
        self.held = None if self.held and self.held.id == alert.id else self.held
        again = replace(alert, verdict="", lesson="", cause="", tags="")
        if self.alert is None:
            self.alert = again = replace(again, state=NEW, until=None)
            self._told = again.worst
            self._calm, self._loud = 0, now
        return Change("update", again, "undone", now, by, text)

    def _is_calm(self, now: float) -> bool:
        """Whether it was calm for `off` windows and as many seconds; a slower sensor for the windows of that time."""
        off, seconds, pace = self._rule.off, self._rule.calm, self.pace()
        windows = off if pace <= 1.0 else min(off, max(FEWEST, math.ceil(seconds / pace)))
        return self._calm >= windows and now - self._loud >= seconds

    def _raise(self, score: float, threshold: float, now: float) -> Change | None:
        if self.held:
            return self._see_again(now)
        self._last = max(self._last + 1, int(now * 1000))  # an id of its own, also when the clock was set back
        self.alert = begin(ANOMALY, self.sensor, score, threshold, now, self._last, self.shelved_until)
        self._told, self._evidence = score, sum(self._above)
        return Change("new", self.alert, "raised", now)

    def _see_again(self, now: float) -> Change | None:
        """The condition that somebody called no fault, before that was learnt: a line in its journal, once."""
        if self._seen_again or self.held is None:
            return None
        self._seen_again = True
        return Change("update", self.held, "seen again", now)

    def _raise_late(self, score: float, threshold: float, at: float, now: float) -> Change | None:
        self._late.clear()
        self._calm, self._loud = 0, now
        change = self._raise(score, threshold, at)
        return replace(change, at=now, text="heard late: its link was down") if change else None

    def _end(self, what: str, now: float, by: str = "", text: str = "") -> Change:
        assert self.alert is not None
        ended, self.alert = end(self.alert, what, now, by, text), None
        self._told = 0.0
        self._above.clear()
        return ended

    def _worsen(self, score: float, now: float) -> Change | None:
        """The worst score is always kept; it is published when the priority follows it, or when it doubled."""
        assert self.alert is not None
        if score <= self.alert.worst:
            return None
        self._told = self._told or self.alert.worst
        before, self.alert = self.alert.priority, replace(self.alert, worst=score)
        if self.alert.priority == before and score < 2 * self._told:
            return None
        self._told = score
        return Change("update", self.alert, "worsened", now)

    def _update(self, what: str, now: float, by: str = "", text: str = "", **new: Any) -> Change | None:
        if self.alert is None:
            return None
        self.alert = replace(self.alert, **new)
        return Change("update", self.alert, what, now, by, text)


def may_undo(alert: Alert, now: float) -> bool:
    """Whether a verdict on `alert` can still be taken back at `now`, seconds since 1970: for ten minutes."""
    return bool(alert.verdict) and alert.state == CLEARED and alert.until is not None and now - alert.until <= UNDO
