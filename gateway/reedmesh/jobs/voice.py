"""Speaks and hears in the pool for one gateway: frames out by its broker, frames in by whom they are of."""

import asyncio
import logging
import time
from collections.abc import Callable

from reedmesh.errors import WireError
from reedmesh.exchange.federation import JOBS, Federation, Heard
from reedmesh.exchange.lane import say
from reedmesh.identity.keyring import Keyring
from reedmesh.identity.keys import Key
from reedmesh.jobs import frames
from reedmesh.jobs.frames import Frame, Words
from reedmesh.links.message import Publisher

log = logging.getLogger(__name__)

LATE = 3600.0  # seconds by which clocks may differ; what is older is not heard
QUEUE = 500  # frames that wait for the broker; the oldest give way


class Voice:
    """Of the gateway `name`. clock: s since 1970."""

    def __init__(
        self, name: str, key: Key, keyring: Keyring, federation: Federation, clock: Callable[[], float] = time.time
    ) -> None:
        self.name = name
        self._key, self._keyring, self._federation, self._clock = key, keyring, federation, clock
        self._out: asyncio.Queue[tuple[Frame, bytes]] = asyncio.Queue(QUEUE)

    def now(self) -> float:
        """S since 1970."""
        return self._clock()

    def say(self, words: Words, to: str = "", data: bytes = b"") -> None:
        """Have a frame published soon: to one neighbour, or to all."""
        frame = Frame(words, self._clock(), to, data)
        if self._out.full():
            self._out.get_nowait()
        self._out.put_nowait((frame, frames.pack(frame, self.name, self._federation.name, self._key)))

    def hear(self, heard: Heard) -> Frame | None:
        """What a neighbour says to us or to all; raises WireError for what nobody should believe."""
        frame = frames.unpack(heard.payload, heard.gateway, self._federation.name, self._keyring.of(heard.gateway))
        if abs(age := self._clock() - frame.at) > LATE:
            raise WireError(f"job: said {age:.0f} s ago: replayed, or a clock is wrong here or there")
        return frame if frame.to in ("", self.name) else None

    async def run(self, own: Publisher) -> None:
        """Publish until cancelled; what a broker does not take is said once more a little later, then dropped."""
        while True:
            frame, packed = await self._out.get()
            leaf = "request/job" if frame.to else "job"
            message = self._federation.message(self.name, JOBS, leaf, packed, to=frame.to)
            if not await say(own, message):
                await asyncio.sleep(1.0)
                await say(own, message)
