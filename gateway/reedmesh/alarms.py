"""All alerts of one gateway, and what people do with them. Pure: every step is a Change, to be stored and told."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from reedmesh import alert as life
from reedmesh.alert import FLOOD, NOT_A_FAULT, Alert, Change
from reedmesh.flood import Flood
from reedmesh.sensors import Line


class Alarms:
    """The alerts of gateway `name`. alerts, shelves: what the store remembers of the last run."""

    def __init__(self, name: str, line: Line, alerts: Iterable[Alert] = (), shelves: Mapping[str, float] = {}) -> None:
        self._line = line
        self._flood = Flood(name)
        for each in alerts:
            self._put(each)
        for sensor, until in shelves.items():
            line.sensor(sensor).watcher.shelved_until = until

    def open(self) -> list[Alert]:
        """Those that stand, oldest first."""
        found = [sensor.watcher.alert for sensor in self._line.sensors.values()]
        return sorted(filter(None, [*found, self._flood.alert]), key=lambda each: each.since)

    def take(self, change: Change) -> list[Change]:
        """What to store and tell of what a sensor's scores changed: marked, and with company, in a flood."""
        changes = self._flood.take(change)
        if changes[-1].alert.open:
            self._put(changes[-1].alert)
        return changes

    def tick(self, now: float) -> list[Change]:
        """What time alone changes: shelves expire and floods end."""
        expired = [sensor.watcher.expire(now) for sensor in self._line.sensors.values()]
        return [change for change in [*expired, self._flood.expire(now)] if change]

    def acknowledge(self, alert: Alert, now: float, by: str, text: str) -> Change:
        """Somebody has taken the alert on."""
        return self._keep(life.acknowledged(alert, now, by, text))

    def comment(self, alert: Alert, now: float, by: str, text: str) -> Change:
        """Somebody has something to say."""
        return Change("update", alert, "commented", now, by, text)

    def not_a_fault(self, alert: Alert, now: float, by: str, text: str) -> Change:
        """Somebody knows that this is normal: the alert ends, and its windows are learnt from."""
        watcher = self._line.sensor(alert.sensor).watcher if alert.kind != FLOOD else None
        if watcher and watcher.alert and watcher.alert.id == alert.id:
            return watcher.dismiss(now, by, text)
        return Change("update", replace(alert, verdict=NOT_A_FAULT), NOT_A_FAULT, now, by, text)

    def _keep(self, change: Change) -> Change:
        if change.alert.open:
            self._put(change.alert)
        return change

    def _put(self, alert: Alert) -> None:
        if alert.kind == FLOOD:
            self._flood.alert = alert
        else:
            self._line.sensor(alert.sensor).watcher.alert = alert
