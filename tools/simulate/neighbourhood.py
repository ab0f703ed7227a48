"""Several gateways in one process that learn together, over links that lose shards, some of them dishonest.

The code that learns and exchanges is the code of the service: `updates/update.py`, `exchange/neighbourhood.py` and all
below, over brokers in memory or a real mosquitto. Only the machines (`machines.py`), the loss and the lies (`liars.py`)
are simulated.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from random import Random

from reedmesh.coding.collector import Limits
from reedmesh.errors import ConfigError
from reedmesh.exchange import fanout
from reedmesh.exchange import neighbourhood as exchange
from reedmesh.exchange.checkpoints import CheckpointExchange
from reedmesh.exchange.deadline import Bounds
from reedmesh.exchange.lane import Pace
from reedmesh.exchange.listener import subscriptions
from reedmesh.exchange.member import Member, Timing
from reedmesh.identity.keyring import Keyring
from reedmesh.identity.keys import Key
from reedmesh.inference.family import Family
from reedmesh.learning import delta, rules
from reedmesh.links.memory_link import MemoryBroker
from reedmesh.links.message import Channel, Message
from reedmesh.links.mqtt_link import Link
from reedmesh.store.store import Store
from reedmesh.store.writer import Disk
from reedmesh.updates.statistics import LearningStatistics
from reedmesh.updates.update import update
from reedmesh.updates.worker import inline_worker
from tools.simulate import comparisons
from tools.simulate.liars import Liar
from tools.simulate.machines import MachineData, SimulatedLine, faulty

PATIENCE = 300.0  # seconds for whom everybody waits unless somebody is to be killed
PACE, LIMITS, LOOK = Pace(rate=1e9, burst=1e9, merge=0.02, snapshot=0.05), Limits(quiet=0.2, snapshot=2.0), 0.01


def hears(topology: str, count: int) -> list[list[int]]:
    """The neighbours of each of `count` gateways: ring (two), k4 (four nearest), full (all) or none.

    fanout6, or another number: whom each hears in the first epoch.
    """
    if topology.startswith("fanout") and topology[6:].isdecimal():
        numbers = {name(i): i for i in range(count)}
        links = fanout.all_heard(0, list(numbers), int(topology[6:]))
        return [sorted(numbers[each] for each in links[name(i)]) for i in range(count)]
    reach = {"none": 0, "ring": 1, "k4": 2, "full": count}.get(topology)
    if reach is None:
        raise ConfigError(f"topology {topology!r}: ring, k4, full, none or fanout6")
    near = [{(i + d) % count for d in range(-reach, reach + 1)} - {i} for i in range(count)]
    return [sorted(each) for each in near]


class Lossy:
    """A link on which shards are lost."""

    def __init__(self, link: Channel, loss: float, seed: str) -> None:
        self._link, self._loss, self._dice = link, loss, Random(seed)
        self.publish = link.publish

    async def messages(self) -> AsyncIterator[Message]:
        """Messages that are not lost."""
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
    """Gateways that learn in rounds. lines, gateways, accounts: of each. seconds: what each round took each of them."""

    def __init__(self, family: Family, lines: Sequence[SimulatedLine], setting: Setting, disks: Sequence[Disk]) -> None:
        self.family, self.lines, self.setting, self._disks = family, lines, setting, disks
        self.round = 0
        self.seconds: list[list[float]] = []
        self.gateways: list[exchange.Neighbourhood] = []
        self.accounts: list[LearningStatistics] = []
        self._running: list[asyncio.Task[None]] = []
        self._drains: list[asyncio.Task[None]] = []
        self._brokers = [MemoryBroker() for _ in lines]
        self._hears = hears(setting.topology, len(lines))

    @property
    def alive(self) -> list[int]:
        """Gateways that were not killed."""
        return [i for i in range(len(self.lines)) if self.round < self.setting.silent.get(i, 1 << 30)]

    @property
    def payload_bytes(self) -> int:
        """Of all updates that were told."""
        return sum(account.bytes_out for account in self.accounts)

    @property
    def messages_heard(self) -> int:
        """Messages that all gateways heard of their neighbours."""
        return sum(broker.heard for broker in self._brokers)

    @property
    def neighbours(self) -> list[list[int]]:
        """Whom each gateway hears."""
        return self._hears

    @property
    def air_bytes(self) -> int:
        """Of all that was published: shards with their parity, manifests, topics."""
        return sum(gateway.sender.counts.size for gateway in self.gateways if gateway.sender)

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
        robust = self.setting.robust
        new_worker = inline_worker if robust else comparisons.believing
        family = self.family if robust else rules.chosen(self.family, "mean")
        await update(family, self.gateways[i], self.lines[i], new_worker, 1000 * self.setting.seed + 100 * i)
        return time.perf_counter() - began

    async def open(self, stack: AsyncExitStack) -> None:
        """Start every gateway's exchange."""
        keys = {name(i): Key(sha256(name(i).encode()).digest()) for i in range(len(self.lines))}
        for i in range(len(self.lines)):
            others = [name(j) for j in self._hears[i]]
            disk = self._disks[i]
            ring = Keyring({other: keys[other].public for other in others})
            profile, patience = delta.PROFILES[self.setting.profile], self.setting.patience
            timing = Timing(Bounds(patience, patience, patience), PACE, LIMITS, LOOK)
            member = Member(name(i), keys[name(i)], ring, others)
            gateway = exchange.Neighbourhood(
                member, self.family, disk, CheckpointExchange(disk, Path(), ring), profile, timing
            )
            if i in self.setting.liars:
                gateway.outgoing = Liar(self.setting.liars[i], name(i), self.family, disk, profile, gateway.tell)
            self.gateways.append(gateway)
            self.accounts.append(LearningStatistics())
            gateway.event_handlers.append(self.accounts[i].take)
            own, links = self._links(i, others)
            self._drains.append(asyncio.create_task(_drain(own)))
            self._running.append(asyncio.create_task(gateway.run(own, links)))
        stack.push_async_callback(self._close)

    def _links(self, i: int, others: list[str]) -> tuple[Channel, list[Channel]]:
        """The gateway's own link, and those to its neighbours, on which shards are lost."""
        families, port = self.family.id, self.setting.port
        if port:
            own: Channel = Link("127.0.0.1", port, name(i))
            heard = {
                topic: qos for other in others for topic, qos in subscriptions(other, families, to=name(i)).items()
            }
            links: list[Channel] = [Link("127.0.0.1", port, f"{name(i)}-hears", subscriptions=heard)]
        else:
            own = self._brokers[i].link()
            heard_of = partial(subscriptions, family=families, to=name(i))
            links = [self._brokers[j].link(*heard_of(name(j))) for j in self._hears[i]]
        lossy = [Lossy(link, self.setting.loss, f"{self.setting.seed} {i} {n}") for n, link in enumerate(links)]
        return own, [*lossy]

    async def _close(self) -> None:
        for task in [*self._running, *self._drains]:
            task.cancel()
        for ended in await asyncio.gather(*self._running, *self._drains, return_exceptions=True):
            if not isinstance(ended, asyncio.CancelledError):
                raise ended or AssertionError("an exchange ended by itself")
        for gateway in self.gateways:
            assert not gateway.supervisor.failures, gateway.supervisor.table()


