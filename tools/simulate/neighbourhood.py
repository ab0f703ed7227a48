"""Neighbourhoods of gateways in one process: who hears whom, over lossy links, with liars among them.

What learns and exchanges is what runs in service: `update.update`, `share.Share` and all below them, over brokers in
memory or a real mosquitto. Here are only the machines, which replay recordings, the loss, and the lies.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from reedmesh.coding.collector import Limits
from reedmesh.errors import ConfigError
from reedmesh.exchange.checkpoints import CheckpointExchange
from reedmesh.exchange.deadline import Bounds
from reedmesh.exchange.lane import Pace
from reedmesh.exchange.listener import subscriptions
from reedmesh.exchange.neighbourhood import Share, Timing
from reedmesh.exchange.outgoing import Outgoing
from reedmesh.identity.keyring import Keyring
from reedmesh.identity.keys import Key
from reedmesh.inference import features
from reedmesh.inference.family import NETWORK, Family
from reedmesh.inference.model import Model
from reedmesh.learning import calibrate, dataset, delta, steps, told
from reedmesh.learning.aggregate import Merged, Peer
from reedmesh.learning.arrays import Floats
from reedmesh.learning.candidate import Candidate
from reedmesh.learning.covariance import Scatter
from reedmesh.learning.delta import Delta
from reedmesh.learning.steps import Trained, TrainingSet
from reedmesh.learning.threshold import BINS
from reedmesh.learning.told import Told
from reedmesh.learning.trainer import Trainer
from reedmesh.links.memory_link import MemoryBroker
from reedmesh.links.message import Channel, Message
from reedmesh.links.mqtt_link import Link
from reedmesh.store.store import Store
from reedmesh.store.writer import Disk
from reedmesh.updates.attestation import Origin
from reedmesh.updates.evidence import Commitment, Evidence
from reedmesh.updates.statistics import LearningStatistics
from reedmesh.updates.update import update
from reedmesh.updates.worker import Worker, inline_worker
from tools.simulate import recordings
from tools.simulate.recordings import Recording

Windows = NDArray[np.int8]
T = TypeVar("T")

LIES = ("flip", "noise", "scaled", "replay", "faults")
PATIENCE = 300.0  # seconds for whom everybody waits unless somebody is to be killed
PACE, LIMITS, LOOK = Pace(rate=1e9, burst=1e9, merge=0.02, snapshot=0.05), Limits(quiet=0.2, snapshot=2.0), 0.01


@dataclass(frozen=True)
class Place:
    """What one gateway hears: features to learn from, and test windows by condition ("normal" among them)."""

    name: str
    learn: Windows
    tests: dict[str, Windows]


def places(family: Family, recording: Recording, count: int | None = None) -> tuple[Family, list[Place]]:
    """`count` gateways, each at one of the recorded machines in turn; machines with several share their windows out.

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
        found.append(Place(name, features.extract(learn[:limit], family.recipe), tested))
    return family, found


def faulty(place: Place) -> Place:
    """The place of one who learns from nothing but faults."""
    faults = [windows for label, windows in place.tests.items() if not label.startswith("normal")]
    return replace(place, learn=np.concatenate(faults)[: len(place.learn)])


def hears(topology: str, count: int) -> list[list[int]]:
    """Whom each of `count` gateways hears: ring (two), k4 (four nearest), full (all) or none."""
    reach = {"none": 0, "ring": 1, "k4": 2, "full": count}.get(topology)
    if reach is None:
        raise ConfigError(f"topology {topology!r}: ring, k4, full or none")
    near = [{(i + d) % count for d in range(-reach, reach + 1)} - {i} for i in range(count)]
    return [sorted(each) for each in near]


class Site:
    """The machines of one gateway, and what is in their service: `update.Machines` for recordings."""

    def __init__(self, family: Family, at: Sequence[Place]) -> None:
        self.at = {place.name: place for place in at}
        self.candidates: dict[str, Candidate] = {}
        self.called_normal: dict[str, list[Windows]] = {}  # by somebody: runs that a machine is learnt anew from, once
        self._family = family

    async def training_sets(self) -> dict[str, TrainingSet]:
        """As in `update.Machines`."""
        return {name: self._training_set(place) for name, place in self.at.items()}

    def _training_set(self, place: Place) -> TrainingSet:
        candidate = self.candidates.get(place.name)
        if runs := self.called_normal.pop(place.name, None):
            return TrainingSet(dataset.of(self._family, runs), candidate.model if candidate else b"", anew=True)
        if candidate:
            return TrainingSet(
                dataset.of(self._family, [place.learn], calibrate.scaling_of(candidate.model)), candidate.model
            )
        return TrainingSet(dataset.of(self._family, [place.learn]))

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


