"""The gateway: opens broker, store and family, and runs the data path beside its writers, publishers and teacher.

The only file that knows everybody. Tasks talk through queues; every database call runs on one thread of its own, and
training in one process of its own, so that the data path waits for neither.
"""

import asyncio
import json
import logging
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AsyncExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from reedmesh import __version__, embedded, wire
from reedmesh import family as families
from reedmesh.alert import Change
from reedmesh.broker import Channel, Link, Message
from reedmesh.commission import Lesson, commission
from reedmesh.config import Config
from reedmesh.errors import ReedmeshError
from reedmesh.family import Family
from reedmesh.model import Model
from reedmesh.sensors import DEPLOYING, Line, Sensor
from reedmesh.store import Store, StoredModel
from reedmesh.watch import Events, watch

log = logging.getLogger(__name__)
T = TypeVar("T")

STATE_SECONDS = 1.0  # a sensor's state is published at most this often
OFFER_SECONDS = 30.0  # an offered model that does not run by then is offered again


class Gateway:
    """One gateway at work; `run` lasts until it is cancelled."""

    def __init__(self, config: Config, family: Family, store: Store, clock: Callable[[], float] = time.time) -> None:
        self.config = config
        self.family = family
        self.store = store
        learning = config.learning.windows or family.training.windows
        self.line = Line(family.recipe.length, learning, config.alerts, config.sensors)
        self._clock = clock
        self._changes: asyncio.Queue[Change | None] = asyncio.Queue()
        self._introductions: asyncio.Queue[Sensor] = asyncio.Queue()
        self._disk = ThreadPoolExecutor(1, "store")
        self._teacher = _teacher()
        self._published: dict[str, bytes] = {}
        self._offered: dict[str, float] = {}
        self._remember()

    def greeting(self) -> list[Message]:
        """What a broker must hold of this gateway, said after every connect."""
        self._published.clear()  # states are said again, the broker may have lost them
        self._changes.put_nowait(None)
        return [self.status("online"), self._retained("info", self._info()), self._snapshot()]

    def status(self, state: str) -> Message:
        """online, stopped (by somebody) or offline (it vanished)."""
        return self._retained("status", {"state": state})

    async def run(self, channel: Channel) -> None:
        """Judge, store, publish and teach until cancelled; then write what waits."""
        events = Events(self._changes.put_nowait, self._introductions.put_nowait)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(watch(channel, self.line, self.store, events, self._clock), name="watch")
                tasks.create_task(self._keep_windows(), name="store")
                tasks.create_task(self._announce(channel), name="announce")
                tasks.create_task(self._show(channel), name="show")
                tasks.create_task(self._meet(channel), name="meet")
                tasks.create_task(self._teach(channel), name="teach")
        finally:
            self._teacher.shutdown(wait=False, cancel_futures=True)
            self._disk.submit(self.store.close).result()
            self._disk.shutdown()

    async def _keep_windows(self) -> None:
        while True:
            await asyncio.sleep(self.config.store.flush_seconds)
            await self._flush_windows()

    async def _flush_windows(self) -> None:
        if rows := self.store.take_pending():
            await self._stored(self.store.write_windows, rows)

    async def _announce(self, channel: Channel) -> None:
        """Every change of an alert: stored first, then published until the broker has it."""
        while True:
            change = await self._changes.get()
            if change:
                await self._stored(self.store.save_change, change)
                log.warning(_in_words(change))
            await self._empty_outbox(channel)

    async def _empty_outbox(self, channel: Channel) -> None:
        waiting = await self._stored(self.store.outbox)
        for message_id, text in waiting:
            if not await channel.publish(Message(self._topic("alert"), text.encode(), qos=1)):
                return  # the next greeting asks again
            await self._stored(self.store.sent, message_id)
        if waiting:
            await channel.publish(self._snapshot())

    async def _show(self, channel: Channel) -> None:
        """Publish the state of each sensor when it changed, and offer again what was not taken."""
        while True:
            for sensor in list(self.line.sensors.values()):
                message = self._retained(f"{sensor.name}/state", sensor.summary())
                if self._published.get(sensor.name) != message.payload and await channel.publish(message):
                    self._published[sensor.name] = message.payload
                if sensor.state == DEPLOYING and not sensor.refusal:
                    await self._offer(channel, sensor)
            await asyncio.sleep(STATE_SECONDS)

    async def _meet(self, channel: Channel) -> None:
        """A sensor introduced itself: remember it, and give it its model if it runs another."""
        while True:
            sensor = await self._introductions.get()
            await self._stored(self.store.save_hello, sensor.name, sensor.hello)
            self._check_recipe(sensor)
            self._offered.pop(sensor.name, None)
            if sensor.state == DEPLOYING:
                await self._offer(channel, sensor)

    async def _teach(self, channel: Channel) -> None:
        """Give each machine that was watched for long enough its first model."""
        while True:
            for sensor in [each for each in self.line.sensors.values() if each.ready_to_learn]:
                try:
                    await self._commission(sensor)
                except ReedmeshError as error:
                    log.error("%s: learning failed, its windows are collected anew: %s", sensor.name, error)
                    sensor.learnt = 0
                else:
                    await self._offer(channel, sensor)
            await asyncio.sleep(STATE_SECONDS / 4)

    async def _commission(self, sensor: Sensor) -> None:
        await self._flush_windows()
        rows = await self._stored(self.store.learnt_from, sensor.name, sensor.to_learn)
        windows = np.frombuffer(b"".join(rows), dtype=np.int8).reshape(len(rows), -1)
        began = time.monotonic()
        loop = asyncio.get_running_loop()
        lesson = await loop.run_in_executor(self._teacher, commission, self.family, windows, self.family.training.seed)
        model = _stored_model(sensor, lesson, self._clock())
        await self._stored(self.store.save_model, model)
        sensor.adopt(Model(model.tflite), model.sequence)
        log.info("%s: learnt from %d windows in %.1f s", sensor.name, len(rows), time.monotonic() - began)

    async def _offer(self, channel: Channel, sensor: Sensor) -> None:
        """Publish the sensor's model to it, unless that was just done."""
        now = time.monotonic()
        if now - self._offered.get(sensor.name, -OFFER_SECONDS) < OFFER_SECONDS:
            return
        stored = await self._stored(self.store.last_model, sensor.name)
        if stored and sensor.model:
            offer = wire.Offer(
                stored.sequence, stored.tflite, sensor.model.digest, stored.trial, stored.trial_score
            )
            frame = wire.pack_offer(offer)
            if await channel.publish(Message(self._topic(sensor.name, "model", "offer"), frame, qos=1)):
                self._offered[sensor.name] = now

    def _check_recipe(self, sensor: Sensor) -> None:
        theirs, ours = sensor.hello.get("features"), self.family.recipe.table()
        if theirs != ours:
            log.error("%s makes features %s, family %s has %s", sensor.name, theirs, self.family.name, ours)

    def _remember(self) -> None:
        """Take up where the last run of the gateway stopped."""
        for name, hello in self.store.hellos().items():
            sensor = self.line.sensor(name)
            sensor.hello = hello
            sensor.learnt = len(self.store.learnt_from(name, sensor.to_learn))
            if stored := self.store.last_model(name):
                sensor.adopt(Model(stored.tflite), stored.sequence)
        for alert in self.store.open_alerts():
            self.line.sensor(alert.sensor).watcher.alert = alert

    def _info(self) -> dict[str, Any]:
        family = {"name": self.family.name, "id": self.family.id, "features": self.family.recipe.table()}
        return {"version": __version__, "wire": wire.VERSION, "family": family, "sensors": self.config.sensors}

    def _snapshot(self) -> Message:
        alerts = [vars(sensor.watcher.alert) for sensor in self.line.sensors.values() if sensor.watcher.alert]
        return self._retained("alerts", {"alerts": sorted(alerts, key=lambda each: each["since"])})

    def _retained(self, leaf: str, value: dict[str, Any]) -> Message:
        return Message(self._topic(*leaf.split("/")), json.dumps(value).encode(), qos=1, retain=True)

    def _topic(self, *parts: str) -> str:
        return wire.topic(self.config.name, *parts)

    async def _stored(self, call: Callable[..., T], *args: Any) -> T:
        """Call on the store's thread; shielded, because a call that is cancelled while it waits would be lost."""
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._disk, call, *args))


