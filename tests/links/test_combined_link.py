"""Sensors on a wire beside those on MQTT: heard once, repeated for others, spoken to where they are."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from reedmesh.coding.bundle import Bundle
from reedmesh.links import combined_link
from reedmesh.links.combined_link import Wired
from reedmesh.links.memory_link import MemoryBroker
from reedmesh.links.message import Message
from reedmesh.protocol import shards, wire
from reedmesh.protocol.shards import Shape, Shard
from tests.support.timeouts import PATIENCE

WINDOW = Message("reedmesh/gw/press/window", b"frame")


class FakeWire:
    """A wire whose sensor is the test."""

    def __init__(self) -> None:
        self.from_sensor: asyncio.Queue[Message] = asyncio.Queue()
        self.to_sensor: list[Message | Shard] = []

    async def messages(self) -> AsyncIterator[Message]:
        while True:
            yield await self.from_sensor.get()

    async def publish(self, message: Message) -> bool:
        self.to_sensor.append(message)
        return True

    async def publish_shard(self, shard: Shard, topic: str = "") -> bool:
        self.to_sensor.append(shard)
        return True


class World:
    """A gateway's channel with one wire, and an observer at the broker."""

    def __init__(self) -> None:
        self.broker = MemoryBroker()
        self.wire = FakeWire()
        self.now = 0.0
        link = self.broker.link("reedmesh/gw/+/window", "reedmesh/gw/+/hello", "reedmesh/gw/+/availability")
        self.channel = Wired("gw", link, [self.wire], lambda: self.now)
        self.messages = self.channel.messages()
        self.seen = self.broker.link("reedmesh/#").messages()

    async def until_heard(self, message: Message) -> None:
        """Say it on MQTT until the gateway hears."""
        waiting = asyncio.create_task(self.next(self.messages))
        while not waiting.done():
            await self.broker.link().publish(message)
            await asyncio.sleep(0)
        assert await waiting == message

    async def next(self, messages: AsyncIterator[Message]) -> Message:
        async with asyncio.timeout(PATIENCE):
            return await anext(messages)


