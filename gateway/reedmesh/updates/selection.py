"""Selects the training sets: windows of the line's machines from times in which they ran normally.

Left out are windows of an alert that nobody called no fault, and windows of a machine that ran unlike it did when
it was commissioned, for a fault that grows slowly raises no alert. A model stays as long as its machine has an alert.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256

import numpy as np

from reedmesh.errors import DeployError
from reedmesh.inference.family import Family
from reedmesh.learning import calibrate, dataset, gate
from reedmesh.learning.arrays import Windows
from reedmesh.learning.candidate import Candidate
from reedmesh.learning.dataset import Scaling
from reedmesh.learning.history import DAY
from reedmesh.learning.steps import TrainingSet
from reedmesh.readings.line import Line
from reedmesh.readings.sensor import LEARNING, Sensor
from reedmesh.store.windows import MOST_SCORE
from reedmesh.store.writer import Disk
from reedmesh.updates import evidence
from reedmesh.updates.attestation import Origin
from reedmesh.updates.evidence import Commitment, Evidence
from reedmesh.updates.model_rollout import ModelRollout

log = logging.getLogger(__name__)

MOST_FAULTS = 240  # windows of alerts that a candidate must go on seeing
FARTHEST = 0.6  # units that a machine may have moved, see `machine.moved`, to be learnt on (docs/decisions/0027)


class TrainingSelection:
    """The machines of one gateway's line, as `update.Machines`; their models go out by `model_rollout`."""

    def __init__(
        self, family: Family, line: Line, disk: Disk, model_rollout: ModelRollout, clock: Callable[[], float]
    ) -> None:
        self._family = family
        self._line = line
        self._disk = disk
        self._model_rollout = model_rollout
        self._clock = clock

    async def training_sets(self) -> dict[str, TrainingSet]:
        """As in `update.Machines`: every sensor that has a model, or is ready for its first, or for one anew."""
        chosen = [sensor for sensor in self._line.sensors.values() if self._is_wanted(sensor)]
        await self._disk.flush()  # after that: a sensor that gets ready from now on has windows that are not on disk
        found: dict[str, TrainingSet] = {}
        for sensor in chosen:
            try:
                if training_set := await self._training_set(sensor):
                    found[sensor.name], sensor.unlearnt = training_set, ""
            except DeployError as error:
                log.error("%s: its windows are collected anew: %s", sensor.name, error)
                sensor.unlearnt = str(error) if sensor.state == LEARNING else ""
                collect_anew([sensor])
        return found

    def _is_wanted(self, sensor: Sensor) -> bool:
        """Whether it is learnt in this round; models of parts are made elsewhere, see part_learning.py."""
        if sensor.station or not self._is_of(sensor):
            return False
        return sensor.ready_to_learn or (sensor.state != LEARNING and not sensor.pinned)

    def _is_of(self, sensor: Sensor) -> bool:
        return sensor.family is None or sensor.family.name == self._family.name

    async def commit(self, training_sets: Mapping[str, TrainingSet]) -> dict[str, Commitment]:
        """As in `update.Machines`."""
        return await evidence.commit(self._family, self._disk, training_sets)

    async def deploy(
        self, sensor: str, candidate: Candidate, origins: Mapping[str, Origin], found: Evidence | None = None
    ) -> str:
        """As in `update.Machines`."""
        if sensor not in self._line.sensors:
            return "it was forgotten meanwhile"
        return await self._model_rollout.renew(self._line.sensors[sensor], candidate, origins, found)

    async def _training_set(self, sensor: Sensor) -> TrainingSet | None:
        """None: too few of its windows are from when it ran as it did when it was commissioned."""
        if sensor.verdict.due and not sensor.watcher.evident:
            return None
        anew = sensor.relearning or sensor.verdict.due
        sensor.verdict.answering = sensor.verdict.due and sensor.watcher.held is not None
        sensor.verdict.due = False  # whoever says it from now on is heard in the next round
        model = await self._model(sensor)
        limit = sensor.model.threshold if sensor.model else MOST_SCORE
        rows = await self._disk.call(self._disk.store.windows.normal, sensor.name, sensor.to_learn, limit)
        normal, called = (_table(_fitting(run, self._family.recipe.length)) for run in rows)
        scaled = calibrate.scaling_of(model) if model and not anew else None
        near = gate.learnable(_near(sensor, normal, scaled), self._family.recipe, self._family.alerts.standstill)
        if scaled and len(near) < sensor.to_learn // 2:
            return None
        runs = [run for run in (_spread(near, sensor.to_learn), called) if len(run)]
        faults = await self._disk.call(self._disk.store.windows.faulty, sensor.name, MOST_FAULTS)
        known = await self._disk.call(self._disk.store.faults.of, sensor.name, MOST_FAULTS)
        seen = _table(_fitting(list(dict.fromkeys([*known, *faults])), self._family.recipe.length))
        day = max(0, int(self._clock() // DAY))
        return TrainingSet(dataset.of(self._family, runs, scaled), model, anew and bool(model), seen, day)

    async def _model(self, sensor: Sensor) -> bytes:
        """What is in service; b"": nothing yet."""
        stored = await self._disk.call(self._disk.store.models.last, sensor.name)
        known = stored and sensor.model and sha256(stored.tflite).digest() == sensor.model.digest
        return stored.tflite if stored and known else b""


def collect_anew(sensors: Iterable[Sensor]) -> None:
    """Those of `sensors` that wait for a candidate begin again, or the same would be tried at once without end.

    A verdict that came while they were learnt stays due: the round before did not have its windows.
    """
    for sensor in sensors:
        if sensor.ready_to_learn:
            sensor.learnt = 0


def _near(sensor: Sensor, windows: Windows, scaled: Scaling | None) -> Windows:
    """Those of `windows` that were heard while the machine ran as its scaling says; without one, all."""
    far = dataset.moved(windows, scaled) if scaled and len(windows) else np.zeros(len(windows))
    _note(sensor, round(float(far[-1]), 2) if len(far) and far[-1] > FARTHEST else 0.0)
    return windows[far <= FARTHEST]


def _note(sensor: Sensor, moved: float) -> None:
    """How far its machine is now; 0: not too far."""
    if moved and not sensor.moved:
        log.warning("%s moved %.1f units from how it was commissioned: look at it, or `relearn`", sensor.name, moved)
    sensor.moved = moved


def _fitting(rows: list[bytes], length: int) -> list[bytes]:
    """Those of the family's recipe: the sensor may have had another before."""
    return [row for row in rows if len(row) == length]


def _table(rows: list[bytes]) -> Windows:
    """Features of windows, int8 [m, length]; rows may not differ in length."""
    return np.frombuffer(b"".join(rows), np.int8).reshape(len(rows), -1 if rows else 0)


def _spread(rows: Windows, count: int) -> Windows:
    """`count` of them, evenly."""
    return rows if len(rows) <= count else rows[np.arange(count) * len(rows) // count]
