"""Whom a gateway hears now, as `fanout.py` says, and the links that follow it from epoch to epoch."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator

from reedmesh.config.settings import Config
from reedmesh.exchange import fanout
from reedmesh.links.message import QUEUE, Message, Subscriber

LOOK_SECONDS = 30.0  # between two looks whether another epoch began


class HeardNow(Collection[str]):
    """Names of the neighbours that `name` hears in this epoch. fanout: 0 for all. clock: seconds since 1970."""

    def __init__(
        self, name: str, trusted: Collection[str], wanted: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._name, self._trusted, self._wanted, self._clock = name, tuple(trusted), wanted, clock
        self._number, self._found = -1, frozenset[str]()

    @property
    def number(self) -> int:
        """The epoch that it is now."""
        return fanout.epoch(self._clock())

    def names(self) -> frozenset[str]:
        """Return them."""
        if (number := self.number) != self._number:
            self._found = frozenset(fanout.heard(number, self._name, self._trusted, self._wanted))
            self._number = number
        return self._found

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self.names()))

    def __len__(self) -> int:
        return len(self.names())


def heard_now(config: Config) -> HeardNow:
    """Return whom the gateway of `config` hears; all where sums are private, for those take every gateway."""
    names = [each.name for each in config.neighbours]
    return HeardNow(config.name, names, 0 if config.exchange.private else config.exchange.fanout)


class EpochLink:
    """The link to the neighbour `whose`: open while it is heard, closed in the epochs in which it is not."""

    def __init__(self, link: Subscriber, whose: str, heard: HeardNow, look: float = LOOK_SECONDS) -> None:
        self._link, self._whose, self._heard, self._look = link, whose, heard, look

    @property
    def connected(self) -> bool:
        """As in Channel."""
        return self._link.connected

    async def publish(self, message: Message) -> bool:
        """As in Publisher."""
        return await self._link.publish(message)

    async def follow(self) -> None:
        """As in Subscriber."""
        await self._link.follow()

    async def messages(self) -> AsyncIterator[Message]:
        """As in Channel; none in an epoch in which the neighbour is not heard."""
        while True:
            while self._whose not in self._heard:
                await asyncio.sleep(self._look)
            async for message in self._while_heard():
                yield message

    async def _while_heard(self) -> AsyncIterator[Message]:
        inbox: asyncio.Queue[Message] = asyncio.Queue(QUEUE)
        listening = asyncio.create_task(_listen(self._link, inbox))
        try:
            while self._whose in self._heard and not listening.done():
                try:
                    async with asyncio.timeout(self._look):
                        message = await inbox.get()
                except TimeoutError:
                    continue
                yield message
            if listening.done():
                listening.result()
        finally:
            listening.cancel()
            await asyncio.wait([listening])


async def _listen(link: Subscriber, inbox: "asyncio.Queue[Message]") -> None:
    async for message in link.messages():
        await inbox.put(message)