def play(story: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        world = World()
        await story(world)
        await world.messages.aclose()  # type: ignore[attr-defined]

    asyncio.run(run())


def refused_on_the_wire(*topics: str, named: tuple[str, ...] = (), before: tuple[Message, ...] = ()) -> None:
    """None of them is passed on, to us or to the broker; a true sensor on that wire still is."""

    async def story(world: World) -> None:
        world.channel._named = [named]
        seen: list[Message] = []
        listening = asyncio.create_task(world.next(world.seen))
        for message in before:
            await world.until_heard(message)
        for topic in topics:
            world.wire.from_sensor.put_nowait(Message(topic, b"evil", 1))
        world.wire.from_sensor.put_nowait(WINDOW)
        while (message := await world.next(world.messages)) != WINDOW:
            if message not in before:
                seen.append(message)
        assert all(each.topic == "reedmesh/gw/press/availability" for each in seen)
        assert await listening not in [Message(topic, b"evil", 1) for topic in topics]
        assert world.channel._told.total == len(topics)

    play(story)


def test_whoever_holds_a_wire_is_no_operator_no_gateway_and_no_neighbour() -> None:
    refused_on_the_wire(
        "reedmesh/gw/request/ack", "reedmesh/gw/request/relearn", "reedmesh/gw/update/f/manifest", "reedmesh/gw/alert",
        "reedmesh/gw/press/state", "reedmesh/gw/press/model/manifest", "reedmesh/gw/x/y", "reedmesh/hall2/press/window",
        "homeassistant/device/press/config",
    )  # fmt: skip


def test_a_wire_speaks_as_the_sensors_that_are_named_for_it_alone() -> None:
    refused_on_the_wire("reedmesh/gw/fan/window", "reedmesh/gw/fan/hello", named=("press",))


def test_a_name_on_mqtt_does_not_move_to_a_wire_and_one_of_a_wire_is_not_heard_on_mqtt() -> None:
    on_mqtt = Message("reedmesh/gw/fan/window", b"true")
    refused_on_the_wire("reedmesh/gw/fan/window", "reedmesh/gw/fan/availability", before=(on_mqtt,))

    async def story(world: World) -> None:
        world.channel._named = [("press",)]
        await world.until_heard(on_mqtt)
        for message in (Message("reedmesh/gw/press/window", b"forged"), Message("reedmesh/gw/fan/window", b"last")):
            await world.broker.link().publish(message)
        while (message := await world.next(world.messages)).payload != b"last":
            assert message == on_mqtt

    play(story)


def says(message: Message) -> str:
    return str(json.loads(message.payload)["state"])


def test_a_wired_sensor_is_heard_once_and_repeated_for_others() -> None:
    async def story(world: World) -> None:
        observer = asyncio.create_task(world.next(world.seen))
        world.wire.from_sensor.put_nowait(WINDOW)
        assert says(await world.next(world.messages)) == "online", "before it says so itself"
        assert await world.next(world.messages) == WINDOW
        assert says(await observer) == "online"
        assert await world.next(world.seen) == WINDOW
        other = Message("reedmesh/gw/fan/window", b"over the network")
        await world.broker.link().publish(other)
        assert await world.next(world.messages) == other, "and not the echo of what was repeated"

    play(story)


def test_what_is_for_a_wired_sensor_goes_down_its_wire() -> None:
    payload = bytes(range(256)) * 4
    bundle = Bundle(payload, "vibration", "gw", 1, 1, Shape(8, 128, len(payload)))

    async def story(world: World) -> None:
        world.wire.from_sensor.put_nowait(WINDOW)
        await world.next(world.messages)
        await world.next(world.messages)
        (frame,) = bundle.wave({0: 1})
        manifest = Message("reedmesh/gw/press/model/manifest", b"m", 1)
        assert await world.channel.publish(manifest)
        assert await world.channel.publish(Message("reedmesh/gw/press/model/shard", frame))
        sent, shard = world.wire.to_sensor
        assert sent == manifest
        assert isinstance(shard, Shard) and shard.data == shards.unpack_shard(frame).data
        for topic in ("reedmesh/gw/press/state", "reedmesh/gw/fan/model/manifest", "reedmesh/gw/status"):
            await world.channel.publish(Message(topic, b"{}"))
        receipt = Message("reedmesh/gw/press/late/taken", b"r", 1)
        assert await world.channel.publish(receipt) and world.wire.to_sensor.pop() == receipt
        assert len(world.wire.to_sensor) == 2, "states and other sensors' models are the broker's"

    play(story)


def test_silence_is_offline_and_frees_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(combined_link, "SILENT", 0.01)

    async def story(world: World) -> None:
        world.wire.from_sensor.put_nowait(WINDOW)
        await world.next(world.messages)
        await world.next(world.messages)
        world.now = 1.0
        gone = await world.next(world.messages)
        assert (gone.topic, says(gone), gone.retain) == ("reedmesh/gw/press/availability", "offline", True)
        await world.broker.link().publish(WINDOW)
        assert await world.next(world.messages) == WINDOW, "it may come over the network now"

    play(story)


@pytest.mark.parametrize("topic", ["reedmesh/other/press/window", "reedmesh/gw/status", "elsewhere", "reedmesh/gw/A/x"])
def test_what_is_no_sensors_topic_of_this_gateway_is_dropped(topic: str) -> None:
    async def story(world: World) -> None:
        world.wire.from_sensor.put_nowait(Message(topic, b"{}", 1, True))
        world.wire.from_sensor.put_nowait(WINDOW)
        await world.next(world.messages)
        assert await world.next(world.messages) == WINDOW

    play(story)


def test_a_fault_of_the_link_is_not_swallowed() -> None:
    class Broken(FakeWire):
        async def messages(self) -> AsyncIterator[Message]:
            raise wire.WireError("broken")
            yield WINDOW

    async def run() -> None:
        channel = Wired("gw", MemoryBroker().link(), [Broken()])
        with pytest.raises(ExceptionGroup):
            async for _ in channel.messages():
                pass

    asyncio.run(run())
