"""Neighbourhoods of gateways in memory: who hears whom, over lossy links, with liars among them.

The learning is `reedmesh.learner`, the coding `reedmesh.bundle` and `erasure`; only the broker between
them is missing. For `make bench-learn`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from reedmesh import delta, features, machine, shards, train
from reedmesh.bundle import Bundle
from reedmesh.delta import Delta, Profile
from reedmesh.erasure import Decoder
from reedmesh.errors import ConfigError, WireError
from reedmesh.family import Family
from reedmesh.learner import Learner
from reedmesh.model import Model
from reedmesh.recipe import MAX_SAMPLES
from tools.recordings import Recording

Windows = NDArray[np.int8]
LIES = ("flip", "noise", "scaled", "replay")
SHARD = 64  # bytes: an update of 1 to 5 KB becomes some shards, so that losing a few of them can be mended


@dataclass(frozen=True)
class Place:
    """What one gateway hears: features to learn from, and test windows by condition ("normal" among them)."""

    name: str
    learn: Windows
    tests: dict[str, Windows]


def places(family: Family, recording: Recording, count: int | None = None) -> tuple[Family, list[Place]]:
    """`count` gateways, each at one of the recorded machines in turn; machines with several share their windows out.

    The family comes back with windows of the recording's length, cut in equal pieces where they are too long.
    """
    machines = len(recording.names)
    count = count or machines
    cut, pieces = _cut(recording, family)
    family = replace(family, features=family.features | {"samples": cut.shape[1]})
    owner = np.repeat(recording.gateway, pieces)
    split, label = np.repeat(recording.split, pieces), np.repeat(recording.label, pieces)
    found = []
    for gateway in range(count):
        machine, turn = gateway % machines, gateway // machines
        others = math.ceil((count - machine) / machines)
        mine = (owner == machine) | (owner == -1)
        learn = cut[mine & (split == "train") & (label == "normal")][turn::others]
        tests = {str(each): cut[mine & (split == "test") & (label == each)] for each in np.unique(label[mine])}
        name = recording.names[machine] + (f"/{turn + 1}" if count > machines else "")
        limit = family.training.windows
        tested = {each: features.extract(x, family.recipe) for each, x in tests.items() if len(x)}
        if "normal" not in tested or len(learn) < 40:
            raise ConfigError(f"{name}: {len(learn)} windows to learn from, {len(tested)} conditions to test")
        found.append(Place(name, features.extract(learn[:limit], family.recipe), tested))
    return family, found


def _cut(recording: Recording, family: Family) -> tuple[NDArray[np.int16], int]:
    count, samples, axes = recording.x.shape
    if axes != family.recipe.axes:
        raise ConfigError(f"the recording has {axes} axes, family {family.name} listens to {family.recipe.axes}")
    pieces = -(-samples // MAX_SAMPLES)
    length = samples // pieces
    return recording.x[:, : pieces * length].reshape(count * pieces, length, axes), pieces


def hears(topology: str, count: int) -> list[list[int]]:
    """Whom each of `count` gateways hears: ring (two), k4 (four nearest) or full (all)."""
    reach = {"ring": 1, "k4": 2, "full": count}.get(topology)
    if reach is None:
        raise ConfigError(f"topology {topology!r}: ring, k4 or full")
    near = [{(i + d) % count for d in range(-reach, reach + 1)} - {i} for i in range(count)]
    return [sorted(each) for each in near]


@dataclass
class Neighbourhood:
    """Gateways that train, tell, hear and merge in rounds. loss: of shards. liars: gateway -> one of LIES.

    silent: gateways that from a round on say nothing any more.
    """

    family: Family
    places: list[Place]
    profile: Profile
    topology: str = "full"
    loss: float = 0.0
    seed: int = 1
    liars: dict[int, str] = field(default_factory=dict)
    silent: dict[int, int] = field(default_factory=dict)
    robust: bool = True
    payload_bytes: int = 0
    air_bytes: int = 0
    round: int = 0

    def __post_init__(self) -> None:
        self.learners = [
            Learner(self.family, [machine.of(self.family, place.learn)], self.profile) for place in self.places
        ]
        self._hears = hears(self.topology, len(self.places))
        self._random = np.random.default_rng(self.seed)
        self._replays: dict[int, bytes] = {}

    def rounds(self, count: int, epochs: int) -> Iterator[int]:
        """Play `count` rounds of so many epochs each; yields the number of each, from 1."""
        for _ in range(count):
            self.round += 1
            self.play(epochs)
            yield self.round

    def play(self, epochs: int) -> None:
        """One round: everybody trains, tells, hears and merges."""
        for i, learner in enumerate(self.learners):
            learner.train(epochs, _seed(self.seed, i, self.round))
        told = {i: self._told(i) for i in range(len(self.learners)) if self.silent.get(i, 1 << 30) > self.round}
        for i, learner in enumerate(self.learners):
            for j in self._hears[i]:
                if j in told:
                    self._hear(learner, str(j), told[j])
        for learner in self.learners:
            learner.merge() if self.robust else _mean(learner)

    def _told(self, i: int) -> bytes:
        payload = self.learners[i].tell()
        self.payload_bytes += len(payload)
        return self._lie(i, payload) if i in self.liars else payload

    def _hear(self, learner: Learner, name: str, payload: bytes) -> None:
        """Over the link, which loses shards; what arrives is what was sent, as its digest shows."""
        try:
            learner.hear(name, self._carried(payload))
        except WireError as fault:
            learner.refuse(name, str(fault))

    def _carried(self, payload: bytes) -> bytes:
        """The payload at the other end of a lossy link, asking for more shards until it is whole."""
        shape = shards.Shape(min(shards.MAX_K, -(-len(payload) // SHARD)), SHARD, len(payload))
        bundle, decoder = Bundle(payload, self.family.name, "gw", 1, 1, shape), Decoder(shape, _digest(payload))
        wanted = dict.fromkeys(range(shape.blocks), shape.k)
        while wanted:
            for frame in bundle.wave(wanted):
                self.air_bytes += len(frame)
                if self._random.random() >= self.loss:
                    shard = shards.unpack_shard(frame)
                    decoder.add(shard.block, shard.index, shard.data)
            wanted = {block: lacking for block in range(shape.blocks) if (lacking := decoder.missing(block))}
        return bytes(decoder.payload())

    def _lie(self, i: int, payload: bytes) -> bytes:
        """What a liar tells instead: its step turned round and fourfold, noise, tenfold, or what it told first."""
        kind, told = self.liars[i], delta.unpack(payload, self.family.tensors)
        if kind == "replay":
            return self._replays.setdefault(i, payload)
        noise = self._random.normal(0, 1, len(told.step)).astype(np.float32)
        step = {"flip": -4 * told.step, "noise": noise, "scaled": 10 * told.step}[kind]
        lie = Delta(step.astype(np.float32), told.windows, told.quantile)
        return delta.pack(lie, self.family.tensors, self.profile)[0]


def _seed(seed: int, gateway: int, number: int) -> int:
    """Of a gateway's round."""
    return seed * 1000 + gateway + number


