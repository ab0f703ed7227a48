"""What the hearing of a message leads to and takes its time: done one after the other, beside the hearing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from reedmesh.errors import ReedmeshError

log = logging.getLogger(__name__)

QUEUE = 1000  # that wait; the oldest give way


class Later:
    """Work that waits."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue(QUEUE)

    def put(self, work: Callable[[], Awaitable[None]]) -> None:
        """Have it done soon."""
        if self._waiting.full():
            self._waiting.get_nowait()
        self._waiting.put_nowait(work)

    async def run(self) -> None:
        """Do it until cancelled."""
        while True:
            work = await self._waiting.get()
            try:
                await work()
            except ReedmeshError as error:
                log.error("%s", error)
