"""The request of the maintenance view: velocity and zone, marks on the spectrum, and the trend over days."""

from statistics import median
from typing import Any

from reedmesh.config.settings import Machine
from reedmesh.inference import bearings, explain, machine_health, shaft_speed, trend_line
from reedmesh.inference.shaft_speed import Speed
from reedmesh.protocol.recipe import Recipe
from reedmesh.service.requests.arguments import Arguments
from reedmesh.service.requests.context import Context
from reedmesh.service.requests.verbs import verb
from reedmesh.store.trends import DAY

WINDOWS = 60  # whose spectrum the shaft's speed is estimated from
DAYS = 30.0  # that a trend is looked for in


@verb("maintenance")
async def maintenance(at: Context, given: Arguments) -> dict[str, Any]:
    """{sensor}: velocity RMS in mm/s with its ISO 20816-1 zone, shaft and bearing frequencies, and its trend.

    rpm is what was set; where nothing was, `speed` is what the spectrum suggests, with bounds, and marks begin with ~.
    """
    sensor, now = at.sensor(given), at.clock()
    machine = at.machines.get(sensor.name, Machine())
    await at.disk.flush()
    rows = await at.disk.once(at.disk.store.history.features, sensor.name, 0, now, 1 if machine.rpm else WINDOWS)
    shown = explain.picture(at.recipe(sensor), None, rows, sensor.hz, sensor.channels)
    scale = machine_health.lsb_per_g(machine, sensor.hello)
    severity = machine_health.severity(
        shown["features"], shown.get("now", [0.0] * len(shown["features"])), machine, scale
    )
    speed = None if machine.rpm else _speed(at.recipe(sensor), rows, sensor.hz)
    hours = await at.disk.once(at.disk.store.trends.hours, sensor.name, now - DAYS * DAY)
    said = {"sensor": sensor.name, "lsb_per_g": scale, "rpm": machine.rpm, "marks": _marks(machine, speed)}
    said |= {"speed": [round(60 * each) for each in (speed.hz, speed.low, speed.high)]} if speed else {}
    return said | (severity if rows else {}) | {"trend": _trend(hours, severity)}


def _marks(machine: Machine, speed: Speed | None) -> list[dict[str, Any]]:
    """Shaft orders and bearing frequencies of the speed that was set, else of the one estimated."""
    rpm, sign = (60 * speed.hz, "~") if speed else (machine.rpm or 0.0, "")
    found = bearings.marks(rpm, machine.bearings)
    return [{"name": f"{sign}{each.name}", "hz": round(each.hz, 2)} for each in found]


def _speed(recipe: Recipe, rows: list[tuple[float, bytes]], hz: float) -> Speed | None:
    """What the medians of the newest windows' bands say of the shaft's speed."""
    pictures = [explain.picture(recipe, None, [row], hz) for row in rows if len(row[1]) == recipe.length]
    if not hz or not pictures:
        return None
    levels = [median(values) for values in zip(*(each["now"] for each in pictures), strict=True)]
    return shaft_speed.estimate(machine_health.bands(pictures[0]["features"], levels).values())


def _trend(hours: list[tuple[float, float]], severity: dict[str, Any]) -> dict[str, Any]:
    """The medians of days, the line through them if the fit deserves one, and the next limit that it leads to."""
    days: dict[float, list[float]] = {}
    for begin, value in hours:
        days.setdefault(begin // DAY, []).append(value)
    points = [(day, median(values)) for day, values in sorted(days.items())]
    limit = next((each for each in severity["limits"] if points and each > points[-1][1]), None)
    line = trend_line.fit(points, limit)
    shown = {key: None if value is None else round(value, 4) for key, value in vars(line).items()} if line else None
    return {"days": [[day * DAY, round(value, 3)] for day, value in points], "limit": limit, "line": shown}