class Liar(Outgoing):
    """Tells neighbours something else than it learnt. kind: one of LIES."""

    def __init__(self, kind: str, name: str, family: Family, disk: Disk, profile: delta.Profile, share: Share) -> None:
        super().__init__(name, family, disk, profile, share.tell)
        self.kind = kind
        self._first: bytes | None = None
        self._lied: Told | None = None  # the sums that neighbours hold of it

    async def _publish(self, sequence: int, payload: bytes) -> None:
        await super()._publish(sequence, self._lie(sequence, payload))

    def _lie(self, sequence: int, payload: bytes) -> bytes:
        """Its step turned round and fourfold, noise, tenfold, or what it told first.

        One of "faults" has learnt from nothing else (see `Site`), and says so of as many windows as can be said.
        """
        if self.kind == "replay":
            self._first = self._first or payload
            return self._first
        said = delta.unpack(payload, self._family.tensors, self._family.recipe.length)
        noise = np.random.default_rng(sequence).normal(0, 1, len(said.step)).astype(np.float32)
        lies = {"flip": -4 * said.step, "noise": noise, "scaled": 10 * said.step, "faults": said.step}
        said = replace(said, step=lies[self.kind].astype(np.float32), sums=self._lie_of_sums(said))
        if self.kind == "faults":
            said = replace(said, windows=2**32 - 1, quantile=1e5)
        return delta.pack(said, self._family.tensors, self._profile)[0]

    def _lie_of_sums(self, said: Delta) -> bytes:
        if self.learning_state.told is None:
            return b""
        lie = _lied(self.kind, self.learning_state.told)
        begun = told.nothing(said.features) if said.squares is not None or self._lied is None else self._lied
        self._lied = lie
        return told.pack(lie, begun)


def _lied(kind: str, it: Told) -> Told:
    """Sums that were turned round, are of noise or tenfold, or of faults with the highest scores there are."""
    matrix, freedom = it.scatter.matrix, it.scatter.freedom
    noise = np.random.default_rng(1).integers(-60, 60, (3 * len(matrix), len(matrix)))
    most = told.MOST_WINDOWS // freedom
    return {
        "flip": Told(Scatter(matrix[::-1, ::-1].copy(), freedom), it.scores),
        "noise": Told(Scatter(noise.T @ noise, len(noise)), it.scores),
        "scaled": Told(Scatter(10 * matrix, freedom), {each + 106: count for each, count in it.scores.items()}),
        "faults": Told(Scatter(most * matrix, most * freedom), {BINS - 1: told.MOST_WINDOWS}),
    }[kind]


class Lossy:
    """A link on which shards are lost."""

    def __init__(self, link: Channel, loss: float, seed: str) -> None:
        self._link, self._loss, self._dice = link, loss, Random(seed)
        self.publish = link.publish

    async def messages(self) -> AsyncIterator[Message]:
        """What arrives."""
        async for message in self._link.messages():
            if not message.topic.endswith("/shard") or self._dice.random() >= self._loss:
                yield message


@dataclass(frozen=True)
class Setting:
    """A case. loss: of shards. liars: gateway -> one of LIES. silent: gateway -> the round in which it is killed.

    robust: False lets everybody be believed, in a plain mean. patience: seconds a round waits at most.
    """

    topology: str = "full"
    profile: str = "full"
    loss: float = 0.0
    seed: int = 1
    liars: dict[int, str] = field(default_factory=dict)
    silent: dict[int, int] = field(default_factory=dict)
    robust: bool = True
    patience: float = PATIENCE
    port: int = 0  # of a real broker; 0: one in memory for each gateway


