"""Models for sensors: learns a machine when enough of it was heard, and sees that its sensor runs what was learnt.

A sensor that was away says hello when it is back; if it runs another model than ours it is offered ours again. Learning
has a process of its own, so the data path goes on at its pace.
"""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from hashlib import sha256
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from reedmesh import ledger, shards, wire
from reedmesh.broker import Message, Publisher
from reedmesh.bundle import Bundle
from reedmesh.commission import Lesson, commission
from reedmesh.errors import ConfigError, DeployError, ReedmeshError, RefusedError
from reedmesh.family import Family
from reedmesh.ledger import Entry
from reedmesh.merge import Peer
from reedmesh.model import Model
from reedmesh.passports import Origin, Passports
from reedmesh.sensor_keys import SensorKeys
from reedmesh.sensors import DEPLOYING, Line, Sensor
from reedmesh.share import Share
from reedmesh.store import Disk, StoredModel

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.25  # between two looks for a sensor that is ready to be taught
SPARE = 1  # parity shards sent before anybody says that one is missing
MOST_WAVES = 40  # times the shards of one offer are added to; a sensor gives up after 10
OFFER_SECONDS = 30.0  # a model that was offered and does not run by then is offered again


class Deployer:
    """Teaches the sensors of one gateway, named `gateway`, and offers them what was learnt."""

    def __init__(
        self,
        gateway: str,
        family: Family,
        line: Line,
        disk: Disk,
        share: Share,
        sensor_keys: SensorKeys,
        passports: Passports,
        clock: Callable[[], float],
    ) -> None:
        self.introductions: asyncio.Queue[Sensor] = asyncio.Queue()
        self.lacking: asyncio.Queue[tuple[Sensor, int]] = asyncio.Queue()
        self._gateway = gateway
        self._family = family
        self._line = line
        self._disk = disk
        self._share = share
        self._sensor_keys = sensor_keys
        self._passports = passports
        self._clock = clock
        self._offered: dict[str, float] = {}
        self._bundles: dict[str, Bundle] = {}  # the last one offered to each sensor
        self._waves: dict[str, int] = {}  # how often that was added to

    async def meet(self, publisher: Publisher) -> None:
        """Remember each sensor that introduces itself, and give it its model if it runs another; for ever."""
        while True:
            sensor = await self.introductions.get()
            await self._disk.call(self._disk.store.save_hello, sensor.name, sensor.hello)
            self._check_recipe(sensor)
            self._offered.pop(sensor.name, None)
            await self.offer(publisher, sensor)

    async def teach(self, publisher: Publisher) -> None:
        """Learn each machine that was heard for long enough, and repeat offers that were not taken; for ever."""
        while True:
            for sensor in list(self._line.sensors.values()):
                if sensor.ready_to_learn:
                    await self._try_to_learn(sensor)
                await self.offer(publisher, sensor)
            await asyncio.sleep(LOOK_SECONDS)

    def learn_now(self, sensor: Sensor) -> None:
        """Learn from the sensor's last normal windows at once: somebody said what else is normal."""
        sensor.due = sensor.model is not None

    def forget(self, sensor: str) -> None:
        """Offer the sensor nothing more."""
        for kept in (self._offered, self._bundles, self._waves):
            kept.pop(sensor, None)

    async def relearn(self, sensor: Sensor) -> None:
        """Learn the machine anew from windows to come; its model rests meanwhile, and is kept. Survives a restart."""
        await self._disk.once(self._disk.store.save_relearning, sensor.name, self._clock())
        sensor.learnt, sensor.relearning = 0, sensor.model is not None

    async def rollback(self, sensor: Sensor) -> int:
        """Put the model before the present one back into service, under a new number; raises RefusedError."""
        stored = await self._disk.once(self._disk.store.model_before, sensor.name)
        if not stored:
            raise RefusedError(f"sensor: {sensor.name} has no earlier model")
        again = replace(stored, sequence=_next_sequence(sensor), made=self._clock())
        try:
            model = self._passports.load(again)
        except DeployError as error:
            raise RefusedError(f"sensor: {error}; relearn makes a new one") from error
        await self._disk.once(self._disk.store.save_model, again, _entry(ledger.ROLLBACK, again))
        sensor.adopt(model, again.sequence)
        return again.sequence

    def recall(self, sensor: Sensor) -> None:
        """At the start: put the newest model whose passport holds into service; without one the machine is learnt anew.

        If it is not the last one made, it gets a number above that, so that the sensor takes it.
        """
        store = self._disk.store
        for stored in store.models(sensor.name):
            sensor.sequence = max(sensor.sequence, stored.sequence)
            if model := self._loaded(stored):
                if stored.sequence < sensor.sequence:
                    stored = replace(stored, sequence=sensor.sequence + 1, made=self._clock())
                    store.save_model(stored, _entry(ledger.ROLLBACK, stored))
                sensor.adopt(model, stored.sequence)
                break

    def _loaded(self, stored: StoredModel) -> Model | None:
        try:
            return self._passports.load(stored)
        except DeployError as error:
            log.error("%s: the model before it serves; if there is none, the machine is learnt anew", error)
            self._disk.store.enter(_entry(ledger.REJECTED, stored, str(error)))
            return None

    async def offer(self, publisher: Publisher, sensor: Sensor) -> None:
        """Publish the sensor's model to it, coded, if it needs it and was not offered it just now."""
        now = time.monotonic()
        recent = now - self._offered.get(sensor.name, -OFFER_SECONDS) < OFFER_SECONDS
        if recent or sensor.state != DEPLOYING or sensor.refusal:
            return
        stored = await self._disk.call(self._disk.store.last_model, sensor.name)
        if stored and sensor.model and sha256(stored.tflite).digest() == sensor.model.digest:
            made = wire.Offer(stored.sequence, stored.tflite, sensor.model.digest, stored.trial, stored.trial_score)
            bundle = self._bundle(wire.pack_offer(made), stored.sequence, sensor.longest_shard)
            self._bundles[sensor.name], self._waves[sensor.name] = bundle, 0
            try:
                announcement = self._manifest(sensor, bundle)
            except ConfigError as error:
                log.error("%s gets no model: %s", sensor.name, error)
                sensor.refusal = str(error)
                return
            if await publisher.publish(announcement):
                self._offered[sensor.name] = now
                await self._send(publisher, sensor, bundle.shape.k + SPARE)

    async def complete(self, publisher: Publisher) -> None:
        """Send each sensor that lacks shards of its model others than it was sent before; for ever."""
        while True:
            sensor, missing = await self.lacking.get()
            if sensor.name in self._bundles and self._waves[sensor.name] < MOST_WAVES:
                self._waves[sensor.name] += 1
                self._offered[sensor.name] = time.monotonic()
                await self._send(publisher, sensor, missing + SPARE)

    async def _send(self, publisher: Publisher, sensor: Sensor, count: int) -> None:
        topic = wire.topic(self._gateway, sensor.name, "model", "shard")
        for frame in self._bundles[sensor.name].wave({0: count}):
            await publisher.publish(Message(topic, frame))

    def _manifest(self, sensor: Sensor, bundle: Bundle) -> Message:
        """What announces the bundle; before any of it is coded, so that it lists no shards: their CRC is enough."""
        topic = wire.topic(self._gateway, sensor.name, "model", "manifest")
        key = self._sensor_keys.of(sensor.name)
        frame = shards.sealed(bundle.manifest, key) if key else shards.pack_manifest(bundle.manifest)
        return Message(topic, frame, qos=1)

    def _bundle(self, payload: bytes, sequence: int, longest: int) -> Bundle:
        """An offer as one block if it can be one, which a sensor decodes where it will run it."""
        shape = shards.Shape(min(shards.MAX_K, -(-len(payload) // longest)), longest, len(payload))
        return Bundle(payload, self._family.name, self._gateway, sequence, sequence, shape)

    async def _try_to_learn(self, sensor: Sensor) -> None:
        try:
            await self._learn(sensor)
        except (ReedmeshError, BrokenExecutor) as error:
            log.error("%s: learning failed, its windows are collected anew: %s", sensor.name, error)
            sensor.learnt, sensor.due = 0, False

    async def _learn(self, sensor: Sensor) -> None:
        began = time.monotonic()
        await self._disk.flush()
        rows = await self._disk.call(self._disk.store.learnt_from, sensor.name, sensor.to_learn)
        windows = np.frombuffer(b"".join(rows), dtype=np.int8).reshape(len(rows), -1)
        peers, origins = self._share.peers(), self._share.origins()
        lesson = await _taught(self._family, windows, peers)
        if self._line.sensors.get(sensor.name) is not sensor:
            return  # it was forgotten meanwhile
        model = self._next_model(sensor, lesson, origins)
        loaded = self._passports.load(model)
        await self._disk.call(
            self._disk.store.save_model, model, _entry(ledger.SERVICE, model), *_told(lesson, origins)
        )
        sensor.adopt(loaded, model.sequence)
        self._share.note(lesson.taken, lesson.refused)
        self._share.tell(lesson)
        log.info("%s: learnt from %d windows in %.1f s", sensor.name, len(rows), time.monotonic() - began)

    def _next_model(self, sensor: Sensor, lesson: Lesson, origins: Mapping[str, Origin]) -> StoredModel:
        """A lesson as the sensor's next model, numbered above any that the sensor or we remember."""
        now, before = self._clock(), sensor.model.digest if sensor.model else None
        passport = self._passports.issue(sensor.name, lesson, before, origins, now)
        made = lesson.model, lesson.weights, lesson.trial, lesson.trial_score
        return StoredModel(sensor.name, _next_sequence(sensor), now, *made, passport)

    def _check_recipe(self, sensor: Sensor) -> None:
        theirs, ours = sensor.hello.get("features"), self._family.recipe.table()
        if theirs != ours:
            log.error("%s makes features %.200r, family %s has %s", sensor.name, theirs, self._family.name, ours)


def _next_sequence(sensor: Sensor) -> int:
    theirs = sensor.hello.get("sequence")
    return 1 + max(sensor.sequence, theirs if isinstance(theirs, int) else 0)


def _entry(kind: str, model: StoredModel, reason: str = "") -> Entry:
    """What became of a model, for the ledger."""
    digest = sha256(model.tflite).hexdigest()
    return Entry(kind, sensor=model.sensor, sequence=model.sequence, sha256=digest, reason=reason)


def _told(lesson: Lesson, origins: Mapping[str, Origin]) -> Iterator[Entry]:
    """Which neighbours' updates are in a lesson and what each was worth, and which were left out and why."""
    for name, share in lesson.taken.items():
        shares = round(share, 6), round(lesson.worth.get(name, 0.0), 9)
        yield Entry(ledger.MERGED, name, "", "", *origins.get(name, (0, "")), *shares)
    for name, reason in lesson.refused.items():
        sequence, digest = origins.get(name, (0, ""))
        yield Entry(ledger.LEFT_OUT, name, sequence=sequence, sha256=digest, reason=reason)


async def _taught(family: Family, windows: NDArray[np.int8], peers: dict[str, Peer]) -> Lesson:
    """A lesson from a process of its own, at low priority, which takes its memory along when it ends."""
    process = ProcessPoolExecutor(1, get_context("spawn"), _be_nice)
    try:
        lesson = partial(commission, family, windows, family.training.seed, peers)
        return await asyncio.get_running_loop().run_in_executor(process, lesson)
    finally:
        process.shutdown(wait=False, cancel_futures=True)


def _be_nice() -> None:
    os.nice(10)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the gateway ends this process
