"""Archives of several gateways for tests and benches, on a network in memory with a clock that the caller sets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from pathlib import Path
from random import Random

from reedmesh.archive import frames
from reedmesh.archive.node import Archive
from reedmesh.identity.keys import Key
from reedmesh.links.message import Message
from tests.support.timeouts import PATIENCE

FEDERATION = "reedmesh"
START = 1_790_000_000.0  # s since 1970
MEGABYTE = 1_000_000


def key_of(name: str) -> Key:
    return Key(sha256(name.encode()).digest())


class Clock:
    """Seconds that the test sets."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Network:
    """Gateways that hear each other, but for those in `dead`. bend: changes what a gateway says, by its name."""

    def __init__(self, folder: Path, names: list[str], capacity: int = 10 * MEGABYTE) -> None:
        self.clock = Clock()
        self.dead: set[str] = set()
        self.bend: dict[str, Callable[[Message], Message]] = {}
        self.nodes = {name: self.make(folder, name, names, capacity) for name in names}

    def make(self, folder: Path, name: str, names: list[str], capacity: int) -> Archive:
        others = [each for each in names if each != name]
        trusted = lambda who: [key_of(who).public] if who in names else []  # noqa: E731
        about = folder / name, capacity, FEDERATION, self.clock, self.clock
        return Archive(name, key_of(name), others, trusted, trusted, *about, dice=Random(name))

    async def say(self, name: str, message: Message) -> bool:
        if name in self.dead or {*message.topic.split("/")} & self.dead:
            return False  # as if the time for an answer were over
        message = self.bend.get(name, lambda it: it)(message)
        for other, node in self.nodes.items():
            if other not in {*self.dead, name} and message.topic in frames.subscriptions(name, other):
                node.take(message)
        return True

    async def step(self, seconds: float = 0.0) -> None:
        """Let so much time pass, and have every gateway that lives do what is due."""
        self.clock.now += seconds
        for name, node in list(self.nodes.items()):
            if name not in self.dead:
                await node.keeper.step()

    async def settle(self, steps: int = 3, seconds: float = 2.0) -> None:
        for _ in range(steps):
            await self.step(seconds)

    async def audit(self, times: int = 1) -> None:
        for _ in range(times):
            self.clock.now += 3600
            for name, node in self.nodes.items():
                if name not in self.dead:
                    await node.keeper.audit()


@asynccontextmanager
async def network(folder: Path, count: int, capacity: int = 10 * MEGABYTE) -> AsyncIterator[Network]:
    """Gateways g0, g1 ... that know each other's offers."""
    it = Network(folder, [f"g{i}" for i in range(count)], capacity)
    async with AsyncExitStack() as stack:
        for name, node in it.nodes.items():
            await begin(it, name, node, stack)
        await it.settle()
        yield it


async def begin(it: Network, name: str, node: Archive, stack: AsyncExitStack) -> None:
    """Have a gateway answer until the stack is left."""
    node.site.peers.say = lambda message: it.say(name, message)
    node.site.peers.patience = PATIENCE
    await node.site.disk(node.site.shelf.load)
    task = asyncio.create_task(node.answering.run())
    stack.callback(node.site.close)
    stack.callback(task.cancel)
