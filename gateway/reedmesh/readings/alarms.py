"""All alerts of one gateway, with actions of people and of time. Pure: each step is a Change to store and publish."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain

from reedmesh.alerts.alert import (
    ANOMALY,
    BABBLING,
    FAULT,
    FLOOD,
    NOT_A_FAULT,
    STRANGERS,
    WAITING,
    Alert,
    Change,
    acknowledged,
)
from reedmesh.alerts.condition import conditions
from reedmesh.alerts.flood import Flood
from reedmesh.alerts.rate_guard import DOOR
from reedmesh.alerts.standing import Finding, Standing
from reedmesh.alerts.unknown_senders import UnknownSenders
from reedmesh.readings import sensor_alerts
from reedmesh.readings.line import Line
from reedmesh.readings.sensor import Sensor
from reedmesh.supervisor import apart

LONGEST_HOLD = 3600.0  # seconds that a verdict waits for its lesson
LATE = 5.0  # seconds between two looks, beyond which the gateway itself was held up and nobody else was silent


class Alarms:
    """The alerts of gateway `name`. alerts, shelves, held: what the store remembers of the last run.

    held: alerts that somebody called no fault, and whose lessons are still to come.
    """

    def __init__(
        self,
        name: str,
        line: Line,
        alerts: Iterable[Alert] = (),
        shelves: Mapping[str, float] = {},
        held: Iterable[Alert] = (),
    ) -> None:
        self._line = line
        self._flood = Flood(name)
        self._strangers = UnknownSenders(name)
        self._own = Standing(name)  # of the gateway's own conditions
        self._looked = self._deaf = float("-inf")
        for each in alerts:
            self._put(each)
        for sensor, until in shelves.items():
            line.known(sensor).watcher.shelved_until = until
        for each in held:
            if each.sensor in line.sensors:
                line.sensors[each.sensor].watcher.hold(each)
                line.sensors[each.sensor].verdict.due = True

    def open(self) -> list[Alert]:
        """Those that stand, oldest first."""
        found = chain.from_iterable(sensor.alerts() for sensor in self._line.sensors.values())
        own = filter(None, [self._flood.alert, self._strangers.alert])
        return sorted([*found, *own, *self._own.alerts.values()], key=lambda each: each.since)

    def babbling(self) -> dict[str, float]:
        """Messages a second of each blocked sender, as the open alerts have it."""
        found = {each.sensor: each.value for each in self.open() if each.kind == BABBLING}
        return found | ({DOOR: self._strangers.alert.value} if self._strangers.alert else {})

    def take(self, change: Change) -> list[Change]:
        """The changes to store and publish for a change of a sensor's alert; in a flood it is marked, with others."""
        changes = self._flood.take(change)
        if changes[-1].alert.open:
            self._put(changes[-1].alert)
        return changes

    def tick(self, now: float) -> list[Change]:
        """Changes by time alone: shelves expire and floods end."""
        expired = chain.from_iterable(sensor_alerts.expire(sensor, now) for sensor in self._line.sensors.values())
        return [*expired, *filter(None, [self._flood.expire(now)])]

    def look(self, now: float, steady: float, hearing: bool, own: Mapping[str, Finding | None] = {}) -> list[Change]:
        """Which conditions began and ended. steady: time on the clock nobody sets; hearing: link is up.

        own: of each condition of the gateway itself, whether it holds.
        """
        if not hearing or steady - self._looked > LATE:
            self._deaf = steady
        self._looked = steady
        sensors, babbling = self._line.sensors, self._line.babbling
        changes = self._strangers.look({name: babbling[name] for name in babbling.keys() - sensors}, now)
        changes += [step for kind, each in own.items() if (step := self._own.set(kind, each, now))]
        for name, sensor in sensors.items():
            with apart(f"conditions of {name}"):
                changes += self._look_at(sensor, now, steady, babbling.get(name, 0.0))
        return list(chain.from_iterable(map(self.take, changes)))

    def _look_at(self, sensor: Sensor, now: float, steady: float, babbling: float) -> list[Change]:
        """Which conditions of one sensor began and ended."""
        if sensor.name in self._line.revoked:
            return sensor_alerts.close(sensor, "revoked", now) + self._learnt(sensor, now)
        changes = sensor.presence.look(sensor, steady, self._deaf, now, babbling)
        seen = sensor.seen(steady, now)
        found = {kind: it.look(seen) for kind, it in sensor.rules.items()}
        return [*changes, *sensor.presence.set(found, sensor, now), *self._learnt(sensor, now)]

    def move(self, step: float, now: float) -> list[Change]:
        """Follow the clock, which was set forward by `step` seconds."""
        self._flood.move(step)
        moved = [sensor.watcher.move(step, now) for sensor in self._line.sensors.values()]
        return [change for change in moved if change]

    def forget(self, sensor: Sensor, now: float, by: str, text: str) -> list[Change]:
        """Somebody took the sensor away: its alerts end, and it is not expected any more."""
        self._line.forget(sensor)
        return sensor_alerts.close(sensor, "forgotten", now, by, text)

    def acknowledge(self, alert: Alert, now: float, by: str, text: str) -> Change:
        """Somebody has taken the alert on."""
        return self._keep(acknowledged(alert, now, by, text))

    def comment(self, alert: Alert, now: float, by: str, text: str) -> Change:
        """Somebody has something to say."""
        return Change("update", alert, "commented", now, by, text)

    def not_a_fault(self, alert: Alert, now: float, by: str, text: str) -> list[Change]:
        """Somebody knows that this is normal: the alert ends, and its windows are learnt from.

        One that stands on the same sensor by now, because `alert` ended a moment ago, is the same condition.
        """
        sensor = self._line.sensors.get(alert.sensor)
        mine = sensor.watcher.dismiss(now, by, text) if sensor and sensor.watcher.alert else None
        if mine and mine.alert.id == alert.id:
            return [mine]
        said = replace(alert, verdict=NOT_A_FAULT, lesson=WAITING)
        if sensor:
            sensor.watcher.hold(said)
        return [Change("update", said, NOT_A_FAULT, now, by, text), *filter(None, [mine])]

    def fault(self, alert: Alert, now: float, by: str, cause: str, tags: str) -> Change:
        """Somebody knows what it was: the alert ends, with its cause."""
        sensor = self._line.sensors.get(alert.sensor)
        if sensor and sensor.watcher.alert and sensor.watcher.alert.id == alert.id:
            return sensor.watcher.confirm(now, by, cause, tags)
        said = replace(alert, verdict=FAULT, cause=cause, tags=tags, lesson="")
        return Change("update", said, FAULT, now, by, cause)

    def undo(self, alert: Alert, now: float, by: str, text: str) -> Change:
        """Somebody takes a verdict back: the alert stands again, unless its sensor was forgotten."""
        sensor = self._line.sensors.get(alert.sensor)
        if not sensor:
            return Change("update", replace(alert, verdict="", lesson="", cause="", tags=""), "undone", now, by, text)
        sensor.verdict.due = sensor.verdict.answering = False
        return sensor.watcher.undo(alert, now, by, text)

    def relearn(self, sensor: Sensor, now: float, by: str) -> list[Change]:
        """Somebody has the machine learnt anew: its alert ends, and a verdict has nothing left to wait for."""
        sensor.verdict.due = sensor.verdict.answering = False
        ended = sensor.watcher.close("learnt anew", now, by)
        return [*filter(None, [ended, sensor.watcher.release("the machine is learnt anew", now)])]

    def _learnt(self, sensor: Sensor, now: float) -> list[Change]:
        """What came of the lesson of a verdict, if that is known by now."""
        held, said = sensor.watcher.held, sensor.verdict.lesson
        sensor.verdict.lesson = None
        if held and said is None and now - (held.until or held.since) > LONGEST_HOLD:
            said = "no model was learnt within an hour"
        change = sensor.watcher.release(said, now) if held and said is not None else None
        return [change] if change else []

    def _keep(self, change: Change) -> Change:
        if change.alert.open:
            self._put(change.alert)
        return change

    def _put(self, alert: Alert) -> None:
        if alert.kind == FLOOD:
            self._flood.alert = alert
        elif alert.kind == STRANGERS:
            self._strangers.alert = alert
        elif alert.kind in conditions() and conditions()[alert.kind].owner == "gateway":
            self._own.alerts[alert.kind] = alert
        elif alert.kind == ANOMALY:
            self._line.known(alert.sensor).watcher.alert = alert
        else:
            self._line.known(alert.sensor).presence.alerts[alert.kind] = alert
