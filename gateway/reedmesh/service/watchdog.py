"""The health monitor: feeds systemd's watchdog only while link, judging and outbox all make progress.

A restart helps when something hangs. It does not help when a broker is away or a disk is full, so each of these counts
as progress while it is tried again. To check the data path, the gateway sends a message to itself: `beat`.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from reedmesh.backoff import MOST as LONGEST_WAIT
from reedmesh.links.message import Channel, Message
from reedmesh.service.prometheus import Histogram
from reedmesh.service.systemd import ServiceNotifier

log = logging.getLogger(__name__)

PATIENCE = 30.0  # seconds without progress that are too many, where no watchdog says otherwise
LONGEST_BEAT = 10.0  # seconds between two beats
READY_SECONDS = 20.0  # until the gateway counts as started without its broker


@dataclass
class Part:
    """A part that must make progress. count: grows with it; None while there is nothing to do."""

    count: Callable[[], int | None]
    patience: float  # seconds
    _seen: int | None = None
    _since: float = field(default_factory=time.monotonic)

    def late(self, now: float) -> float:
        """Seconds by which its patience is over; 0 while all is well."""
        if (count := self.count()) is None or count != self._seen:
            self._seen, self._since = count, now
        return max(0.0, now - self._since - self.patience)


class Linked(Protocol):
    """Counters of the link to the broker."""

    attempts: int
    reconnects: int


class Watchdog:
    """The watchdog of one gateway, between its channel and its data path.

    topic: of the heartbeat that it sends to itself. link: to the broker. outbox: counts the passes of the outbox.
    """

    def __init__(
        self,
        channel: Channel,
        topic: str,
        link: Linked,
        outbox: Callable[[], int],
        notifier: ServiceNotifier,
    ) -> None:
        self.judged = 0  # messages that went through the data path
        self.stuck: list[str] = []  # parts that make no progress
        self.ready = False
        self._channel = channel
        self._topic = topic
        self._link = link
        self._took = Histogram()
        self._offline = 0.0  # seconds
        self._looked = time.monotonic()
        self._notifier = notifier
        patience = notifier.watchdog or PATIENCE
        self._every = min(LONGEST_BEAT, patience / 4)
        self._parts = self._watched(outbox, patience)
        self._began = time.monotonic()
        self._since = time.time()
        self._said = ""

    def _watched(self, outbox: Callable[[], int], patience: float) -> dict[str, Part]:
        """The parts that must make progress within `patience` seconds."""
        return {
            "link": Part(lambda: None if self._channel.connected else self._link.attempts, patience + 2 * LONGEST_WAIT),
            "judging": Part(lambda: self.judged if self._channel.connected else None, patience),
            "outbox": Part(outbox, patience),
        }

    @property
    def connected(self) -> bool:
        """As the channel's."""
        return self._channel.connected

    async def messages(self) -> AsyncIterator[Message]:
        """The channel's, for the data path. That it asks for the next one shows that it is done with the last."""
        async for message in self._channel.messages():
            if message.topic != self._topic:
                began = time.perf_counter()
                yield message
                self._took.add(time.perf_counter() - began)
            self.judged += 1

    async def publish(self, message: Message) -> bool:
        """As the channel's."""
        return await self._channel.publish(message)

    async def run(self) -> None:
        """Beat, until cancelled."""
        while True:
            await self._channel.publish(Message(self._topic, b""))
            self.look(time.monotonic())
            await asyncio.sleep(self._every if self.ready else min(self._every, 0.2))

    def table(self) -> dict[str, Any]:
        """The state of the link and of judging, for the status."""
        link = {
            "connected": self.connected,
            "reconnects": max(0, self._link.reconnects),
            "offline": round(self._offline, 1),
        }
        done = {"began": self._since, "judged": self.judged, "judging_seconds": self._took.table()}
        return {"link": link, "stuck": self.stuck, **done}

    def look(self, now: float) -> None:
        """Check whether every part makes progress, and log changes."""
        self._offline += 0.0 if self.connected else now - self._looked
        self._looked = now
        stuck = [name for name, part in self._parts.items() if part.late(now)]
        if stuck != self.stuck:
            self.stuck = stuck
            log.error("stuck: %s", ", ".join(stuck)) if stuck else log.warning("everything makes progress again")
        if self.ready and not stuck:
            self._notifier.alive()
        if not self.ready and (self.connected or now - self._began > READY_SECONDS):
            self.ready = True
            self._notifier.ready()
        self._tell(f"stuck: {', '.join(stuck)}" if stuck else self._words())

    def _words(self) -> str:
        if self.connected:
            return "judging"
        return "the broker cannot be reached; it is tried again and again" if self.ready else "starting"

    def _tell(self, status: str) -> None:
        if status != self._said:
            self._notifier.status(status)
            self._said = status
