"""The desk: answers what people and programs ask on `request/<verb>`, on `response/<verb>`.

    {"alert": "press3-18f2", "by": "Ana", "transaction": "7"}
    {"status": "ok", "data": {...}, "transaction": "7"}    or    {"status": "error", "error": "...", "transaction": "7"}

What a request changes is on disk before it is answered. Reading is done on the store's thread.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from reedmesh.alerts.alert import ANOMALY, FLOOD, LEARNT, NOT_A_FAULT, Alert, Change
from reedmesh.alerts.debounce import may_undo
from reedmesh.assistant.facts.shift import HELPED, WRONG
from reedmesh.errors import DiskError, RefusedError
from reedmesh.inference import explain
from reedmesh.inference.family import Family
from reedmesh.json_object import read_json
from reedmesh.links.message import Message, Publisher
from reedmesh.outputs.alert_publisher import AlertPublisher
from reedmesh.protocol import scaling
from reedmesh.protocol.wire import WireError
from reedmesh.readings.alarms import Alarms
from reedmesh.readings.sensor import Line, Sensor
from reedmesh.service.requests.arguments import Arguments
from reedmesh.store import history as archive
from reedmesh.store.writer import Disk
from reedmesh.updates.attestation import Passports
from reedmesh.updates.model_rollout import ModelRollout

log = logging.getLogger(__name__)

MOST_JSON = 4096  # bytes of a request
QUEUE = 200  # requests that wait; more are dropped
LONGEST_SHELF = 10080.0  # minutes, a week
HEARD = 10.0  # seconds: who was heard so shortly ago is not forgotten
FAR = 1e11  # seconds since 1970
LOOK_BACK = 20.0  # seconds before an alert was raised, in which its worst window is looked for
MOST_WINDOWS = 100  # of features, in one answer

MOST_ANSWERING = 4  # requests that may take their time at once; further ones are answered in turn

Answer = Callable[["RequestServer", Arguments], Awaitable[dict[str, Any]]]
AnswerOf = Callable[[Arguments], Awaitable[dict[str, Any]]]


class RequestServer:
    """Of one gateway. facts: what is asked for by name alone, and who knows it."""

    def __init__(
        self,
        family: Family,
        line: Line,
        disk: Disk,
        alarms: Alarms,
        model_rollout: ModelRollout,
        alert_publisher: AlertPublisher,
        passports: Passports,
        facts: dict[str, Callable[[], dict[str, Any]]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.inbox: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(QUEUE)
        self._family = family
        self._line = line
        self._disk = disk
        self._alarms = alarms
        self._model_rollout = model_rollout
        self._alert_publisher = alert_publisher
        self._passports = passports
        self._facts = facts
        self._clock = clock
        self._added: dict[str, AnswerOf] = {}
        self._answering: set[asyncio.Task[None]] = set()  # requests that were added, each with a task of its own

    def add(self, verb: str, answer: AnswerOf) -> None:
        """Answer `verb`, too; it may take its time, for others do not wait for it."""
        self._added[verb] = answer

    def put(self, verb: str, payload: bytes) -> None:
        """Take a request; raises WireError when too many wait."""
        if self.inbox.full():
            raise WireError(f"{QUEUE} requests wait already")
        self.inbox.put_nowait((verb, payload))

    async def run(self, publisher: Publisher, topic: Callable[..., str]) -> None:
        """Answer one after the other, for ever. topic: ("response", verb) -> the topic of the answer."""
        while True:
            verb, payload = await self.inbox.get()
            if verb in self._added and len(self._answering) < MOST_ANSWERING:
                task = asyncio.create_task(self._respond(verb, payload, publisher, topic))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
            else:
                await self._respond(verb, payload, publisher, topic)

    async def _respond(self, verb: str, payload: bytes, publisher: Publisher, topic: Callable[..., str]) -> None:
        answer = await self.answer(verb, payload)
        known = verb if verb in self._verbs() else "unknown"
        await publisher.publish(Message(topic("response", known), explain.compact(answer), qos=1))

    async def answer(self, verb: str, payload: bytes) -> dict[str, Any]:
        """The answer to one request; what is wrong with it is in the answer."""
        transaction: str | None = None
        try:
            table = read_json(payload, MOST_JSON) if payload else {}
            transaction = Arguments(table).text("transaction", 64) or None
            said = {"status": "ok", "data": await self.do(verb, table)}
        except (RefusedError, WireError, DiskError) as error:
            said = {"status": "error", "error": f"{verb:.20}: {error}"}
        return said | ({"transaction": transaction} if transaction else {})

    async def do(self, verb: str, table: dict[str, Any]) -> dict[str, Any]:
        """What a request comes to; raises RefusedError with what is wrong with it."""
        given = Arguments(table)
        if fact := self._facts.get(verb):
            return fact()
        if added := self._added.get(verb):
            return await added(given)
        if verb not in VERBS:
            raise RefusedError(f"no such request; there are {', '.join(sorted(self._verbs()))}")
        return await VERBS[verb](self, given)

    def _verbs(self) -> set[str]:
        return {*VERBS, *self._facts, *self._added}

    async def _change(self, *changes: Change) -> dict[str, Any]:
        """Tell of changes and wait until they are on disk; the answer shows the first alert."""
        for change in changes:
            self._alert_publisher.put(change)
        await self._alert_publisher.settled()
        return {"alert": changes[0].alert.table()} if changes else {}

    async def _alert(self, given: Arguments) -> Alert:
        name = given.some_text("alert", 100)
        found = next((each for each in self._alarms.open() if each.id == name), None)
        found = found or await self._disk.once(self._disk.store.alerts.find, name)
        if not found:
            raise RefusedError(f"alert: there is none with the id {name!r}")
        return found

    def _sensor(self, given: Arguments) -> Sensor:
        name = given.some_text("sensor", 32)
        if name not in self._line.sensors:
            raise RefusedError(f"sensor: this gateway has none called {name!r}")
        return self._line.sensors[name]

    async def ack(self, given: Arguments) -> dict[str, Any]:
        """{alert, by, text?}: somebody has taken it on."""
        alert, by, text = await self._alert(given), given.who(), given.text("text")
        return await self._change(self._alarms.acknowledge(alert, self._clock(), by, text))

    async def comment(self, given: Arguments) -> dict[str, Any]:
        """{alert, by, text}: something to remember about it."""
        alert, by, text = await self._alert(given), given.who(), given.some_text("text")
        return await self._change(self._alarms.comment(alert, self._clock(), by, text))

    async def feedback(self, given: Arguments) -> dict[str, Any]:
        """{alert, by, answer, text?}: whether an answer about it "helped" or was "wrong"; kept in its journal."""
        alert, by, text = await self._alert(given), given.who(), given.text("text")
        judged = {"helped": HELPED, "wrong": WRONG}.get(given.text("answer"))
        if not judged:
            raise RefusedError('answer: "helped" or "wrong"')
        return await self._change(Change("update", alert, judged, self._clock(), by, text))

    async def not_a_fault(self, given: Arguments) -> dict[str, Any]:
        """{alert, by, text?}: it is normal; its windows are learnt from at once."""
        alert, by, text = await self._alert(given), given.who(), given.text("text")
        if alert.kind == FLOOD:
            raise RefusedError("alert: a flood; say it of the alerts in it")
        if alert.kind != ANOMALY:
            raise RefusedError(f"alert: {alert.sensor}: {alert.kind}; shelve it, or `forget` a sensor that is gone")
        done = await self._change(*self._alarms.not_a_fault(alert, self._clock(), by, text))
        self._model_rollout.learn_now(self._line.sensor(alert.sensor))
        return done

    async def fault(self, given: Arguments) -> dict[str, Any]:
        """{alert, by, cause, tags?}: it was a fault, of that cause; its windows are kept as those of a known fault."""
        alert, by, cause, tags = await self._alert(given), given.who(), given.some_text("cause"), given.text("tags")
        now = self._clock()
        done = await self._change(self._alarms.fault(alert, now, by, cause, tags))
        sensor = self._line.sensors.get(alert.sensor)
        limit = sensor.model.threshold if sensor and sensor.model else 0
        span = alert.since - LOOK_BACK, alert.until or now
        await self._disk.flush()
        kept = await self._disk.once(self._disk.store.faults.keep, alert.id, alert.sensor, *span, limit)
        return done | {"windows": kept}

    async def undo(self, given: Arguments) -> dict[str, Any]:
        """{alert, by, text?}: the verdict on it is taken back, within ten minutes; with it the model it led to."""
        alert, by, text, now = await self._alert(given), given.who(), given.text("text"), self._clock()
        if not may_undo(alert, now):
            raise RefusedError("alert: it has no verdict of the last ten minutes that could be taken back")
        learnt = alert.verdict == NOT_A_FAULT and alert.lesson == LEARNT
        await self._disk.once(self._disk.store.faults.forget, alert.id)
        done = await self._change(self._alarms.undo(alert, now, by, text))
        if learnt and alert.sensor in self._line.sensors:
            done |= {"sequence": await self._model_rollout.rollback(self._line.sensors[alert.sensor])}
        return done

    async def shelve(self, given: Arguments) -> dict[str, Any]:
        """{sensor, minutes, by, text?}: nobody is called for it so long."""
        sensor, by, text = self._sensor(given), given.who(), given.text("text")
        now = self._clock()
        until = now + 60 * given.number("minutes", 1, LONGEST_SHELF)
        await self._disk.once(self._disk.store.sensors.save_shelf, sensor.name, until)
        return {"until": until} | await self._change(*sensor.shelve(until, now, by, text))

    async def unshelve(self, given: Arguments) -> dict[str, Any]:
        """{sensor, by, text?}: people are called again."""
        sensor, by, text = self._sensor(given), given.who(), given.text("text")
        await self._disk.once(self._disk.store.sensors.save_shelf, sensor.name, None)
        return await self._change(*sensor.shelve(None, self._clock(), by, text))

    async def forget(self, given: Arguments) -> dict[str, Any]:
        """{sensor, by, text?}: it was taken away; its models and windows go, its alerts stay in the records."""
        sensor, by, text = self._sensor(given), given.who(), given.text("text")
        if sensor.presence.heard_within(HEARD, time.monotonic()) and sensor.name not in self._line.revoked:
            raise RefusedError(f"sensor: {sensor.name} still speaks: switch it off, or `reedmesh sensors revoke` it")
        log.warning("%s: %s has it forgotten", sensor.name, by)
        await self._disk.flush()
        await self._disk.once(self._disk.store.sensors.forget, sensor.name)
        self._model_rollout.forget(sensor.name)
        return await self._change(*self._alarms.forget(sensor, self._clock(), by, text))

    async def relearn(self, given: Arguments) -> dict[str, Any]:
        """{sensor, by}: it was moved or rebuilt; it is learnt anew, and not judged meanwhile; its alert ends."""
        sensor, by, now = self._sensor(given), given.who(), self._clock()
        log.warning("%s: %s has it learnt anew", sensor.name, by)
        await self._model_rollout.relearn(sensor)
        return {"windows": sensor.to_learn} | await self._change(*self._alarms.relearn(sensor, now, by))

    async def rollback(self, given: Arguments) -> dict[str, Any]:
        """{sensor, by}: the model before the present one goes back into service."""
        sensor, by = self._sensor(given), given.who()
        log.warning("%s: %s takes its model back", sensor.name, by)
        return {"sequence": await self._model_rollout.rollback(sensor)}

    async def alerts(self, given: Arguments) -> dict[str, Any]:
        """{since?, until?, limit?}: alerts of the past and their journals."""
        since, until = given.number("since", 0, FAR, 0), given.number("until", 0, FAR, FAR)
        limit = int(given.number("limit", 1, archive.MOST_ALERTS, 50))
        found = await self._disk.once(self._disk.store.history.alerts, since, until, limit)
        now = {each.id: each.table() for each in self._alarms.open()}
        return {"alerts": [each | now.get(each["id"], {}) for each in found]}

    async def alert(self, given: Arguments) -> dict[str, Any]:
        """{alert}: one alert, its journal, and which features its worst window stood out in."""
        alert = await self._alert(given)
        until = alert.until or self._clock()
        await self._disk.flush()
        said = alert.table() | {"journal": await self._disk.once(self._disk.store.history.journal, alert.id)}
        worst = await self._disk.once(self._disk.store.history.worst, alert.sensor, alert.since - LOOK_BACK, until)
        sensor = self._line.sensors.get(alert.sensor)
        if not sensor or not worst:
            return {"alert": said, "contributions": []}
        shares = explain.contributions(self._family.recipe, sensor.model, worst, sensor.hz, sensor.channels)
        return {"alert": said, "contributions": shares}

    async def history(self, given: Arguments) -> dict[str, Any]:
        """{sensor, since, until, points}: its score over time, in mean squared deviations."""
        sensor, now = self._sensor(given), self._clock()
        since, until = given.number("since", 0, FAR, now - 3600), given.number("until", 0, FAR, now)
        points = int(given.number("points", 1, archive.MOST_POINTS, 200))
        await self._disk.flush()
        found = await self._disk.once(self._disk.store.history.scores, sensor.name, since, until, points)
        length = self._family.recipe.length
        for key in ("mean", "top"):
            found[key] = [round(scaling.deviations(score, length), 3) for score in found[key]]
        found["at"] = [round(at, 2) for at in found["at"]]
        threshold = sensor.readable(sensor.model.threshold) if sensor.model else None
        return {"sensor": sensor.name, "threshold": threshold, **found}

    async def spectrum(self, given: Arguments) -> dict[str, Any]:
        """{sensor}: its last window beside what is normal for it, feature by feature."""
        sensor, now = self._sensor(given), self._clock()
        await self._disk.flush()
        rows = await self._disk.once(self._disk.store.history.features, sensor.name, 0, now, 1)
        found = explain.picture(self._family.recipe, sensor.model, rows, sensor.hz, sensor.channels)
        return {"sensor": sensor.name} | found

    async def windows(self, given: Arguments) -> dict[str, Any]:
        """{sensor, since?, until?}: features of its newest windows; readings never leave a sensor."""
        sensor = self._sensor(given)
        span = given.number("since", 0, FAR, 0), given.number("until", 0, FAR, FAR)
        rows = await self._disk.once(self._disk.store.history.features, sensor.name, *span, MOST_WINDOWS)
        names = explain.features(self._family.recipe, sensor.hz, sensor.channels)
        return {"sensor": sensor.name, "features": names, "windows": [[at, *explain.ints(each)] for at, each in rows]}

    async def models(self, given: Arguments) -> dict[str, Any]:
        """{sensor}: the models it was offered, newest first."""
        sensor = self._sensor(given)
        made = await self._disk.once(self._disk.store.history.models, sensor.name)
        return {"sensor": sensor.name, "in_service": sensor.sequence, "models": made}

    async def passport(self, given: Arguments) -> dict[str, Any]:
        """{sensor}: what the model it was offered last is and was made of, and whether that is to be believed."""
        sensor = self._sensor(given)
        stored = await self._disk.once(self._disk.store.models.last, sensor.name)
        if not stored:
            raise RefusedError(f"sensor: {sensor.name} has no model yet")
        return self._passports.shown(stored)


VERBS: dict[str, Answer] = {
    "ack": RequestServer.ack,
    "comment": RequestServer.comment,
    "feedback": RequestServer.feedback,
    "not-a-fault": RequestServer.not_a_fault,
    "fault": RequestServer.fault,
    "undo": RequestServer.undo,
    "shelve": RequestServer.shelve,
    "unshelve": RequestServer.unshelve,
    "forget": RequestServer.forget,
    "relearn": RequestServer.relearn,
    "rollback": RequestServer.rollback,
    "alerts": RequestServer.alerts,
    "alert": RequestServer.alert,
    "history": RequestServer.history,
    "spectrum": RequestServer.spectrum,
    "windows": RequestServer.windows,
    "models": RequestServer.models,
    "passport": RequestServer.passport,
}
