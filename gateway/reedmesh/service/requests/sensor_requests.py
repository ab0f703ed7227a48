"""Requests that change sensors: shelve their alerts, forget them, learn them anew, restore the previous model."""

import logging
import time
from typing import Any

from reedmesh.errors import RefusedError
from reedmesh.readings import sensor_alerts
from reedmesh.service.requests.arguments import Arguments
from reedmesh.service.requests.context import Context
from reedmesh.service.requests.verbs import verb

log = logging.getLogger(__name__)

LONGEST_SHELF = 10080.0  # minutes, a week
HEARD = 10.0  # seconds: a sensor that was heard so shortly ago is not forgotten


@verb("shelve")
async def shelve(at: Context, given: Arguments) -> dict[str, Any]:
    """{sensor, minutes, by, text?}: nobody is called for it so long."""
    sensor, by, text = at.sensor(given), given.who(), given.text("text")
    now = at.clock()
    until = now + 60 * given.number("minutes", 1, LONGEST_SHELF)
    await at.disk.once(at.disk.store.sensors.save_shelf, sensor.name, until)
    return {"until": until} | await at.change(*sensor_alerts.shelve(sensor, until, now, by, text))


@verb("unshelve")
async def unshelve(at: Context, given: Arguments) -> dict[str, Any]:
    """{sensor, by, text?}: people are called again."""
    sensor, by, text = at.sensor(given), given.who(), given.text("text")
    await at.disk.once(at.disk.store.sensors.save_shelf, sensor.name, None)
    return await at.change(*sensor_alerts.shelve(sensor, None, at.clock(), by, text))


@verb("forget")
async def forget(at: Context, given: Arguments) -> dict[str, Any]:
    """{sensor, by, text?}: it was taken away; its models and windows go, its alerts stay in the records."""
    sensor, by, text = at.sensor(given), given.who(), given.text("text")
    if sensor.presence.heard_within(HEARD, time.monotonic()) and sensor.name not in at.line.revoked:
        raise RefusedError(f"sensor: {sensor.name} still speaks: switch it off, or `reedmesh sensors revoke` it")
    log.warning("%s: %s has it forgotten", sensor.name, by)
    await at.disk.flush()
    await at.disk.once(at.disk.store.sensors.forget, sensor.name)
    at.model_rollout.forget(sensor.name)
    return await at.change(*at.alarms.forget(sensor, at.clock(), by, text))


@verb("relearn")
async def relearn(at: Context, given: Arguments) -> dict[str, Any]:
    """{sensor, by}: it was moved or rebuilt; it is learnt anew, and not judged meanwhile; its alert ends."""
    sensor, by, now = at.sensor(given), given.who(), at.clock()
    log.warning("%s: %s has it learnt anew", sensor.name, by)
    await at.model_rollout.relearn(sensor)
    return {"windows": sensor.to_learn} | await at.change(*at.alarms.relearn(sensor, now, by))


@verb("rollback")
async def rollback(at: Context, given: Arguments) -> dict[str, Any]:
    """{sensor, by}: the model before the present one goes back into service."""
    sensor, by = at.sensor(given), given.who()
    log.warning("%s: %s takes its model back", sensor.name, by)
    return {"sequence": await at.model_rollout.rollback(sensor)}
