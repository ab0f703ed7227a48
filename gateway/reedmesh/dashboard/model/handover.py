"""The summary of a shift: alerts by cause, time in alert, acknowledgements, new models. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from reedmesh.assistant.facts.shift import covered
from reedmesh.dashboard.model.view import Alert


@dataclass(frozen=True)
class SensorShift:
    """One sensor in a stretch of time. seconds: in alert, alerts that overlap counted once."""

    gateway: str
    sensor: str
    alerts: int
    seconds: float
    still_open: int
    by: tuple[str, ...]  # who acknowledged
    models: int  # new ones


@dataclass(frozen=True)
class Shift:
    """A stretch of time, seconds since 1970. causes: (cause, alerts), most first; alerts: newest first.

    cut: gateways that had more alerts than are counted here.
    """

    since: float
    until: float
    sensors: tuple[SensorShift, ...] = ()
    causes: tuple[tuple[str, int], ...] = ()
    alerts: tuple[tuple[str, Alert], ...] = ()
    cut: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Time in alert of all sensors together."""
        return sum(each.seconds for each in self.sensors)


def shift(
    alerts: Iterable[tuple[str, Alert]], models: Iterable[tuple[str, str, float]], since: float, until: float
) -> Shift:
    """Of (gateway, alert) and (gateway, sensor, when a model was made)."""
    inside = [(gateway, it) for gateway, it in alerts if it.since <= until and (it.until or until) >= since]
    made = Counter((gateway, sensor) for gateway, sensor, at in models if since <= at <= until)
    names = sorted({*((gateway, it.sensor) for gateway, it in inside), *made})
    sensors = [_sensor(name, [it for gateway, it in inside if (gateway, it.sensor) == name], made[name], since, until)
               for name in names]  # fmt: skip
    causes = Counter(it.cause or it.verdict or it.kind for _, it in inside)
    return Shift(
        since,
        until,
        tuple(sorted(sensors, key=lambda each: (-each.seconds, each.gateway, each.sensor))),
        tuple(causes.most_common()),
        tuple(sorted(inside, key=lambda pair: -pair[1].since)),
    )


def _sensor(name: tuple[str, str], mine: list[Alert], models: int, since: float, until: float) -> SensorShift:
    spans = [(max(it.since, since), min(it.until or until, until)) for it in mine]
    by = tuple(sorted({it.by for it in mine if it.by}))
    return SensorShift(*name, len(mine), covered(spans), sum(not it.over for it in mine), by, models)