def _digest(payload: bytes) -> bytes:
    from hashlib import sha256

    return sha256(payload).digest()


def _mean(learner: Learner) -> None:
    """What a plain mean makes of it, for comparison: everybody is believed."""
    heard = [each.weights for each in learner.heard.values()]
    learner.weights = np.mean([learner.weights, *heard], axis=0, dtype=np.float32)


def alone(family: Family, places: list[Place], epochs: int = 0, seed: int = 1) -> list[Learner]:
    """Gateways that hear nobody, each after so many epochs."""
    learners = [Learner(family, [machine.of(family, place.learn)], delta.PROFILES["full"]) for place in places]
    for i, learner in enumerate(learners if epochs else []):
        learner.train(epochs, _seed(seed, i, 1))
    return learners


def served(family: Family, places: list[Place], rounds: int, epochs: int, seed: int) -> list[Learner]:
    """FedAvg with a server (McMahan et al. 2017) on the same windows: all get the weighted mean of all each round."""
    learners = alone(family, places)
    counts = np.array([len(place.learn) for place in places], np.float32)
    for number in range(1, rounds + 1):
        for i, learner in enumerate(learners):
            learner.train(epochs, _seed(seed, i, number))
        mean = np.average([learner.weights for learner in learners], axis=0, weights=counts).astype(np.float32)
        for learner in learners:
            learner.weights = mean.copy()
    return learners


def pooled(family: Family, places: list[Place], epochs: int, seed: int) -> list[Learner]:
    """One model trained where all windows are in one place, each machine scaled by its own moments."""
    learners = alone(family, places)
    inputs = np.concatenate([learner.machines[0].seen for learner in learners])
    trainer = train.Trainer(family.train_tflite)
    weights = train.fit(trainer, trainer.get(), inputs, epochs, family.training.rate, seed)
    for learner in learners:
        learner.weights = weights.copy()
    return learners


def model(learner: Learner) -> Model:
    """The int8 model that would go into service."""
    return Model(learner.finish(learner.machines[0]))


def float_scores(learner: Learner, windows: Windows) -> NDArray[np.float64]:
    """Scores by the weights before they are quantised."""
    learner.trainer.set(learner.weights)
    return np.asarray(learner.trainer.errors(machine.inputs(windows, learner.machines[0].scaling)), np.float64)
