"""The status of a gateway, for `reedmesh status`, the metrics and the dashboard."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from reedmesh import __version__
from reedmesh.inference.family import Family
from reedmesh.inference.learnt import decibels
from reedmesh.links.rejects import Rejects
from reedmesh.protocol import wire
from reedmesh.readings.sensor import Sensor
from reedmesh.service.composition import Parts
from reedmesh.service.learners import Learner
from reedmesh.store import database

MOST_SENSORS, MOST_ALERTS, MOST_BABBLING = 150, 100, 20  # in one answer: a broker may refuse more than 128 KiB


class Status:
    """Describes the gateway that `parts` make. rejects: counts messages that made no sense."""

    def __init__(self, parts: Parts, rejects: Rejects) -> None:
        self.process: Callable[[], dict[str, Any]] = dict  # what the process knows of its link and its watchdog
        self._parts = parts
        self._rejects = rejects

    def info(self) -> dict[str, Any]:
        """Return what neighbours and pages need to know: versions, family, neighbours and their reputation."""
        every = [_described(family) for family in self._parts.families.all]
        about = {
            "version": __version__,
            "wire": wire.VERSION,
            "family": every[0],
            "sensors": self._parts.config.sensors,
        }
        about |= {"families": every} if len(every) > 1 else {}
        return about | {
            "neighbours": self._parts.neighbourhood.heard(),
            "reputation": self._parts.statistics.reputation(),
        }

    def learning(self) -> dict[str, Any]:
        """Return how learning together goes, for the request `learning`."""
        settings = {"profile": self._parts.config.learning.profile, "fresh": self._parts.config.learning.fresh}
        others = {each.family.name: _learning(each) for each in self._parts.learners[1:]}
        told = self._parts.scheduler.table() | settings | self._parts.statistics.table()
        told |= _private(self._parts.learners[0])
        return told | ({"families": others} if others else {})

    def vitals(self) -> dict[str, Any]:
        """How the gateway is: all that `reedmesh status` and the metrics tell."""
        sensors = {name: _vitals(sensor) for name, sensor in self._parts.line.sensors.items()}
        disk = {
            "trouble": self._parts.disk.trouble,
            "unsaved": self._parts.alert_publisher.unsaved,
            "dropped": self._parts.store.outbox.dropped,
        }
        disk |= {"waiting": self._parts.alert_publisher.waiting, **database.space(Path(self._parts.config.state))}
        alerts = self._parts.alarms.open()
        calls = self._parts.notifier.facts() if self._parts.notifier else None
        told = {"alerts": [alert.id for alert in alerts], "standing": [alert.table() for alert in alerts]}
        guard, rejected = self._parts.subscriptions.rate_guard, self._rejects.total
        about = {
            "name": self._parts.config.name,
            "limit": self._parts.config.sensors,
            "rejected": rejected,
            "calls": calls,
        }
        about |= {
            "failed": self._parts.supervisor.table(),
            "clock_set": self._parts.steps.count,
            "sensors": sensors,
            "store": disk,
        }
        about |= {"babbling": guard.rates(), "refused": guard.refused}
        about |= {
            "taken": {each.name: self._parts.statistics.heard(each.name) for each in self._parts.config.neighbours}
        }
        return self.info() | about | told | self.process()

    def health(self) -> dict[str, Any]:
        """The same as an answer on MQTT, which has to be short: of many sensors those that need a look."""
        return shortened(self.vitals())


def _vitals(sensor: Sensor) -> dict[str, Any]:
    """What is known of a sensor. lifts: what each band must rise by to raise an alert, in dB; deafest: the band, from
    1, that must rise most, and by what."""
    lifts = [decibels(steps) for steps in sensor.claims.lifts]
    deafest = max(enumerate(lifts, 1), key=lambda each: each[1], default=None)
    return sensor.summary() | {"lifts": lifts, "deafest": deafest}


def _learning(of: Learner) -> dict[str, Any]:
    """How learning a family together goes."""
    heard = {"heard_of": of.neighbourhood.heard()}
    return of.scheduler.table() | of.statistics.table() | heard | _private(of)


def _private(of: Learner) -> dict[str, Any]:
    """How private sums go, where they are."""
    cell = of.neighbourhood.cell
    return {"private": cell.table()} if cell else {}


def _described(family: Family) -> dict[str, Any]:
    return {"name": family.name, "id": family.id, "features": family.recipe.table()}


def shortened(vitals: dict[str, Any]) -> dict[str, Any]:
    """The same with the sensors that need a look most, and the most urgent alerts; `counted`: how many there are."""
    sensors, alerts = vitals["sensors"], vitals["standing"]
    urgent = sorted(alerts, key=lambda each: (each["priority"], each["since"]))[:MOST_ALERTS]
    names = sorted(sensors, key=lambda name: (not needs_a_look(sensors[name]), name))[:MOST_SENSORS]
    counted = {"sensors": len(sensors), "alerts": len(alerts)}
    chosen = {name: {key: each for key, each in sensors[name].items() if key != "lifts"} for name in names}
    loudest = sorted(vitals["babbling"].items(), key=lambda each: -each[1])[:MOST_BABBLING]
    return vitals | {
        "sensors": chosen,
        "standing": urgent,
        "counted": counted,
        "babbling": dict(loudest),
        "alerts": [each["id"] for each in urgent],
    }


def needs_a_look(sensor: dict[str, Any]) -> bool:
    """Whether a sensor is not simply watching."""
    return bool(sensor["state"] != "watching" or not sensor["online"] or sensor.get("alert") or sensor.get("refusal"))