@asynccontextmanager
async def neighbourhood(
    family: Family, at: Sequence[Sequence[MachineData]], setting: Setting, known: Sequence[Disk] = ()
) -> AsyncIterator[Neighbourhood]:
    """Gateways at work; at: the machines of each. known: what the first of them know from before; they stay open."""
    async with AsyncExitStack() as stack:
        fresh = [Disk(Store()) for _ in at[len(known) :]]
        for disk in fresh:
            stack.callback(disk.close)
        lying = {i for i, lie in setting.liars.items() if lie == "faults"}
        lines = [
            SimulatedLine(family, [faulty(each) for each in here] if i in lying else here) for i, here in enumerate(at)
        ]
        it = Neighbourhood(family, lines, setting, [*known, *fresh])
        await it.open(stack)
        yield it


async def joined(
    family: Family, at: Sequence[MachineData], newcomer: MachineData, rounds: int, seed: int
) -> SimulatedLine:
    """A gateway that joins after its neighbours `at` learnt for `rounds` rounds: it starts from their snapshots."""
    with ExitStack() as stack:
        disks = [Disk(Store()) for _ in at]
        for disk in disks:
            stack.callback(disk.close)
        async with neighbourhood(family, [[place] for place in at], Setting(seed=seed), disks) as before:
            async for _ in before.rounds(rounds):
                pass
        everybody = [[place] for place in (*at, newcomer)]
        async with neighbourhood(family, everybody, Setting(seed=seed), disks) as it:
            while len(it.gateways[-1].peers()) < len(at):
                await asyncio.sleep(0.001)
            await it.update(len(at))
            return it.lines[-1]


def is_in_step(it: Neighbourhood) -> bool:
    """Whether each copy is, bit for bit, what its owner takes it to be; of owners that are honest and alive."""
    honest = [i for i in it.alive if i not in it.setting.liars]
    alive = [it.gateways[i] for i in it.alive]
    copies = [(it.gateways[i], peer) for gateway in alive for i in honest if (peer := gateway.peers().get(name(i)))]
    return all((peer.weights == gateway.learning_state.public).all() for gateway, peer in copies)


def name(i: int) -> str:
    """The name of gateway `i`."""
    return f"gw{i}"


async def _drain(link: Channel) -> None:
    """A link is up while somebody listens to it."""
    async for _ in link.messages():
        pass
