"""The request of the maintenance view: velocity and zone, marks on the spectrum, and the trend over days."""

from statistics import median
from typing import Any

from reedmesh.config.settings import Machine
from reedmesh.inference import bearings, explain, machine_health, trend_line
from reedmesh.service.requests.arguments import Arguments
from reedmesh.service.requests.context import Context
from reedmesh.service.requests.verbs import verb
from reedmesh.store.trends import DAY

DAYS = 30.0  # that a trend is looked for in


@verb("maintenance")
async def maintenance(at: Context, given: Arguments) -> dict[str, Any]:
    """{sensor}: velocity RMS in mm/s with its ISO 20816-1 zone, shaft and bearing frequencies, and its trend."""
    sensor, now = at.sensor(given), at.clock()
    machine = at.machines.get(sensor.name, Machine())
    await at.disk.flush()
    rows = await at.disk.once(at.disk.store.history.features, sensor.name, 0, now, 1)
    shown = explain.picture(at.family.recipe, None, rows, sensor.hz, sensor.channels)
    scale = machine_health.lsb_per_g(machine, sensor.hello)
    severity = machine_health.severity(
        shown["features"], shown.get("now", [0.0] * len(shown["features"])), machine, scale
    )
    marks = [
        {"name": each.name, "hz": round(each.hz, 2)} for each in bearings.marks(machine.rpm or 0.0, machine.bearings)
    ]
    hours = await at.disk.once(at.disk.store.trends.hours, sensor.name, now - DAYS * DAY)
    said = {"sensor": sensor.name, "lsb_per_g": scale, "rpm": machine.rpm, "marks": marks}
    return said | (severity if rows else {}) | {"trend": _trend(hours, severity)}


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