class Neighbourhood:
    """Gateways that learn in rounds. sites, shares, accounts: of each. seconds: what each round took each of them."""

    def __init__(self, family: Family, sites: Sequence[Site], setting: Setting, disks: Sequence[Disk]) -> None:
        self.family, self.sites, self.setting, self._disks = family, sites, setting, disks
        self.round = 0
        self.seconds: list[list[float]] = []
        self.shares: list[Share] = []
        self.accounts: list[LearningStatistics] = []
        self._running: list[asyncio.Task[None]] = []
        self._drains: list[asyncio.Task[None]] = []
        self._brokers = [MemoryBroker() for _ in sites]
        self._hears = hears(setting.topology, len(sites))

    @property
    def alive(self) -> list[int]:
        """Gateways that were not killed."""
        return [i for i in range(len(self.sites)) if self.round < self.setting.silent.get(i, 1 << 30)]

    @property
    def payload_bytes(self) -> int:
        """Of all updates that were told."""
        return sum(account.bytes_out for account in self.accounts)

    @property
    def air_bytes(self) -> int:
        """Of all that was published: shards with their parity, manifests, topics."""
        return sum(share.sender.counts.size for share in self.shares if share.sender)

    async def rounds(self, count: int) -> AsyncIterator[int]:
        """Play `count` rounds; yields the number of each, from 1."""
        for _ in range(count):
            self.round += 1
            await self.play()
            yield self.round

    async def play(self) -> None:
        """One round: everybody updates. Who is killed in it had begun."""
        for i in [i for i, last in self.setting.silent.items() if last == self.round]:
            self._running[i].cancel()
        self.seconds.append(await asyncio.gather(*(self.update(i) for i in self.alive)))

    async def update(self, i: int) -> float:
        """Have one gateway play its round; returns how many seconds that took."""
        began = time.perf_counter()
        new_worker = inline_worker if self.setting.robust else believing
        await update(self.family, self.shares[i], self.sites[i], new_worker, 1000 * self.setting.seed + 100 * i)
        return time.perf_counter() - began

    async def open(self, stack: AsyncExitStack) -> None:
        """Start every gateway's exchange."""
        keys = {name(i): Key(sha256(name(i).encode()).digest()) for i in range(len(self.sites))}
        for i in range(len(self.sites)):
            others = [name(j) for j in self._hears[i]]
            disk = self._disks[i]
            ring = Keyring({other: keys[other].public for other in others})
            profile, patience = delta.PROFILES[self.setting.profile], self.setting.patience
            timing = Timing(Bounds(patience, patience, patience), PACE, LIMITS, LOOK)
            share = Share(
                name(i),
                self.family,
                keys[name(i)],
                ring,
                CheckpointExchange(disk, Path(), ring),
                disk,
                others,
                profile,
                timing,
            )
            if i in self.setting.liars:
                share.outgoing = Liar(self.setting.liars[i], name(i), self.family, disk, profile, share)
            self.shares.append(share)
            self.accounts.append(LearningStatistics())
            share.event_handlers.append(self.accounts[i].take)
            own, links = self._links(i, others)
            self._drains.append(asyncio.create_task(_drain(own)))
            self._running.append(asyncio.create_task(share.run(own, links)))
        stack.push_async_callback(self._close)

    def _links(self, i: int, others: list[str]) -> tuple[Channel, list[Channel]]:
        """The gateway's own link, and those to its neighbours, on which shards are lost."""
        families, port = self.family.id, self.setting.port
        if port:
            own: Channel = Link("127.0.0.1", port, name(i))
            heard = {topic: qos for other in others for topic, qos in subscriptions(other, families).items()}
            links: list[Channel] = [Link("127.0.0.1", port, f"{name(i)}-hears", subscriptions=heard)]
        else:
            own = self._brokers[i].link()
            links = [self._brokers[j].link(*subscriptions(name(j), families)) for j in self._hears[i]]
        lossy = [Lossy(link, self.setting.loss, f"{self.setting.seed} {i} {n}") for n, link in enumerate(links)]
        return own, [*lossy]

    async def _close(self) -> None:
        for task in [*self._running, *self._drains]:
            task.cancel()
        for ended in await asyncio.gather(*self._running, *self._drains, return_exceptions=True):
            if not isinstance(ended, asyncio.CancelledError):
                raise ended or AssertionError("an exchange ended by itself")
        for share in self.shares:
            assert not share.supervisor.failures, share.supervisor.table()


