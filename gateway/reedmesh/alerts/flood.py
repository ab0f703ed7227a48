"""A flood of alerts is one alert with a list: whoever is called forty times at once sees none of them. Pure.

EEMUA 191 calls more than ten alerts in ten minutes a flood. Each of them is kept and published as ever, and carries the
flood's id; who calls people (notifications, the page) calls once, for the flood.
"""

from collections import deque
from dataclasses import replace

from reedmesh.alerts.alert import FLOOD, Alert, Change
from reedmesh.alerts.standing import Finding, Standing

MOST = 10  # alerts ...
SPAN = 600.0  # ... in so many seconds are what people can follow


class Flood:
    """Watches the alerts of one gateway, `name`; `alert` is the flood that stands, after a restart the store's."""

    def __init__(self, name: str, alert: Alert | None = None) -> None:
        self._standing = Standing(name)
        if alert:
            self.alert = alert
        self._raised: deque[float] = deque(maxlen=10_000)

    @property
    def alert(self) -> Alert | None:
        """The flood that stands."""
        return self._standing.alerts.get(FLOOD)

    @alert.setter
    def alert(self, alert: Alert) -> None:
        self._standing.alerts[FLOOD] = alert

    def take(self, change: Change) -> list[Change]:
        """The changes to publish for `change`: itself, in a flood marked as part of it, after a change of the flood."""
        if change.type != "new":
            return [change]
        self._raised.append(change.at)
        self._forget(change.at)
        if len(self._raised) <= MOST and not self.alert:
            return [change]
        told = self._grow(change)
        assert self.alert
        return [*told, replace(change, alert=replace(change.alert, flood=self.alert.id))]

    def expire(self, now: float) -> Change | None:
        """The end of the flood, when half the rate is left of it."""
        self._forget(now)
        if not self.alert or len(self._raised) > MOST // 2:
            return None
        return self._standing.set(FLOOD, None, now)

    def move(self, step: float) -> None:
        """Follow the clock, which was set forward by `step` seconds."""
        self._raised = deque((at + step for at in self._raised), maxlen=self._raised.maxlen)

    def _grow(self, change: Change) -> list[Change]:
        """Told when it begins and when it doubles."""
        count, text = float(len(self._raised)), f"after {change.alert.sensor}"
        if self.alert:
            step = self._standing.grow(FLOOD, count, change.at, text)
        else:
            step = self._standing.set(FLOOD, Finding(count, MOST, text), change.at)
        return [step] if step else []

    def _forget(self, now: float) -> None:
        """Also what lies in the future: the clock was set back."""
        while self._raised and not now - SPAN < self._raised[0] <= now:
            self._raised.popleft()