def _in_words(change: Change) -> str:
    alert = change.alert
    return f"{alert.sensor}: alert {change.type}: score {alert.top_score:.2f}, threshold {alert.threshold:.2f}"


async def serve(config: Config) -> None:
    """Run the gateway `config` describes until SIGINT or SIGTERM."""
    store = Store(Path(config.state), config.store.windows)
    gateway = Gateway(config, families.load(families.find(config.family)), store)
    async with AsyncExitStack() as stack:
        if config.broker.embedded:
            await stack.enter_async_context(embedded.broker(config.broker))
        link = _link(config, gateway)
        task = asyncio.create_task(gateway.run(link))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        log.info("%s: gateway %s is up, broker %s", __version__, config.name, link.place)
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


def _link(config: Config, gateway: Gateway) -> Link:
    topics = ["+/window", "+/hello", "+/availability", "+/model/status"]
    return Link(
        config.broker.host,
        config.broker.port,
        f"gateway-{config.name}",
        subscriptions={f"{wire.BASE}/{config.name}/{topic}": int(topic != "+/window") for topic in topics},
        will=gateway.status("offline"),
        farewell=gateway.status("stopped"),
        greeting=gateway.greeting,
        keepalive=config.broker.keepalive,
    )


def _stored_model(sensor: Sensor, lesson: Lesson, now: float) -> StoredModel:
    """A lesson as the sensor's next model; its number is higher than any the sensor or we remember."""
    theirs = sensor.hello.get("sequence", 0)
    sequence = 1 + max(sensor.sequence, theirs if isinstance(theirs, int) else 0)
    return StoredModel(
        sensor.name, sequence, now, lesson.model, lesson.weights, lesson.trial, lesson.trial_score
    )


def _teacher() -> ProcessPoolExecutor:
    """Training has a process of its own, at low priority, which ends after each lesson and takes its memory along."""
    return ProcessPoolExecutor(1, get_context("spawn"), _be_nice, max_tasks_per_child=1)


def _be_nice() -> None:
    os.nice(10)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the gateway ends this process
