"""A gateway at one recorded machine, without network or clock; it judges, alarms and learns as the service does.

Hours of a machine pass in seconds. Several of them learn together as a `neighbourhood.Neighbourhood`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from reedmesh.alerts.alert import Change
from reedmesh.config.settings import AlertRule
from reedmesh.identity.keys import Key
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.inference.family import Family
from reedmesh.learning.arrays import Windows
from reedmesh.learning.candidate import Candidate
from reedmesh.learning.steps import TrainingSet
from reedmesh.protocol import wire
from reedmesh.readings import watch
from reedmesh.readings.line import Line
from reedmesh.readings.watch import Events
from reedmesh.store.store import Store
from reedmesh.store.writer import Disk
from reedmesh.updates.attestation import Origin, Passports
from reedmesh.updates.evidence import Commitment, Evidence
from reedmesh.updates.model_rollout import ModelRollout
from reedmesh.updates.selection import TrainingSelection


@dataclass(frozen=True)
class Heard:
    """The result of some windows. over, alerted: the share above the threshold, and after which an alert stood."""

    over: float
    alerted: float
    raised: int


class GatewayReplay:
    """The gateway of the machine `name`, learnt from `count` windows; `update.Machines` for a neighbourhood."""

    def __init__(self, name: str, family: Family, count: int) -> None:
        self.at = {name: self}
        self.store = Store()
        self._disk = Disk(self.store)
        self._line = Line(family.recipe.length, count, AlertRule(), 1)
        self._line.sensor(name).hello = {"features": family.recipe.table()}
        self._events = Events(self._take, *[lambda *_: None] * 5)
        key = Key(sha256(name.encode()).digest())
        passports = Passports(name, family, key, lambda: [key.public])
        model_rollout = ModelRollout(
            name, family, self._line, self._disk, SensorKeys(Path()), passports, lambda: self._now
        )
        self._training_sets = TrainingSelection(family, self._line, self._disk, model_rollout, lambda: self._now)
        self._name, self._now, self._changes = name, 0.0, list[Change]()

    @property
    def moved(self) -> float:
        """How far the machine is from how it was commissioned, if too far to be learnt on; else 0."""
        return self._line.sensor(self._name).moved

    def hear(self, windows: Windows) -> Heard:
        """A window a second: judge them, store them and keep what alerts begin and end."""
        sensor, over, standing, raised = self._line.sensor(self._name), 0, 0, 0
        for features in windows:
            self._now += 1.0
            frame = self._frame(features.tobytes(), sensor.model.key if sensor.model else bytes(8))
            watch.judge(frame, self._name, self._line, self.store.windows, self._events, self._now)
            over += bool(sensor.model and sensor.score is not None and sensor.score > sensor.model.threshold)
            standing += sensor.watcher.alert is not None
            raised += sum(change.type == "new" for change in self._changes)
            self.store.alerts.save(self._changes)
            self._changes.clear()
        return Heard(over / len(windows), standing / len(windows), raised)

    async def training_sets(self) -> dict[str, TrainingSet]:
        """As in `update.Machines`."""
        return await self._training_sets.training_sets()

    async def commit(self, training_sets: Mapping[str, TrainingSet]) -> dict[str, Commitment]:
        """As in `update.Machines`."""
        return await self._training_sets.commit(training_sets)

    async def deploy(
        self, sensor: str, candidate: Candidate, origins: Mapping[str, Origin], evidence: Evidence | None
    ) -> str:
        """As in `update.Machines`."""
        return await self._training_sets.deploy(sensor, candidate, origins, evidence)

    def close(self) -> None:
        """Forget everything."""
        self._disk.close()

    def _take(self, change: Change) -> None:
        self._changes.append(change)

    def _frame(self, features: bytes, key: bytes) -> bytes:
        window, frame = wire.Window(features, 1, int(self._now)), bytearray(wire.WINDOW_HEADER + len(features))
        window.model = key
        return bytes(frame[: wire.pack_window(window, frame)])