@asynccontextmanager
async def neighbourhood(
    family: Family, at: Sequence[Sequence[Place]], setting: Setting, known: Sequence[Disk] = ()
) -> AsyncIterator[Neighbourhood]:
    """Gateways at work; at: the machines of each. known: what the first of them know from before; they stay open."""
    async with AsyncExitStack() as stack:
        fresh = [Disk(Store()) for _ in at[len(known) :]]
        for disk in fresh:
            stack.callback(disk.close)
        lying = {i for i, lie in setting.liars.items() if lie == "faults"}
        sites = [Site(family, [faulty(each) for each in here] if i in lying else here) for i, here in enumerate(at)]
        it = Neighbourhood(family, sites, setting, [*known, *fresh])
        await it.open(stack)
        yield it


async def joined(family: Family, at: Sequence[Place], newcomer: Place, rounds: int, seed: int) -> Site:
    """A gateway that comes when its neighbours `at` have learnt for so many rounds: it starts from their snapshots."""
    with ExitStack() as stack:
        disks = [Disk(Store()) for _ in at]
        for disk in disks:
            stack.callback(disk.close)
        async with neighbourhood(family, [[place] for place in at], Setting(seed=seed), disks) as before:
            async for _ in before.rounds(rounds):
                pass
        everybody = [[place] for place in (*at, newcomer)]
        async with neighbourhood(family, everybody, Setting(seed=seed), disks) as it:
            while len(it.shares[-1].peers()) < len(at):
                await asyncio.sleep(0.001)
            await it.update(len(at))
            return it.sites[-1]


def is_in_step(it: Neighbourhood) -> bool:
    """Whether each copy is, bit for bit, what its owner takes it to be; of owners that are honest and alive."""
    honest = [i for i in it.alive if i not in it.setting.liars]
    alive = [it.shares[i] for i in it.alive]
    copies = [(it.shares[i], peer) for share in alive for i in honest if (peer := share.peers().get(name(i)))]
    return all((peer.weights == share.learning_state.public).all() for share, peer in copies)


def name(i: int) -> str:
    """Of a gateway."""
    return f"gw{i}"


async def _drain(link: Channel) -> None:
    """A link is up while somebody listens to it."""
    async for _ in link.messages():
        pass


@asynccontextmanager
async def believing() -> AsyncIterator[Worker]:
    """Where everybody is believed: a plain mean in place of the merge, and whatever comes of it goes into service."""

    async def work(function: Callable[..., T], *arguments: Any) -> T:
        found = mean(*arguments) if function is steps.mix else function(*arguments)
        return replace(found, objection="") if function is steps.make else found  # type: ignore

    yield work


def mean(
    family: Family,
    training_sets: Sequence[TrainingSet],
    trained: Trained,
    _public: Floats,
    peers: dict[str, Peer],
    _step: float,
) -> tuple[Merged, float]:
    """In place of `learner.mix`."""
    weights = np.mean([trained.weights, *(peer.weights for peer in peers.values())], axis=0, dtype=np.float32)
    return Merged(weights, dict.fromkeys(peers, 1 / (1 + len(peers))), {}, dict.fromkeys(peers, 0.0)), steps.loss(
        family, training_sets, weights
    )


def served(family: Family, at: Sequence[Place], rounds: int, seed: int) -> list[Site]:
    """FedAvg with a server (McMahan et al. 2017) on the same windows: all get the weighted mean of all each round."""
    family = replace(family, training=replace(family.training, kind=NETWORK))
    sites, weights = [Site(family, [place]) for place in at], steps.start(family)
    training_sets = [TrainingSet(dataset.of(family, [place.learn])) for place in at]
    for number in range(rounds):
        epochs = steps.epochs(family, training_sets if not number else [])
        told = [
            steps.fit(family, [it], [weights], epochs, seed + 100 * i + number) for i, it in enumerate(training_sets)
        ]
        counts = [each.windows for each in told]
        weights = np.average([each.weights for each in told], axis=0, weights=counts).astype(np.float32)
    for site, place, training_set in zip(sites, at, training_sets, strict=True):
        site.candidates[place.name] = steps.make(family, training_set, Merged(weights, {}, {}), {})
    return sites
