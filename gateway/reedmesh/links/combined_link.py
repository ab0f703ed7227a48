"""One channel out of the broker's link and the wires: to the rest of the gateway, a sensor on a wire is like any other.

What such a sensor says is judged as it comes from the wire, whether the broker is there or not, and repeated on MQTT
for whoever else listens. What is meant for it goes down its wire. A wire has no last will: who is silent is offline.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from reedmesh.links.message import QUEUE, Channel, Message
from reedmesh.protocol import shards, wire
from reedmesh.protocol.shards import Shard
from reedmesh.protocol.wire import WireError

log = logging.getLogger(__name__)

SILENT = 75.0  # seconds: a sensor on a wire announces itself every 30


class Wire(Channel, Protocol):
    """A channel that carries shards in a profile of its own: `serial.SerialLink`."""

    async def publish_shard(self, shard: Shard) -> bool:
        """Send a shard. False: the wire is not there."""
        ...


class Wired:
    """`link`, and the sensors of `gateway` on `wires`, as one Channel."""

    def __init__(
        self, gateway: str, link: Channel, wires: Sequence[Wire], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._gateway = gateway
        self._link = link
        self._wires = wires
        self._clock = clock
        self._on: dict[str, Wire] = {}  # the wire each sensor was last heard on
        self._heard: dict[str, float] = {}
        self._inbox: asyncio.Queue[Message | None] = asyncio.Queue()
        self._to_repeat: asyncio.Queue[Message] = asyncio.Queue()

    @property
    def connected(self) -> bool:
        """As the broker's link is."""
        return self._link.connected

    async def publish(self, message: Message) -> bool:
        """To the sensor on its wire, if it is for one there; else to the broker."""
        sensor, leaf = self._split(message.topic)
        there = self._on.get(sensor)
        if there is None or leaf[:1] not in (["model"], ["firmware"], ["late"]):
            return await self._link.publish(message)
        if leaf[1:] == ["shard"]:
            return await there.publish_shard(shards.unpack_shard(message.payload))
        return await there.publish(message)

    async def messages(self) -> AsyncIterator[Message]:
        """What comes from anywhere, for as long as the caller listens."""
        listening = asyncio.create_task(self._listen())
        listening.add_done_callback(lambda _: self._inbox.put_nowait(None))
        try:
            while message := await self._inbox.get():
                yield message
        finally:
            listening.cancel()  # and wait, for the link says farewell meanwhile
            with contextlib.suppress(asyncio.CancelledError):
                await listening

    async def _listen(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hear_broker())
            tasks.create_task(self._repeat())
            tasks.create_task(self._miss())
            for each in self._wires:
                tasks.create_task(self._hear(each))

    async def _hear_broker(self) -> None:
        async for message in self._link.messages():
            if self._split(message.topic)[0] not in self._on:  # else it is what we repeated ourselves
                self._hand_on(message, self._inbox)

    async def _hear(self, there: Wire) -> None:
        async for message in there.messages():
            try:
                gateway, sensor, *leaf = wire.split_topic(message.topic)
                if gateway != self._gateway or not leaf:
                    raise WireError(f"{message.topic}: no topic of a sensor of {self._gateway}")
            except WireError as fault:
                log.info("serial: %s", fault)
                continue
            self._note(sensor, there)
            self._pass(message)

    def _note(self, sensor: str, there: Wire) -> None:
        """It is heard; after a silence, before it says so itself."""
        self._heard[sensor] = self._clock()
        if self._on.get(sensor) is not there:
            self._on[sensor] = there
            self._pass(self._availability(sensor, "online"))

    async def _miss(self) -> None:
        """Say of those who are silent that they are offline; from then on they may come by MQTT."""
        while True:
            await asyncio.sleep(SILENT / 10)
            for sensor in [each for each in self._on if self._clock() - self._heard[each] > SILENT]:
                del self._on[sensor], self._heard[sensor]
                self._pass(self._availability(sensor, "offline"))

    async def _repeat(self) -> None:
        """On MQTT: states are announced again on the wire, windows are not worth a wait, so none is tried twice."""
        while True:
            await self._link.publish(await self._to_repeat.get())

    def _pass(self, message: Message) -> None:
        self._hand_on(message, self._inbox)
        self._hand_on(message, self._to_repeat)

    def _hand_on(self, message: Message, queue: "asyncio.Queue[Message | None] | asyncio.Queue[Message]") -> None:
        if queue.qsize() < QUEUE:
            queue.put_nowait(message)

    def _availability(self, sensor: str, state: str) -> Message:
        topic = wire.topic(self._gateway, sensor, "availability")
        return Message(topic, json.dumps({"state": state}).encode(), qos=1, retain=True)

    def _split(self, topic: str) -> tuple[str, list[str]]:
        """Sensor and leaf of a topic under this gateway; ("", []) for what is no sensor's."""
        parts = topic.split("/")
        return (parts[2], parts[3:]) if parts[1:2] == [self._gateway] and len(parts) > 3 else ("", [])
