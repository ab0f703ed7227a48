"""One channel out of the broker's link and the wires: to the rest of the gateway, a sensor on a wire is like any other.

What such a sensor says is judged as it comes from the wire, whether the broker is there or not, and repeated on MQTT
for whoever else listens. What is meant for it goes down its wire. A wire has no last will: who is silent is offline.

Whoever holds the end of a wire is nobody in particular: it may say what a sensor may say, as the sensors that are named
for that wire, or where none is, as names that nobody on MQTT has. It is no gateway, no operator and no other sensor.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Protocol

from reedmesh.links.message import QUEUE, Channel, Message
from reedmesh.links.rejects import Rejects
from reedmesh.protocol import shards, wire
from reedmesh.protocol.shards import Shard
from reedmesh.protocol.wire import WireError

log = logging.getLogger(__name__)

SAYS = ("hello", "availability", "window", "late", "model/status", "firmware/status")  # as `broker/acl.py` has it
MOST_SENSORS = 256  # on wires
SILENT = 75.0  # seconds: a sensor on a wire announces itself every 30


class Wire(Channel, Protocol):
    """A channel that carries shards in a profile of its own: `serial.SerialLink`."""

    async def publish_shard(self, shard: Shard, topic: str = "") -> bool:
        """Send a shard, to the sensor that the topic is of. False: the wire is not there."""
        ...


class Wired:
    """`link`, and the sensors of `gateway` on `wires`, as one Channel."""

    def __init__(
        self,
        gateway: str,
        link: Channel,
        wires: Sequence[Wire],
        clock: Callable[[], float] = time.monotonic,
        named: Sequence[Collection[str]] = (),
        says: Collection[str] = SAYS,
    ) -> None:
        self._gateway = gateway
        self._link = link
        self._wires = wires
        self._clock = clock
        self._named = list(named) or [()] * len(wires)
        self._says = says
        self._on_mqtt: dict[str, float] = {}  # when a sensor that is on no wire was last heard there
        self._told = Rejects()
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
            return await there.publish_shard(shards.unpack_shard(message.payload), message.topic)
        return await there.publish(message)

    async def messages(self) -> AsyncIterator[Message]:
        """Messages from the broker and from all wires, while the caller listens."""
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
            for each, names in zip(self._wires, self._named, strict=True):
                tasks.create_task(self._hear(each, names))

    async def _hear_broker(self) -> None:
        reserved = {name for names in self._named for name in names}
        async for message in self._link.messages():
            sensor, leaf = self._split(message.topic)
            if sensor in self._on or sensor in reserved:
                continue  # it is what we repeated ourselves, or somebody who goes by the name of one on a wire
            if leaf in (["window"], ["late"]) and not message.retain:
                self._on_mqtt[sensor] = self._clock()
            self._hand_on(message, self._inbox)

    async def _hear(self, there: Wire, names: Collection[str]) -> None:
        async for message in there.messages():
            try:
                sensor = self._sender(message.topic, there, names)
            except WireError as fault:
                self._told.add(message.topic, fault)
                continue
            self._note(sensor, there)
            self._pass(message)

    def _sender(self, topic: str, there: Wire, names: Collection[str]) -> str:
        """The sensor that says it on the wire `there`, if it may: as on a broker. Raises WireError."""
        gateway, sensor, *leaf = wire.split_topic(topic)
        if gateway != self._gateway or "/".join(leaf) not in self._says:
            raise WireError(f"{topic}: no sensor of {self._gateway} may say that")
        if names and sensor not in names:
            raise WireError(f"{sensor} is not named for this wire: see sensors of [[serial]]")
        if self._on.get(sensor, there) is not there:
            raise WireError(f"{sensor} is on another wire")
        if not names and self._clock() - self._on_mqtt.get(sensor, -SILENT) < SILENT:
            raise WireError(f"{sensor} is on MQTT: name it in sensors of [[serial]] if it moved to this wire")
        if sensor not in self._on and len(self._on) >= MOST_SENSORS:
            raise WireError(f"{MOST_SENSORS} sensors are on wires already")
        return sensor

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
