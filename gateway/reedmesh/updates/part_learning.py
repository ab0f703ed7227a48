"""Models of parts: made when a station has its first parts, when so many more came, and when somebody labelled some.

What a model is made of: parts that somebody labelled, the first ones, and those that passed since; and how the OK parts
of neighbours with the same recipe scatter. Parts and labels stay here.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import BrokenExecutor
from dataclasses import asdict, replace

import numpy as np

from reedmesh.errors import DiskError, ReedmeshError
from reedmesh.exchange.neighbourhood import Neighbourhood
from reedmesh.inference import normalisation
from reedmesh.inference.family import Family
from reedmesh.inference.model import Model
from reedmesh.learning.aggregate import Merged, Peer
from reedmesh.learning.arrays import Floats
from reedmesh.learning.candidate import Candidate
from reedmesh.learning.evaluate import Estimate
from reedmesh.learning.events import Made, Round
from reedmesh.learning.parts import together
from reedmesh.learning.parts.limits import Costs, Point
from reedmesh.learning.parts.model import FEWEST_OF_CLASS, PartModel, Taught
from reedmesh.learning.parts.together import Heard, Learnt
from reedmesh.learning.steps import Trained
from reedmesh.learning.told import Told
from reedmesh.protocol.recipe import Cycle
from reedmesh.protocol.scaling import ONE
from reedmesh.protocol.verdict import MAX_CLASSES
from reedmesh.readings.line import Line
from reedmesh.readings.parts import FIRST, Judged, Order
from reedmesh.readings.sensor import Sensor
from reedmesh.store.parts import PartRow
from reedmesh.store.writer import Disk
from reedmesh.updates.model_rollout import ModelRollout
from reedmesh.updates.worker import WorkerFactory, worker_process

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
OK, NOK = "OK", "NOK"
BUTTON, MOST_LABELS = "button", 1000  # who labelled, and labels that wait
MOST_TAUGHT = 3000  # parts that a model is made of; the newest, and all that are labelled
MOST_TRADE = 60  # points of the trade that are told
NEWS_MATTERS = 1000  # parts: who has heard more learns nothing from neighbours

NeighbourhoodOf = Callable[[Family], Awaitable[Neighbourhood | None]]


class PartLearning:
    """Of one gateway's stations. costs: of escapes and overkills.

    neighbourhood_of: what the stations of that family, which have one recipe, tell neighbours; None: nobody.
    """

    def __init__(
        self,
        line: Line,
        disk: Disk,
        model_rollout: ModelRollout,
        costs: Costs,
        neighbourhood_of: NeighbourhoodOf | None = None,
        new_worker: WorkerFactory = worker_process,
    ) -> None:
        self._line = line
        self._disk = disk
        self._model_rollout = model_rollout
        self._costs = costs
        self._neighbourhood_of = neighbourhood_of
        self._labels: list[tuple[str, Order, str]] = []  # of buttons, not yet on disk
        self._told: dict[str, tuple[str, Told, Floats]] = {}  # by station: its family's id, and what it has to tell
        self._weights: dict[str, Floats] = {}  # by family's id: of the newest network that knows faults
        self.new_worker = new_worker

    def take(self, sensor: str, it: Judged) -> None:
        """A part was judged, or more is known of it: keep it."""
        boot, number = it.order
        self._disk.store.parts.add(
            PartRow(sensor, boot, number, it.at, it.part, it.features, it.verdict, it.fault, it.against, it.latency_us)
        )

    def take_label(self, sensor: str, order: Order, label: str) -> None:
        """Somebody labelled a part at its station: keep it soon."""
        if len(self._labels) < MOST_LABELS:
            self._labels.append((sensor, order, label))

    async def run(self) -> None:
        """Write parts, and make models when they are due, until cancelled."""
        while True:
            await self.flush()
            for sensor in list(self._line.sensors.values()):
                await self._look_for_news(sensor)
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
        while self._labels:
            await self._label(*self._labels.pop(0))

    async def _label(self, sensor: str, order: Order, label: str) -> None:
        known = self._line.sensors.get(sensor)
        try:
            before = await self._disk.once(self._disk.store.parts.label, sensor, *order, label, BUTTON)
        except (DiskError, ValueError) as error:
            log.error("%s: the label of its button is not kept: %s", sensor, error)
            return
        if before is None:
            log.warning("%s: its button labelled part %d of start %d, which is not kept", sensor, order[1], order[0])
        elif known and known.station and before != label:
            known.station.due = True

    def _is_due(self, sensor: Sensor) -> bool:
        if not sensor.station or sensor.pinned:
            return False
        return sensor.learnt >= FIRST if sensor.relearning else sensor.station.due

    async def _look_for_news(self, sensor: Sensor) -> None:
        """Stations that know little are learnt anew when a neighbour tells something about parts of their recipe."""
        neighbourhood = await self._neighbourhood(sensor)
        if neighbourhood and neighbourhood.anything_new:
            neighbourhood.collected()
            for each in self._line.sensors.values():
                if each.station and each.family == sensor.family and FIRST <= each.station.heard <= NEWS_MATTERS:
                    each.station.due = True

    async def _neighbourhood(self, sensor: Sensor) -> Neighbourhood | None:
        if not sensor.station or not sensor.family or not self._neighbourhood_of:
            return None
        return await self._neighbourhood_of(sensor.family)

    async def _learn(self, sensor: Sensor) -> None:
        station = sensor.station
        assert station
        station.due = False
        began = time.monotonic()
        try:
            await self.flush()
            taught = made_of(await self._rows(sensor), station.recipe)
            neighbourhood = await self._neighbourhood(sensor)
            peers = neighbourhood.collected() if neighbourhood else {}
            heard = {name: Heard(peer.told, peer.weights) for name, peer in peers.items() if peer.told}
            hidden = sensor.family.architecture.hidden[-1] if sensor.family else 1
            async with self.new_worker() as work:
                learnt = await work(together.learn, taught, station.recipe, self._costs, heard, hidden)
            found = replace(candidate(learnt.made, taught), taken=learnt.share, worth=learnt.worth)
            objection = await self._model_rollout.renew(
                sensor, found, {name: peers[name].origin for name in learnt.share}
            )
            station.fault = objection
            if not objection:
                station.promise, station.trade = asdict(learnt.made.promise), _told(learnt.made.trade)
            if neighbourhood:
                await self._tell(sensor, neighbourhood, learnt, peers, found, objection, began)
        except (ReedmeshError, ValueError, BrokenExecutor) as error:
            station.fault = str(error)
            log.error("%s: no model of its parts: %s", sensor.name, error)
            sensor.learnt = 0 if sensor.relearning else sensor.learnt

    async def _tell(
        self,
        sensor: Sensor,
        neighbourhood: Neighbourhood,
        learnt: Learnt,
        peers: dict[str, Peer],
        made: Candidate,
        objection: str,
        began: float,
    ) -> None:
        """Tell neighbours how the OK parts of all stations with this recipe scatter, and what tells faults apart; note
        who is in the model.
        """
        family = neighbourhood.family.id
        _, before, net = self._told.get(sensor.name, ("", None, np.zeros_like(learnt.weights)))
        self._told[sensor.name] = family, learnt.told, learnt.weights
        mine = [told for identity, told, _ in self._told.values() if identity == family]
        whole = sum(mine[1:], mine[0])
        renewed = not np.array_equal(learnt.weights, net)
        known = learnt.weights if renewed else self._weights.get(family, learnt.weights)
        self._weights[family] = known
        squares, loss = np.diagonal(whole.scatter.matrix).astype(np.float32), made.estimate.loss
        if renewed or not _same(before, learnt.told):  # or gateways would answer each other's answers without end
            await neighbourhood.give(Trained(known, whole.scatter.freedom, 0.0, squares, loss, whole))
        merged = Merged(known, learnt.share, learnt.refused, learnt.worth)
        await neighbourhood.keep(merged, peers)
        number, seconds = neighbourhood.learning_state.rounds, time.monotonic() - began
        each = Made(sensor.name, made.model, objection, made.before, made.estimate)
        neighbourhood.tell(Round(time.time(), number, len(made.held_out), merged, (), loss, loss, seconds, (each,)))

    async def _rows(self, sensor: Sensor) -> list[PartRow]:
        table = self._disk.store.parts
        if sensor.relearning:
            return await self._disk.call(table.newest, sensor.name, sensor.learnt)
        return await self._disk.call(table.taught, sensor.name, FIRST)


def _same(a: Told | None, b: Told) -> bool:
    """Whether both are of the same OK parts: how those score depends on what neighbours tell."""
    return (
        a is not None and a.scatter.freedom == b.scatter.freedom and bool((a.scatter.matrix == b.scatter.matrix).all())
    )


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
