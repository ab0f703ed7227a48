"""Recorded machines in the place of a gateway's sensors: windows to learn from, windows to test, models in service."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reedmesh.errors import ConfigError
from reedmesh.inference import features
from reedmesh.inference.family import Family
from reedmesh.inference.model import Model
from reedmesh.learning import calibrate, dataset
from reedmesh.learning.candidate import Candidate
from reedmesh.learning.steps import TrainingSet
from reedmesh.learning.trainer import Trainer
from reedmesh.updates.attestation import Origin
from reedmesh.updates.evidence import Commitment, Evidence
from tools.simulate import recordings
from tools.simulate.recordings import Recording

Windows = NDArray[np.int8]


@dataclass(frozen=True)
class MachineData:
    """One recorded machine: features to learn from, int8 [n, length], and to test, by condition ("normal" is one)."""

    name: str
    learn: Windows
    tests: dict[str, Windows]


def machines_of(family: Family, recording: Recording, count: int | None = None) -> tuple[Family, list[MachineData]]:
    """`count` gateways, each at one of the recorded machines in turn; several at one machine divide its windows.

    The family comes back with windows of the recording's length.
    """
    machines = len(recording.names)
    count = count or machines
    family, recording = recordings.matched(family, recording)
    x, owner, split, label = recording.x, recording.gateway, recording.split, recording.label
    found = []
    for gateway in range(count):
        number, turn = gateway % machines, gateway // machines
        others = math.ceil((count - number) / machines)
        mine = (owner == number) | (owner == -1)
        learn = x[mine & (split == "train") & (label == "normal")][turn::others]
        tests = {str(each): x[mine & (split == "test") & (label == each)] for each in np.unique(label[mine])}
        name = recording.names[number] + (f"-{turn + 1}" if count > machines else "")
        limit = family.training.windows
        tested = {each: features.extract(them, family.recipe) for each, them in tests.items() if len(them)}
        if "normal" not in tested or len(learn) < 4:
            raise ConfigError(f"{name}: {len(learn)} windows to learn from, {len(tested)} conditions to test")
        found.append(MachineData(name, features.extract(learn[:limit], family.recipe), tested))
    return family, found


def faulty(machine: MachineData) -> MachineData:
    """The same machine, learnt from its faults only."""
    faults = [windows for label, windows in machine.tests.items() if not label.startswith("normal")]
    return replace(machine, learn=np.concatenate(faults)[: len(machine.learn)])


class SimulatedLine:
    """The machines of one gateway and their models in service: `update.Machines` for recordings."""

    def __init__(self, family: Family, at: Sequence[MachineData]) -> None:
        self.at = {machine.name: machine for machine in at}
        self.candidates: dict[str, Candidate] = {}
        self.called_normal: dict[str, list[Windows]] = {}  # by somebody: runs that a machine is learnt anew from, once
        self._family = family

    async def training_sets(self) -> dict[str, TrainingSet]:
        """As in `update.Machines`."""
        return {name: self._training_set(machine) for name, machine in self.at.items()}

    def _training_set(self, machine: MachineData) -> TrainingSet:
        candidate = self.candidates.get(machine.name)
        if runs := self.called_normal.pop(machine.name, None):
            return TrainingSet(dataset.of(self._family, runs), candidate.model if candidate else b"", anew=True)
        if candidate:
            return TrainingSet(
                dataset.of(self._family, [machine.learn], calibrate.scaling_of(candidate.model)), candidate.model
            )
        return TrainingSet(dataset.of(self._family, [machine.learn]))

    async def commit(self, _: Mapping[str, TrainingSet]) -> dict[str, Commitment]:
        """As in `update.Machines`: nobody checks a simulation."""
        return {}

    async def deploy(self, sensor: str, candidate: Candidate, _: Mapping[str, Origin], __: Evidence | None) -> str:
        """As in `update.Machines`."""
        self.candidates[sensor] = candidate
        return ""

    def scores(self, name: str) -> tuple[dict[str, NDArray[np.int64]], int]:
        """By condition, of test windows, by the model in service at a machine; and its threshold."""
        model = Model(self.candidates[name].model)
        return {label: model.scores(windows) for label, windows in self.at[name].tests.items()}, model.threshold

    def float_scores(self, name: str) -> dict[str, NDArray[np.float64]]:
        """The same by its weights before they were quantised."""
        candidate, trainer = self.candidates[name], Trainer(self._family.train_tflite)
        trainer.set(np.frombuffer(candidate.weights, np.float32))
        scaled, tests = calibrate.scaling_of(candidate.model), self.at[name].tests
        return {label: trainer.errors(dataset.inputs(x, scaled)).astype(np.float64) for label, x in tests.items()}
