"""Requests that change alerts: acknowledge, comment, call it a fault or none, take a verdict back."""

from typing import Any

from reedmesh.alerts.alert import ANOMALY, FLOOD, LEARNT, NOT_A_FAULT, Change
from reedmesh.alerts.debounce import may_undo
from reedmesh.assistant.facts.shift import HELPED, WRONG
from reedmesh.errors import RefusedError
from reedmesh.service.requests.arguments import Arguments
from reedmesh.service.requests.context import LOOK_BACK, Context
from reedmesh.service.requests.verbs import verb


@verb("ack")
async def ack(at: Context, given: Arguments) -> dict[str, Any]:
    """{alert, by, text?}: somebody has taken it on."""
    alert, by, text = await at.alert(given), given.who(), given.text("text")
    return await at.change(at.alarms.acknowledge(alert, at.clock(), by, text))


@verb("comment")
async def comment(at: Context, given: Arguments) -> dict[str, Any]:
    """{alert, by, text}: something to remember about it."""
    alert, by, text = await at.alert(given), given.who(), given.some_text("text")
    return await at.change(at.alarms.comment(alert, at.clock(), by, text))


@verb("feedback")
async def feedback(at: Context, given: Arguments) -> dict[str, Any]:
    """{alert, by, answer, text?}: whether an answer about it "helped" or was "wrong"; kept in its journal."""
    alert, by, text = await at.alert(given), given.who(), given.text("text")
    judged = {"helped": HELPED, "wrong": WRONG}.get(given.text("answer"))
    if not judged:
        raise RefusedError('answer: "helped" or "wrong"')
    return await at.change(Change("update", alert, judged, at.clock(), by, text))


@verb("not-a-fault")
async def not_a_fault(at: Context, given: Arguments) -> dict[str, Any]:
    """{alert, by, text?}: it is normal; its windows are learnt from at once."""
    alert, by, text = await at.alert(given), given.who(), given.text("text")
    if alert.kind == FLOOD:
        raise RefusedError("alert: a flood; say it of the alerts in it")
    if alert.kind != ANOMALY:
        raise RefusedError(f"alert: {alert.sensor}: {alert.kind}; shelve it, or `forget` a sensor that is gone")
    done = await at.change(*at.alarms.not_a_fault(alert, at.clock(), by, text))
    at.model_rollout.learn_now(at.line.sensor(alert.sensor))
    return done


@verb("fault")
async def fault(at: Context, given: Arguments) -> dict[str, Any]:
    """{alert, by, cause, tags?}: it was a fault, of that cause; its windows are kept as those of a known fault."""
    alert, by, cause, tags = await at.alert(given), given.who(), given.some_text("cause"), given.text("tags")
    now = at.clock()
    done = await at.change(at.alarms.fault(alert, now, by, cause, tags))
    sensor = at.line.sensors.get(alert.sensor)
    limit = sensor.model.threshold if sensor and sensor.model else 0
    span = alert.since - LOOK_BACK, alert.until or now
    await at.disk.flush()
    kept = await at.disk.once(at.disk.store.faults.keep, alert.id, alert.sensor, *span, limit)
    return done | {"windows": kept}


@verb("undo")
async def undo(at: Context, given: Arguments) -> dict[str, Any]:
    """{alert, by, text?}: the verdict on it is taken back, within ten minutes; with it the model it led to."""
    alert, by, text, now = await at.alert(given), given.who(), given.text("text"), at.clock()
    if not may_undo(alert, now):
        raise RefusedError("alert: it has no verdict of the last ten minutes that could be taken back")
    learnt = alert.verdict == NOT_A_FAULT and alert.lesson == LEARNT
    await at.disk.once(at.disk.store.faults.forget, alert.id)
    done = await at.change(at.alarms.undo(alert, now, by, text))
    if learnt and alert.sensor in at.line.sensors:
        done |= {"sequence": await at.model_rollout.rollback(at.line.sensors[alert.sensor])}
    return done
