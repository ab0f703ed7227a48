"""Models of parts: made when a station has its first parts, when so many more came, and when somebody labelled some.

What a model is made of: parts that somebody labelled, the first ones, and those that passed since. Labels stay here.
"""

import asyncio
import logging
from concurrent.futures import BrokenExecutor
from dataclasses import asdict

import numpy as np

from reedmesh.errors import DiskError, ReedmeshError
from reedmesh.inference import normalisation
from reedmesh.inference.model import Model
from reedmesh.learning.candidate import Candidate
from reedmesh.learning.evaluate import Estimate
from reedmesh.learning.parts import model as parts
from reedmesh.learning.parts.limits import Costs, Point
from reedmesh.learning.parts.model import FEWEST_OF_CLASS, PartModel, Taught
from reedmesh.protocol.recipe import Cycle
from reedmesh.protocol.scaling import ONE
from reedmesh.protocol.verdict import MAX_CLASSES
from reedmesh.readings.line import Line
from reedmesh.readings.parts import FIRST, Judged
from reedmesh.readings.sensor import Sensor
from reedmesh.store.parts import PartRow
from reedmesh.store.writer import Disk
from reedmesh.updates.model_rollout import ModelRollout
from reedmesh.updates.worker import WorkerFactory, worker_process

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
OK, NOK = "OK", "NOK"
MOST_TAUGHT = 3000  # parts that a model is made of; the newest, and all that are labelled
MOST_TRADE = 60  # points of the trade that are told


class PartLearning:
    """Of one gateway's stations. costs: of escapes and overkills."""

    def __init__(
        self,
        line: Line,
        disk: Disk,
        model_rollout: ModelRollout,
        costs: Costs,
        new_worker: WorkerFactory = worker_process,
    ) -> None:
        self._line = line
        self._disk = disk
        self._model_rollout = model_rollout
        self._costs = costs
        self.new_worker = new_worker

    def take(self, sensor: str, it: Judged) -> None:
        """A part was judged, or more is known of it: keep it."""
        boot, number = it.order
        self._disk.store.parts.add(
            PartRow(sensor, boot, number, it.at, it.part, it.features, it.verdict, it.fault, it.against, it.latency_us)
        )

    async def run(self) -> None:
        """Write parts, and make models when they are due, until cancelled."""
        while True:
            await self.flush()
            for sensor in list(self._line.sensors.values()):
                if self._is_due(sensor):
                    await self._learn(sensor)
            await asyncio.sleep(LOOK_SECONDS)

    async def flush(self) -> None:
        """Write the parts that wait; on a full disk they are lost, for verdicts do not wait for it."""
        table = self._disk.store.parts
        if rows := table.take_pending():
            try:
                await self._disk.once(table.write, rows)
            except DiskError as error:
                log.error("%d parts are not kept: %s", len(rows), error)

    def _is_due(self, sensor: Sensor) -> bool:
        if not sensor.station or sensor.pinned:
            return False
        return sensor.learnt >= FIRST if sensor.relearning else sensor.station.due

    async def _learn(self, sensor: Sensor) -> None:
        station = sensor.station
        assert station
        station.due = False
        try:
            await self.flush()
            taught = made_of(await self._rows(sensor), station.recipe)
            async with self.new_worker() as work:
                made = await work(parts.learn, taught, station.recipe, self._costs)
            objection = await self._model_rollout.renew(sensor, candidate(made, taught), {})
            station.fault = objection
            if not objection:
                station.promise, station.trade = asdict(made.promise), _told(made.trade)
        except (ReedmeshError, ValueError, BrokenExecutor) as error:
            station.fault = str(error)
            log.error("%s: no model of its parts: %s", sensor.name, error)
            sensor.learnt = 0 if sensor.relearning else sensor.learnt

    async def _rows(self, sensor: Sensor) -> list[PartRow]:
        table = self._disk.store.parts
        if sensor.relearning:
            return await self._disk.call(table.newest, sensor.name, sensor.learnt)
        return await self._disk.call(table.taught, sensor.name, FIRST)


def made_of(rows: list[PartRow], recipe: Cycle) -> Taught:
    """Rows as what is taught; parts that nobody labelled count as OK. Raises ValueError when there are none."""
    fitting = [row for row in rows if len(row.features) == recipe.length]
    spare = [row for row in fitting if not row.label][:-MOST_TAUGHT]
    left = {id(row) for row in spare}
    fitting = [row for row in fitting if id(row) not in left]
    if not fitting:
        raise ValueError("no parts are kept of it")
    names = _classes(fitting)
    labels = [_number(row.label or OK, names) for row in fitting]
    features = np.frombuffer(b"".join(row.features for row in fitting), np.int8).reshape(len(fitting), -1)
    return Taught(features, np.array(labels, np.intp), names)


def candidate(made: PartModel, taught: Taught) -> Candidate:
    """A model of parts as the rollout takes it; its trial is the OK part that scores most."""
    model = Model(made.tflite)
    scores = model.scores(taught.ok)
    worst = int(scores.argmax())
    estimate = Estimate(float(scores.mean()) / (ONE**2 * model.length), made.promise.overkill)
    return Candidate(
        model=made.tflite,
        weights=b"",
        moments=normalisation.fit(taught.ok),
        threshold=model.threshold,
        held_out=tuple(scores.tolist()),
        trial=taught.ok[worst].tobytes(),
        trial_score=int(scores[worst]),
        estimate=estimate,
    )


def _classes(rows: list[PartRow]) -> list[str]:
    """OK, the faults of which there are enough, the commonest first, and NOK for all others."""
    counts: dict[str, int] = {}
    for row in rows:
        if row.label and row.label != OK:
            counts[row.label] = counts.get(row.label, 0) + 1
    named = sorted(
        (name for name in counts if counts[name] >= FEWEST_OF_CLASS and name != NOK), key=lambda n: -counts[n]
    )
    named = named[: MAX_CLASSES - 2]
    rest = any(name not in named for name in counts)
    return [OK, *named, *([NOK] if rest else [])]


def _number(label: str, names: list[str]) -> int:
    return names.index(label) if label in names else names.index(NOK)


def _told(trade: tuple[Point, ...]) -> list[dict[str, float]]:
    """A few points of it."""
    chosen = trade[:: max(1, -(-len(trade) // MOST_TRADE))]
    return [{key: round(value, 5) for key, value in asdict(point).items()} for point in chosen]
