"""The context of requests, with their common steps: find the alert or the sensor, store a change."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reedmesh.alerts.alert import Alert, Change
from reedmesh.assistant import periods
from reedmesh.config.settings import Machine
from reedmesh.errors import RefusedError
from reedmesh.inference.family import Family
from reedmesh.outputs.alert_publisher import AlertPublisher
from reedmesh.protocol.recipe import Recipe
from reedmesh.readings.alarms import Alarms
from reedmesh.readings.line import Line
from reedmesh.readings.sensor import Sensor
from reedmesh.service.requests.arguments import Arguments
from reedmesh.store.writer import Disk
from reedmesh.updates.attestation import Passports
from reedmesh.updates.model_rollout import ModelRollout

FAR = 1e11  # seconds since 1970
MOST_SHIFTS = 100  # before the one that runs
LOOK_BACK = 20.0  # seconds before an alert was raised, in which its worst window is looked for


@dataclass(frozen=True)
class Context:
    """The parts of a gateway that requests read and change. clock: seconds since 1970."""

    family: Family
    line: Line
    disk: Disk
    alarms: Alarms
    model_rollout: ModelRollout
    alert_publisher: AlertPublisher
    passports: Passports
    clock: Callable[[], float]
    machines: Mapping[str, Machine] = field(default_factory=dict)
    shifts: Sequence[str] = periods.SHIFTS  # when they begin, in local time

    async def change(self, *changes: Change) -> dict[str, Any]:
        """Publish changes of alerts and wait until they are on disk; returns the first alert as the answer."""
        for change in changes:
            self.alert_publisher.put(change)
        await self.alert_publisher.settled()
        return {"alert": changes[0].alert.table()} if changes else {}

    async def alert(self, given: Arguments) -> Alert:
        """Return the alert that the argument `alert` names, open or from the store; raises RefusedError."""
        name = given.some_text("alert", 100)
        found = next((each for each in self.alarms.open() if each.id == name), None)
        found = found or await self.disk.once(self.disk.store.alerts.find, name)
        if not found:
            raise RefusedError(f"alert: there is none with the id {name!r}")
        return found

    def span(self, given: Arguments) -> periods.Span:
        """Since and until, s since 1970. shift: 0 for the one that runs, 1 for the one before it; -1: no matter."""
        since, until = given.number("since", 0, FAR, 0), given.number("until", 0, FAR, FAR)
        ago = given.number("shift", -1, MOST_SHIFTS, -1)
        if ago < 0:
            return since, until
        begun, ended = periods.shift(self.clock(), int(ago), self.shifts)
        return max(since, begun), min(until, ended)

    def recipe(self, sensor: Sensor) -> Recipe:
        """How its windows become features."""
        if sensor.station:
            return sensor.station.recipe
        return sensor.family.recipe if sensor.family else self.family.recipe

    def sensor(self, given: Arguments) -> Sensor:
        """Return the sensor that the argument `sensor` names; raises RefusedError."""
        name = given.some_text("sensor", 32)
        if name not in self.line.sensors:
            raise RefusedError(f"sensor: this gateway has none called {name!r}")
        return self.line.sensors[name]
