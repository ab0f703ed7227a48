"""The alert that somebody floods the broker who is no sensor of this gateway. Pure; of sensors `presence.py` tells."""

from collections.abc import Mapping
from dataclasses import replace

from reedmesh.alerts.alert import CLEARED, NEW, STRANGERS, Alert, Change
from reedmesh.alerts.rate_guard import MOST


class UnknownSenders:
    """Of the gateway `name`; `alert` is the one that stands, after a restart the store's."""

    def __init__(self, name: str) -> None:
        self.alert: Alert | None = None
        self._name = name

    def look(self, rates: Mapping[str, float], now: float) -> list[Change]:
        """What changed. rates: messages a second of each stranger that babbles; "" for many of them."""
        if rates and not self.alert:
            name, rate = max(rates.items(), key=lambda each: each[1])
            alert_id = f"{self._name}-{STRANGERS}-{int(now * 1000):x}"
            self.alert = Alert(alert_id, self._name, NEW, now, None, round(rate), MOST, round(rate), STRANGERS)
            return [Change("new", self.alert, "raised", now, text=f"{name or 'many names'}: not listened to")]
        if self.alert and not rates:
            ended, self.alert = replace(self.alert, state=CLEARED, until=now), None
            return [Change("end", ended, "cleared", now)]
        return []
