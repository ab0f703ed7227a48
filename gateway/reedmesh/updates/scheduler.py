"""The scheduler: begins a round of learning for a new machine, a verdict of a person, or enough new windows."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor
from typing import Any

from reedmesh.config.settings import Learning
from reedmesh.errors import ReedmeshError
from reedmesh.exchange.neighbourhood import Neighbourhood
from reedmesh.inference.family import Family
from reedmesh.learning.events import Made
from reedmesh.readings.line import Line
from reedmesh.readings.sensor import Sensor
from reedmesh.readings.verdict import MOST_TRIES
from reedmesh.store.writer import Disk
from reedmesh.updates.selection import TrainingSelection, collect_anew
from reedmesh.updates.update import update
from reedmesh.updates.worker import WorkerFactory, worker_process

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.25  # between two looks for something to learn
EARLY = 0.5  # of what is worth a round of our own is worth joining a neighbour's


class TrainingScheduler:
    """Of one family of a gateway. state: what it is at, in words. noted: what is kept with each round."""

    def __init__(
        self,
        family: Family,
        line: Line,
        disk: Disk,
        neighbourhood: Neighbourhood,
        training_sets: TrainingSelection,
        settings: Learning,
        new_worker: WorkerFactory = worker_process,
        noted: dict[str, Any] | None = None,
    ) -> None:
        self.state = "waiting"
        self._noted = noted or {}
        self._family = family
        self._line = line
        self._disk = disk
        self._neighbourhood = neighbourhood
        self._training_sets = training_sets
        self._settings = settings
        self.new_worker = new_worker

    @property
    def fresh(self) -> int:
        """Normal windows since the last round, of the sensor that has most."""
        return max((sensor.fresh for sensor in self._sensors()), default=0)

    def _sensors(self) -> list[Sensor]:
        """Those of its family."""
        every = self._line.sensors.values()
        return [each for each in every if each.family is None or each.family.name == self._family.name]

    def table(self) -> dict[str, Any]:
        """Return the same as a dict for JSON."""
        state = self._neighbourhood.learning_state
        said = {"state": self.state, "rounds": state.rounds, "sequence": state.sequence, "heard": self.fresh}
        moved = {sensor.name: sensor.moved for sensor in self._sensors() if sensor.moved}
        return said | {"moved": moved, "deadline": round(self._neighbourhood.seconds, 2)}

    async def run(self) -> None:
        """Learn whenever it is worth it, until cancelled."""
        while True:
            if self._is_due():
                await self._try()
            await asyncio.sleep(LOOK_SECONDS)

    def _is_due(self) -> bool:
        worth = self._settings.fresh * (EARLY if self._neighbourhood.anything_new else 1.0)
        return self.fresh >= worth or any(sensor.ready_to_learn for sensor in self._sensors())

    async def _try(self) -> None:
        self.state = "learning"
        for sensor in self._sensors():
            sensor.fresh = 0
        try:
            outcome = await update(
                self._family,
                self._neighbourhood,
                self._training_sets,
                self.new_worker,
                self._family.training.seed,
                self._settings.audited,
            )
            if outcome:
                await self._disk.call(self._disk.store.replicas.keep_merge, outcome.table() | self._noted)
            self._answer(outcome.made if outcome else ())
            refused = [each.sensor for each in outcome.made if each.objection] if outcome else []
            collect_anew(self._line.sensors[name] for name in refused if name in self._line.sensors)
        except (ReedmeshError, BrokenExecutor) as error:
            log.error("a round of learning failed, its windows are collected anew: %s", error)
            collect_anew(self._sensors())
            for sensor in self._sensors():
                sensor.verdict.try_again(f"learning broke off {MOST_TRIES} times: {error}")
        finally:
            self.state = "waiting"

    def _answer(self, made: Sequence[Made]) -> None:
        """Say of each verdict that was in the round what came of it."""
        objections = {each.sensor: each.objection for each in made}
        for sensor in self._sensors():
            sensor.verdict.answer(objections.get(sensor.name, "too few windows of it were heard"))
