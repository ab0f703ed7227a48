"""The alert about a client that floods the broker and is no known sensor. Pure; for sensors, see `presence.py`."""

from collections.abc import Mapping

from reedmesh.alerts.alert import STRANGERS, Alert, Change
from reedmesh.alerts.rate_guard import MOST
from reedmesh.alerts.standing import Finding, Standing


class UnknownSenders:
    """Of the gateway `name`; `alert` is the one that stands, after a restart the store's."""

    def __init__(self, name: str) -> None:
        self._standing = Standing(name)

    @property
    def alert(self) -> Alert | None:
        """The one that stands."""
        return self._standing.alerts.get(STRANGERS)

    @alert.setter
    def alert(self, alert: Alert) -> None:
        self._standing.alerts[STRANGERS] = alert

    def look(self, rates: Mapping[str, float], now: float) -> list[Change]:
        """Changes of the alert. rates: messages a second of each blocked unknown sender; "" stands for many of them."""
        name, rate = max(rates.items(), key=lambda each: each[1], default=("", 0.0))
        found = Finding(round(rate), MOST, f"{name or 'many names'}: not listened to") if rates else None
        change = self._standing.set(STRANGERS, found, now)
        return [change] if change else []
