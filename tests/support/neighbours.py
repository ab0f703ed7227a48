"""Neighbourhoods for tests: gateways that exchange over brokers in memory, on links that lose, double and reorder."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from random import Random

from reedmesh.coding.collector import Collector, Limits, Payload
from reedmesh.coding.reassembly import Stream
from reedmesh.exchange.federation import OPEN, Federation
from reedmesh.exchange.lane import Pace
from reedmesh.exchange.listener import Listener, subscriptions
from reedmesh.exchange.sender import Sender
from reedmesh.identity.keyring import Keyring
from reedmesh.identity.keys import Key
from reedmesh.links.memory_link import MemoryBroker, MemoryLink
from reedmesh.links.message import Channel, Message, Subscriber
from tests.support.timeouts import PATIENCE

FAMILY = "vibration"
FAST = Pace(rate=1e9, merge=0.02, snapshot=0.05, again=0.01)
LIMITS = Limits(quiet=0.04, snapshot=0.1)
LOOK = 0.01


def key_of(name: str) -> Key:
    return Key(sha256(name.encode()).digest())


def keyring(*names: str, clock: Callable[[], float] = time.time) -> Keyring:
    return Keyring({name: key_of(name).public for name in names}, clock=clock)


class Troubled:
    """A link that loses, doubles, bends and reorders what comes at QoS 0; `seed` decides which."""

    def __init__(
        self, link: Subscriber, seed: int, loss: float = 0.0, double: float = 0.0, swap: float = 0.0, bend: float = 0.0
    ) -> None:
        self._link = link
        self._dice = Random(seed)
        self._chances = loss, double, swap, bend

    async def publish(self, message: Message) -> bool:
        return await self._link.publish(message)

    async def follow(self) -> None:
        await self._link.follow()

    async def messages(self) -> AsyncIterator[Message]:
        held: list[Message] = []
        async for message in self._link.messages():
            loss, double, swap, bend = (self._dice.random() < chance for chance in self._chances)
            if not message.topic.endswith("/shard"):
                yield message
                continue
            if loss:
                continue
            if bend:
                message = self._bent(message)
            if swap and not held:
                held.append(message)
                continue
            for each in [message] * (1 + double) + held:
                yield each
            held.clear()

    def _bent(self, message: Message) -> Message:
        payload = bytearray(message.payload)
        payload[self._dice.randrange(len(payload))] ^= 1 << self._dice.randrange(8)
        return Message(message.topic, bytes(payload), message.qos)


class Switch:
    """A link that can be put out of order: then nothing is sent, and nobody is told."""

    def __init__(self, link: Channel) -> None:
        self.link = link
        self.dead = False
        self.swallowed = 0  # QoS 0 messages it will still say True to, and lose, when dead

    async def publish(self, message: Message) -> bool:
        if not self.dead:
            return await self.link.publish(message)
        if message.qos or not self.swallowed:
            return False
        self.swallowed -= 1
        return True


class Gateway:
    """One gateway's exchange, with the payloads that reached it."""

    def __init__(
        self,
        name: str,
        own: Sequence[Channel],
        neighbours: Sequence[str],
        snapshot: Callable[[str], tuple[int, bytes] | None] = lambda family: None,
        applied: dict[Stream, int] | None = None,
        pace: Pace = FAST,
        key: Key | None = None,
        limits: Limits = LIMITS,
        federation: Federation = OPEN,
    ) -> None:
        self.name = name
        self.applied = {} if applied is None else applied
        self.got: list[Payload] = []
        self.news = asyncio.Event()
        self._snapshot = snapshot
        self._sending: set[asyncio.Task[None]] = set()
        self.collector = Collector(self.applied, limits, Random(name))
        self.sender = Sender(name, key or key_of(name), own, self._send_snapshot, pace, federation=federation)
        self.exchange = Listener(
            name,
            keyring(*neighbours, clock=federation.now),
            [FAMILY],
            self.collector,
            self.sender,
            own,
            self._deliver,
            look=LOOK,
            federation=federation,
        )

    def _send_snapshot(self, family: str) -> None:
        if found := self._snapshot(family):
            sequence, payload = found
            self._sending.add(asyncio.create_task(self.sender.publish(family, sequence, sequence, payload)))

    def _deliver(self, payload: Payload) -> None:
        self.got.append(payload)
        self.news.set()

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Wait for a delivery after which `wanted` holds."""
        while not wanted():
            self.news.clear()
            await self.news.wait()


def hearing(broker: MemoryBroker, *neighbours: str, federation: Federation = OPEN) -> MemoryLink:
    """A link that hears what the neighbours say on `broker`."""

    def topics() -> dict[str, int]:
        return {topic: 1 for name in neighbours for topic in subscriptions(name, FAMILY, federation)}

    return broker.link(topics=topics)


@asynccontextmanager
async def running(*gateways: tuple[Gateway, Sequence[Subscriber]]) -> AsyncIterator[None]:
    """Gateways at work, each with the links it listens to."""
    async with asyncio.timeout(PATIENCE):
        tasks = [asyncio.create_task(gateway.exchange.run(links)) for gateway, links in gateways]
        try:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            yield
        finally:
            for task in tasks:
                task.cancel()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                if not isinstance(ended, asyncio.CancelledError):
                    raise ended or AssertionError("an exchange ended by itself")
            for gateway, _ in gateways:
                assert not gateway.exchange.rejects.unforeseen
                assert not gateway.exchange._supervisor.failures


async def settle(condition: Callable[[], bool]) -> None:
    """Look until `condition` holds."""
    while not condition():
        await asyncio.sleep(0.005)
