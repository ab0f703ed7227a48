"""Models for sensors: each sensor runs its machine's newest model, or the one that a person restored.

A sensor that was away says hello when it is back; if it runs another model than ours it is offered ours again.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

from reedmesh.errors import ConfigError, DeployError, RefusedError
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.inference.family import Family
from reedmesh.inference.model import Model
from reedmesh.learning import audit
from reedmesh.learning.candidate import Candidate
from reedmesh.links.message import Publisher
from reedmesh.protocol import offer_frame
from reedmesh.provenance import ledger
from reedmesh.provenance.ledger import Entry
from reedmesh.readings.line import Line
from reedmesh.readings.sensor import DEPLOYING, LEARNING, Sensor
from reedmesh.store.models import StoredModel
from reedmesh.store.writer import Disk
from reedmesh.supervisor import apart
from reedmesh.token_bucket import TokenBucket
from reedmesh.updates.attestation import Origin, Passports
from reedmesh.updates.evidence import Evidence
from reedmesh.updates.latest_queue import LatestQueue
from reedmesh.updates.transfer import Transfer

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.25  # between two looks for a sensor that needs its model
ADD_SECONDS = 0.5  # between two times that shards are added to a block; a sensor asks after a second without any
HELLO_RATE, HELLO_BURST = 1 / 60, 20  # hellos of a sensor that are written: a second, and at once
ANEW_SECONDS = 2.0  # from an offer to the next, for a sensor that says hello meanwhile: it started anew
MOST_BELIEVED = 1 << 31  # a sequence number that a sensor says it has
OFFER_SECONDS = 30.0  # a model that was offered and does not run by then is offered again


class ModelRollout:
    """Offers the sensors of one gateway, named `gateway`, what was learnt."""

    def __init__(
        self,
        gateway: str,
        family: Family,
        line: Line,
        disk: Disk,
        sensor_keys: SensorKeys,
        passports: Passports,
        clock: Callable[[], float],
    ) -> None:
        self.introductions: LatestQueue[None] = LatestQueue()
        self.lacking: LatestQueue[tuple[int, int]] = LatestQueue()
        self._gateway = gateway
        self._family = family
        self._line = line
        self._disk = disk
        self._sensor_keys = sensor_keys
        self._passports = passports
        self._clock = clock
        self._saved: dict[str, dict[str, Any]] = {}  # the hello of each sensor that is on disk
        self._hellos: dict[str, TokenBucket] = {}  # how often each may have it written
        self._offered: dict[str, float] = {}
        self._transfers: dict[str, Transfer] = {}  # the last one to each sensor
        self._added: dict[str, tuple[int, float]] = {}  # to which block of it last, and when
        self._pause: dict[str, float] = {}  # seconds from the last offer to the next, where it is not OFFER_SECONDS

    def introduce(self, sensor: Sensor) -> None:
        """Note the hello of a sensor: offer it the model that it lacks."""
        self.introductions.put((sensor, None))

    async def meet(self, publisher: Publisher) -> None:
        """Remember each sensor that introduces itself, and give it its model if it runs another, until cancelled."""
        while True:
            sensor, _ = await self.introductions.get()
            with apart(f"hello of {sensor.name}"):
                await self._save_hello(sensor)
                if sensor.unserved:
                    log.error("%s is not judged: %s", sensor.name, sensor.unserved)
                self._pause[sensor.name] = ANEW_SECONDS
                await self.offer(publisher, sensor)

    async def _save_hello(self, sensor: Sensor) -> None:
        """On disk if it is news, and not too often: who changes it all the time would wear out the card."""
        if self._saved.get(sensor.name) == sensor.hello:
            return
        budget = self._hellos.setdefault(sensor.name, TokenBucket(HELLO_RATE, HELLO_BURST))
        if budget.spend(time.monotonic()):
            await self._disk.call(self._disk.store.sensors.save_hello, sensor.name, sensor.hello)
            self._saved[sensor.name] = sensor.hello

    async def repeat(self, publisher: Publisher) -> None:
        """Repeat offers that were not taken, until cancelled."""
        while True:
            for sensor in list(self._line.sensors.values()):
                with apart(f"model offer to {sensor.name}"):
                    await self.offer(publisher, sensor)
            await asyncio.sleep(LOOK_SECONDS)

    def learn_now(self, sensor: Sensor) -> None:
        """Learn from the sensor's last normal windows at once: somebody said what else is normal."""
        sensor.verdict.due, sensor.pinned = sensor.model is not None, False

    def forget(self, sensor: str) -> None:
        """Offer the sensor nothing more."""
        for kept in (self._saved, self._hellos, self._offered, self._transfers, self._added, self._pause):
            kept.pop(sensor, None)

    async def relearn(self, sensor: Sensor) -> None:
        """Learn the machine anew from windows to come; its model rests meanwhile, and is kept. Survives a restart."""
        await self._disk.once(self._disk.store.sensors.save_relearning, sensor.name, self._clock())
        sensor.pinned = False
        sensor.learnt, sensor.relearning = 0, sensor.model is not None

    async def rollback(self, sensor: Sensor) -> int:
        """Put the model before the present one back into service, under a new number; raises RefusedError.

        It stays there until somebody has the machine learnt anew, or says what else is normal.
        """
        stored = await self._disk.once(self._disk.store.models.before, sensor.name)
        if not stored:
            raise RefusedError(f"sensor: {sensor.name} has no earlier model")
        again = replace(stored, sequence=_next_sequence(sensor), made=self._clock())
        try:
            model = self._passports.load(again)
        except DeployError as error:
            raise RefusedError(f"sensor: {error}; relearn makes a new one") from error
        await self._disk.once(self._disk.store.models.save, again, _entry(ledger.ROLLBACK, again))
        sensor.adopt(model, again.sequence)
        sensor.pinned = True
        return again.sequence

    async def renew(
        self, sensor: Sensor, candidate: Candidate, origins: Mapping[str, Origin], evidence: Evidence | None = None
    ) -> str:
        """Put what was learnt into service, or say why not.

        origins: the updates of neighbours that are in it. evidence: what it can be learnt from again. Raises
        DeployError.
        """
        stored = await self._disk.call(self._disk.store.models.last, sensor.name)
        if self._line.sensors.get(sensor.name) is not sensor:
            return "it was forgotten meanwhile"
        if sensor.pinned:
            return "its model was taken back, and stays until somebody says otherwise"
        if sensor.watcher.alert and sensor.state != LEARNING:
            return "its alert stands, and is to be judged by the model that raised it"
        if sensor.model and stored and stored.tflite == candidate.model:
            return ""
        model = self._next_model(sensor, candidate, origins, evidence)
        loaded = self._passports.load(model)
        await self._disk.call(self._disk.store.models.save, model, _entry(ledger.SERVICE, model))
        sensor.adopt(loaded, model.sequence)
        return ""

    def recall(self, sensor: Sensor) -> None:
        """At the start: put the newest model whose passport holds into service; without one the machine is learnt anew.

        If it is not the last one made, it gets a number above that, so that the sensor takes it.
        """
        store = self._disk.store
        for stored in store.models.of(sensor.name):
            sensor.sequence = max(sensor.sequence, stored.sequence)
            if model := self._loaded(stored):
                if stored.sequence < sensor.sequence:
                    stored = replace(stored, sequence=sensor.sequence + 1, made=self._clock())
                    store.models.save(stored, _entry(ledger.ROLLBACK, stored))
                sensor.adopt(model, stored.sequence)
                break

    def _loaded(self, stored: StoredModel) -> Model | None:
        try:
            return self._passports.load(stored)
        except DeployError as error:
            log.error("%s: the model before it serves; if there is none, the machine is learnt anew", error)
            self._disk.store.note(_entry(ledger.REJECTED, stored, str(error)))
            return None

    async def offer(self, publisher: Publisher, sensor: Sensor) -> None:
        """Publish the sensor's model to it, coded, if it needs it and was not offered it just now."""
        now = time.monotonic()
        pause = self._pause.get(sensor.name, OFFER_SECONDS)
        recent = now - self._offered.get(sensor.name, -OFFER_SECONDS) < pause
        if recent or sensor.state != DEPLOYING or sensor.refusal:
            return
        stored = await self._disk.call(self._disk.store.models.last, sensor.name)
        if stored and sensor.model and sha256(stored.tflite).digest() == sensor.model.digest:
            made = offer_frame.Offer(
                stored.sequence, stored.tflite, sensor.model.digest, stored.trial, stored.trial_score
            )
            payload = offer_frame.pack_offer(made)
            family = (sensor.family or self._family).name
            transfer = Transfer(self._gateway, sensor, "model", payload, family, stored.sequence)
            self._transfers[sensor.name] = transfer
            try:
                key = self._sensor_keys.of(sensor.name)
            except ConfigError as error:
                log.error("%s gets no model: %s", sensor.name, error)
                sensor.refusal = str(error)
                return
            if await transfer.announce(publisher, key):
                self._offered[sensor.name] = now
                self._pause.pop(sensor.name, None)
                if transfer.blocks == 1:  # of more than one, each is asked for
                    await transfer.send(publisher, 0)

    async def complete(self, publisher: Publisher) -> None:
        """Send each sensor that lacks shards of a block of its model others than before, until cancelled.

        Not more often than a sensor that is well asks, and never more than the whole block at once.
        """
        while True:
            sensor, (block, missing) = await self.lacking.get()
            transfer, now = self._transfers.get(sensor.name), time.monotonic()
            if (
                transfer
                and block < transfer.blocks
                and self._may_add(sensor.name, block, now)
                and transfer.count(block)
            ):
                self._added[sensor.name], self._offered[sensor.name] = (block, now), now
                await transfer.send(publisher, block, missing)

    def _may_add(self, name: str, block: int, now: float) -> bool:
        last, then = self._added.get(name, (-1, 0.0))
        return block != last or now >= then + ADD_SECONDS

    def _next_model(
        self, sensor: Sensor, candidate: Candidate, origins: Mapping[str, Origin], evidence: Evidence | None
    ) -> StoredModel:
        """A candidate as the sensor's next model, numbered above any that the sensor or we remember."""
        now, before = self._clock(), sensor.model.digest if sensor.model else None
        receipt = self._passports.receipt(candidate, evidence) if evidence else None
        passport = self._passports.issue(sensor.name, candidate, before, origins, now, receipt)
        made = candidate.model, candidate.weights, candidate.trial, candidate.trial_score
        material = audit.pack(evidence.material) if evidence else None
        return StoredModel(sensor.name, _next_sequence(sensor), now, *made, passport, receipt, material)


def _next_sequence(sensor: Sensor) -> int:
    """Above all that it was given, and what it says it has, unless that leaves no room: a frame has 32 bits for it."""
    theirs = sensor.hello.get("sequence")
    believed = theirs if isinstance(theirs, int) and 0 <= theirs < MOST_BELIEVED else 0
    return 1 + max(sensor.sequence, believed)


def _entry(kind: str, model: StoredModel, reason: str = "") -> Entry:
    """What became of a model, for the ledger."""
    digest = sha256(model.tflite).hexdigest()
    return Entry(kind, sensor=model.sensor, sequence=model.sequence, sha256=digest, reason=reason)
