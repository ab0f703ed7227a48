"""Requests for the past: alerts with their journals, scores over time, spectra, windows, models, passports."""

from typing import Any

from reedmesh.config.settings import Machine
from reedmesh.errors import RefusedError
from reedmesh.inference import explain, machine_health
from reedmesh.protocol import scaling
from reedmesh.service.requests.arguments import Arguments
from reedmesh.service.requests.context import FAR, LOOK_BACK, Context
from reedmesh.service.requests.verbs import verb
from reedmesh.store.history import MOST_ALERTS, MOST_POINTS

MOST_WINDOWS = 100  # of features, in one answer


@verb("alerts")
async def alerts(at: Context, given: Arguments) -> dict[str, Any]:
    """{since?, until?, limit?}: alerts of the past and their journals."""
    since, until = given.number("since", 0, FAR, 0), given.number("until", 0, FAR, FAR)
    limit = int(given.number("limit", 1, MOST_ALERTS, 50))
    found = await at.disk.once(at.disk.store.history.alerts, since, until, limit)
    now = {each.id: each.table() for each in at.alarms.open()}
    return {"alerts": [each | now.get(each["id"], {}) for each in found]}


@verb("alert")
async def alert(at: Context, given: Arguments) -> dict[str, Any]:
    """{alert}: one alert, its journal, and which features its worst window stood out in."""
    alert = await at.alert(given)
    until = alert.until or at.clock()
    await at.disk.flush()
    said = alert.table() | {"journal": await at.disk.once(at.disk.store.history.journal, alert.id)}
    worst = await at.disk.once(at.disk.store.history.worst, alert.sensor, alert.since - LOOK_BACK, until)
    sensor = at.line.sensors.get(alert.sensor)
    if not sensor or not worst:
        return {"alert": said, "contributions": []}
    shares = explain.contributions(at.recipe(sensor), sensor.model, worst, sensor.hz, sensor.channels)
    near = machine_health.near(shares, at.machines.get(sensor.name, Machine()))
    return {"alert": said, "contributions": shares, "near": near}


@verb("history")
async def history(at: Context, given: Arguments) -> dict[str, Any]:
    """{sensor, since, until, points}: its score over time, in mean squared deviations."""
    sensor, now = at.sensor(given), at.clock()
    since, until = given.number("since", 0, FAR, now - 3600), given.number("until", 0, FAR, now)
    points = int(given.number("points", 1, MOST_POINTS, 200))
    await at.disk.flush()
    found = await at.disk.once(at.disk.store.history.scores, sensor.name, since, until, points)
    length = at.recipe(sensor).length
    for key in ("mean", "top"):
        found[key] = [round(scaling.deviations(score, length), 3) for score in found[key]]
    found["at"] = [round(at, 2) for at in found["at"]]
    threshold = sensor.readable(sensor.model.threshold) if sensor.model else None
    return {"sensor": sensor.name, "threshold": threshold, **found}


@verb("spectrum")
async def spectrum(at: Context, given: Arguments) -> dict[str, Any]:
    """{sensor}: its last window beside what is normal for it, feature by feature."""
    sensor, now = at.sensor(given), at.clock()
    await at.disk.flush()
    rows = await at.disk.once(at.disk.store.history.features, sensor.name, 0, now, 1)
    found = explain.picture(at.recipe(sensor), sensor.model, rows, sensor.hz, sensor.channels)
    return {"sensor": sensor.name} | found


@verb("windows")
async def windows(at: Context, given: Arguments) -> dict[str, Any]:
    """{sensor, since?, until?}: features of its newest windows; readings never leave a sensor."""
    sensor = at.sensor(given)
    span = given.number("since", 0, FAR, 0), given.number("until", 0, FAR, FAR)
    rows = await at.disk.once(at.disk.store.history.features, sensor.name, *span, MOST_WINDOWS)
    names = explain.features(at.recipe(sensor), sensor.hz, sensor.channels)
    return {"sensor": sensor.name, "features": names, "windows": [[at, *explain.ints(each)] for at, each in rows]}


@verb("models")
async def models(at: Context, given: Arguments) -> dict[str, Any]:
    """{sensor}: the models it was offered, newest first."""
    sensor = at.sensor(given)
    made = await at.disk.once(at.disk.store.history.models, sensor.name)
    return {"sensor": sensor.name, "in_service": sensor.sequence, "models": made}


@verb("made")
async def made(at: Context, given: Arguments) -> dict[str, Any]:
    """{since?}: the models that were made for all sensors since then, newest first."""
    since = given.number("since", 0, FAR, at.clock() - 86400)
    return {"made": await at.disk.once(at.disk.store.history.made, since)}


@verb("passport")
async def passport(at: Context, given: Arguments) -> dict[str, Any]:
    """{sensor}: what the model it was offered last is and was made of, and whether that is to be believed."""
    sensor = at.sensor(given)
    stored = await at.disk.once(at.disk.store.models.last, sensor.name)
    if not stored:
        raise RefusedError(f"sensor: {sensor.name} has no model yet")
    return at.passports.shown(stored)
