"""When a gateway learns, and what from: new machines, what somebody said is normal, what was heard since last time.

The machines are the sensors of its line, their windows the store's, and their models go out by `deploy.py`.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from concurrent.futures import BrokenExecutor
from hashlib import sha256
from typing import Any

import numpy as np

from reedmesh import copies, finish, machine
from reedmesh.aside import Workshop, aside
from reedmesh.commission import Lesson
from reedmesh.config import Learning
from reedmesh.deploy import Deployer
from reedmesh.disk import Disk
from reedmesh.errors import DeployError, ReedmeshError
from reedmesh.family import Family
from reedmesh.learner import Pupil
from reedmesh.passports import Origin
from reedmesh.sensors import LEARNING, Line, Sensor
from reedmesh.share import Share
from reedmesh.update import update

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.25  # between two looks for something to learn
FARTHEST = 1.0  # units that a machine may have moved from how it was commissioned, and still be learnt on
EARLY = 0.5  # of what is worth a round of our own is worth joining a neighbour's


class Teacher:
    """Of one gateway. state: what it is at, in words."""

    def __init__(
        self,
        family: Family,
        line: Line,
        disk: Disk,
        share: Share,
        deployer: Deployer,
        settings: Learning,
        workshop: Workshop = aside,
    ) -> None:
        self.state = "waiting"
        self.moved: dict[str, float] = {}  # sensors that are not learnt on, and how far their machines moved
        self._family = family
        self._line = line
        self._disk = disk
        self._share = share
        self._deployer = deployer
        self._settings = settings
        self._workshop = workshop

    @property
    def fresh(self) -> int:
        """Normal windows since the last round, of the sensor that has most."""
        return max((sensor.fresh for sensor in self._line.sensors.values()), default=0)

    def table(self) -> dict[str, Any]:
        """For JSON."""
        knows = self._share.knows
        said = {"state": self.state, "rounds": knows.rounds, "sequence": knows.sequence, "heard": self.fresh}
        return said | {"moved": self.moved, "deadline": round(self._share.seconds, 2)}

    async def run(self) -> None:
        """Learn whenever it is worth it; for ever."""
        while True:
            if self._is_due():
                await self._try()
            await asyncio.sleep(LOOK_SECONDS)

    def _is_due(self) -> bool:
        worth = self._settings.fresh * (EARLY if self._share.anything_new else 1.0)
        return self.fresh >= worth or any(sensor.ready_to_learn for sensor in self._line.sensors.values())

    async def _try(self) -> None:
        self.state = "learning"
        for sensor in self._line.sensors.values():
            sensor.fresh = 0
        try:
            outcome = await update(self._family, self._share, self, self._workshop, self._family.training.seed)
            if outcome:
                await self._disk.call(copies.keep_merge, self._disk.store.db, outcome.table())
            refused = [each.sensor for each in outcome.made if each.objection] if outcome else []
            self._collect_anew(self._line.sensors[name] for name in refused if name in self._line.sensors)
        except (ReedmeshError, BrokenExecutor) as error:
            log.error("a round of learning failed, its windows are collected anew: %s", error)
            self._collect_anew(self._line.sensors.values())
        finally:
            self.state = "waiting"

    def _collect_anew(self, sensors: Iterable[Sensor]) -> None:
        """Those of `sensors` that wait for a lesson begin again, or the same would be tried at once for ever."""
        for sensor in sensors:
            if sensor.ready_to_learn:
                sensor.learnt, sensor.due = 0, False

    async def pupils(self) -> dict[str, Pupil]:
        """As in `update.Machines`: every sensor that has a model, or is ready for its first, or for one anew."""
        await self._disk.flush()
        found: dict[str, Pupil] = {}
        for sensor in list(self._line.sensors.values()):
            if sensor.ready_to_learn or (sensor.state != LEARNING and not sensor.pinned):
                try:
                    pupil = await self._pupil(sensor)
                    if self._may_learn_on(sensor.name, pupil):
                        found[sensor.name] = pupil
                except DeployError as error:
                    log.error("%s: its windows are collected anew: %s", sensor.name, error)
                    self._collect_anew([sensor])
        return found

    def _may_learn_on(self, sensor: str, pupil: Pupil) -> bool:
        """Not one that became another machine bit by bit: a slow fault must not be learnt for normal unless told so."""
        far = pupil.machine.moved
        if not pupil.model or pupil.anew or far <= FARTHEST:
            self.moved.pop(sensor, None)
            return True
        if sensor not in self.moved:
            log.warning("%s moved %.1f units from how it was commissioned: look at it, or `relearn`", sensor, far)
        self.moved[sensor] = round(far, 2)
        return False

    async def _pupil(self, sensor: Sensor) -> Pupil:
        store, anew = self._disk.store, sensor.relearning or sensor.due
        rows = await self._disk.call(store.normal_windows, sensor.name, sensor.to_learn)
        runs = [np.frombuffer(b"".join(run), dtype=np.int8).reshape(len(run), -1) for run in rows if run]
        stored = await self._disk.call(store.models.last, sensor.name)
        sensor.due = False  # whoever says it from now on is heard in the next round
        if not stored or not sensor.model or sha256(stored.tflite).digest() != sensor.model.digest:
            return Pupil(machine.of(self._family, runs))
        scaled = None if anew else finish.scaling_of(stored.tflite)
        return Pupil(machine.of(self._family, runs, scaled), stored.tflite, anew)

    async def deploy(self, sensor: str, lesson: Lesson, origins: Mapping[str, Origin]) -> None:
        """As in `update.Machines`."""
        if sensor in self._line.sensors:  # it may have been forgotten meanwhile
            await self._deployer.renew(self._line.sensors[sensor], lesson, origins)
