"""Requests about parts: labels, judged parts, quality figures, and the trade-off of thresholds."""

from dataclasses import asdict
from typing import Any

from reedmesh.errors import RefusedError
from reedmesh.inference import explain
from reedmesh.protocol.verdict import MAX_NAME
from reedmesh.readings import quality
from reedmesh.readings.parts import Station
from reedmesh.readings.quality import Row
from reedmesh.readings.sensor import Sensor
from reedmesh.service.requests.arguments import LONGEST_NAME, Arguments
from reedmesh.service.requests.context import Context
from reedmesh.service.requests.verbs import verb
from reedmesh.store.parts import KEPT

MOST_SHOWN = 100  # parts in one answer
MOST_LABELS = 200  # in one request


@verb("label")
async def label(at: Context, given: Arguments) -> dict[str, Any]:
    """{sensor, part or boot and number, or parts: a list of such; label, by}: what a part is. "" takes a label back.

    label: OK, NOK or the name of a fault. part: its own number, as its trigger said it. Of a list, those that are not
    kept any more are left out; `unknown` has their places in it.
    """
    sensor, station = at.sensor(given), _station(at, given)
    said, by = given.text("label", MAX_NAME), given.text("by", LONGEST_NAME) or "mqtt"
    if len(said.encode()) > MAX_NAME:
        raise RefusedError(f"label: at most {MAX_NAME} bytes")
    changed, contradicted, unknown = 0, [], []
    for place, order in enumerate(await _orders(at, sensor, given)):
        if order is None:
            unknown.append(place)
            continue
        before = await _label_one(at, sensor, order, said, by, not given.tables("parts", MOST_LABELS))
        if before is None:
            unknown.append(place)
            continue
        changed += before != said
        if before and said and before != said:
            contradicted.append({"boot": order[0], "number": order[1], "before": before})
    station.due = station.due or changed > 0
    return {"sensor": sensor.name, "labelled": changed, "contradicted": contradicted, "unknown": unknown}


@verb("stations")
async def stations(at: Context, given: Arguments) -> dict[str, Any]:  # noqa: ARG001 - as every request
    """{}: names of the sensors that judge parts."""
    return {"stations": [name for name, sensor in at.line.sensors.items() if sensor.station]}


@verb("parts")
async def parts(at: Context, given: Arguments) -> dict[str, Any]:
    """{sensor, since?, until?, shift?, limit?, axis?}: its newest parts with curve, verdict, label; band of OK parts.

    axis: of the curve and the band, from 0.
    """
    sensor, station = at.sensor(given), _station(at, given)
    span = at.span(given)
    rows = await at.disk.once(
        at.disk.store.parts.newest, sensor.name, int(given.number("limit", 1, MOST_SHOWN, 20)), *span
    )
    recipe, axis = station.recipe, int(given.number("axis", 0, 15, 0)) % station.recipe.axes
    begin = axis * (recipe.length // recipe.axes)
    of_axis = slice(begin, begin + recipe.points)
    shown = [
        {key: value for key, value in vars(row).items() if key not in ("features", "sensor")}
        | {"curve": explain.ints(row.features)[of_axis]}
        for row in rows
    ]
    told = {"sensor": sensor.name, "parts": shown, "points": recipe.points, "axes": recipe.axes, "trade": station.trade}
    limits = sensor.model.limits if sensor.model else None
    told |= {"doubt": limits.doubt, "reject": limits.reject, "classes": limits.classes} if limits else {}
    return told | station.summary() | _band(sensor, station, of_axis)


@verb("quality")
async def figures(at: Context, given: Arguments) -> dict[str, Any]:
    """{sensor, since?, until?, shift?}: yield, faults by class, control charts, escape and overkill by labels.

    shift: 0 for the one that runs, 1 for the one before it, up to 100; shifts are those of [assistant] shifts. Where
    there were more parts than are kept, parts, yield and faults are those that were counted, and `charts_since` says
    from when on charts, escape and overkill are.
    """
    sensor, station = at.sensor(given), _station(at, given)
    span = at.span(given)
    rows = await at.disk.once(at.disk.store.parts.newest, sensor.name, KEPT, *span)
    disputed = [row for row in rows if row.label and row.verdict and (row.label == "OK") != (row.verdict == "OK")]
    told = quality.figures([Row(row.verdict, row.fault, row.label, row.against) for row in rows])
    disputes = [{"boot": r.boot, "number": r.number, "label": r.label, "verdict": r.verdict} for r in disputed]
    if len(rows) >= KEPT:
        told |= quality.counted(await at.disk.once(at.disk.store.parts.made, sensor.name, *span))
        told |= {"charts_since": rows[0].at}
    told |= {"since": span[0], "until": min(span[1], at.clock())}
    return {"sensor": sensor.name, **told, "disputed": disputes[-20:], "counters": asdict(station.counters)}


def _station(at: Context, given: Arguments) -> Station:
    sensor = at.sensor(given)
    if not sensor.station:
        raise RefusedError(f"sensor: {sensor.name} judges no parts")
    return sensor.station


async def _label_one(at: Context, sensor: Sensor, order: tuple[int, int], said: str, by: str, one: bool) -> str | None:
    try:
        before = await at.disk.once(at.disk.store.parts.label, sensor.name, *order, said, by)
    except ValueError as error:
        raise RefusedError(f"label: {error}") from error
    if before is None and one:
        raise RefusedError(f"part: number {order[1]} of start {order[0]} of {sensor.name} is not kept (any more)")
    return before


async def _orders(at: Context, sensor: Sensor, given: Arguments) -> list[tuple[int, int] | None]:
    """Boot and number of each part that is meant; None for one of a list that is not there."""
    await at.disk.once(at.disk.store.parts.write, at.disk.store.parts.take_pending())
    several = given.tables("parts", MOST_LABELS)
    found: list[tuple[int, int] | None] = []
    for each in several or [given]:
        if part := each.text("part", MAX_NAME):
            orders = await at.disk.once(at.disk.store.parts.find, sensor.name, part)
            if not orders and not several:
                raise RefusedError(f"part: {sensor.name} has none with the number {part!r} (any more)")
            found.append(orders[0] if orders else None)
        else:
            found.append((int(each.number("boot", 0, 2**32)), int(each.number("number", 0, 2**32))))
    return found


def _band(sensor: Sensor, station: Station, of_axis: slice) -> dict[str, Any]:
    """Mean and three deviations of the curve of OK parts, in its steps."""
    if not sensor.model or sensor.model.length != station.recipe.length:
        return {}
    mean, spread = (each[of_axis] for each in sensor.model.normal())
    return {"low": (mean - 3 * spread).round(1).tolist(), "high": (mean + 3 * spread).round(1).tolist()}
