"""A neighbour's link that archive and exchange share: open for the archive also while no updates are heard on it."""

import asyncio
from collections.abc import AsyncIterator, Callable

from reedmesh.archive import frames
from reedmesh.links.message import Message, Subscriber

LOOK_SECONDS = 30.0  # between two looks whether another epoch of the exchange began


class ArchiveLink:
    """Hands what is the archive's to `take`, and the rest on.

    is_heard: whether updates of this neighbour are heard now; the topics of `link` have to follow from the same.
    """

    def __init__(
        self,
        link: Subscriber,
        take: Callable[[Message], None],
        is_heard: Callable[[], bool],
        look: float = LOOK_SECONDS,
    ) -> None:
        self._link, self._take, self._is_heard, self._look = link, take, is_heard, look

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
        """As in Channel."""
        following = asyncio.create_task(self._follow_epochs())
        try:
            async for message in self._link.messages():
                if frames.is_ours(message.topic):
                    self._take(message)
                else:
                    yield message
        finally:
            following.cancel()
            await asyncio.wait([following])

    async def _follow_epochs(self) -> None:
        before = self._is_heard()
        while True:
            await asyncio.sleep(self._look)
            if (now := self._is_heard()) != before:
                before = now
                await self._link.follow()
