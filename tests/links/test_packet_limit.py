"""The broker of a neighbour belongs to the neighbour: what it announces is checked before it is read."""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import aiomqtt
import pytest

from reedmesh.backoff import Backoff
from reedmesh.links import mqtt_link
from reedmesh.links.mqtt_link import Link
from reedmesh.links.packet_limit import LARGEST, MOST_WAITING, Inbox
from tests.support.brokers import publish
from tests.support.timeouts import PATIENCE

Says = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def broker(says: Says) -> AsyncIterator[int]:
    """One that lets everybody in, then says what it likes; gives its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await packet(reader)
                writer.write(b"\x20\x02\x00\x00")
                body = await packet(reader)
                writer.write(b"\x90\x03" + body[:2] + b"\x01")
                await says(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def packet(reader: asyncio.StreamReader) -> bytes:
    await reader.readexactly(1)
    size = (await reader.readexactly(1))[0]
    if size > 127:
        size = size - 128 + 128 * (await reader.readexactly(1))[0]
    return await reader.readexactly(size)


async def hung_up(reader: asyncio.StreamReader) -> None:
    with suppress(ConnectionResetError):
        while await reader.read(65536):
            pass


pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # paho leaves sockets of what failed to it


def told(story: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await story()

    asyncio.run(bounded())
    gc.collect()


def test_a_packet_too_long_is_hung_up_on_before_any_of_it_is_allocated() -> None:
    left = asyncio.Event()

    async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x30\xff\xff\xff\x7f" + bytes(1000))
        await hung_up(reader)
        left.set()

    async def story() -> None:
        async with broker(says) as port:
            task = asyncio.create_task(anext(Link("127.0.0.1", port, "x", subscriptions={"t": 1}).messages()))
            await left.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    tracemalloc.start()
    told(story)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


def test_the_largest_message_a_broker_of_ours_lets_through_is_read() -> None:
    said = publish("t", bytes(131_072))
    assert len(said) < LARGEST

    async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await hung_up(reader)

    async def story() -> None:
        async with broker(says) as port:
            messages = Link("127.0.0.1", port, "x", subscriptions={"t": 1}).messages()
            assert (await anext(messages)).payload == bytes(131_072)
            await messages.aclose()  # type: ignore[attr-defined]

    told(story)


@pytest.mark.parametrize("topic", [b"\xff\xfe", b"a/#", b"a/+/b", b"", b"a/\x00/b", b"x" * 60000])
def test_a_topic_that_is_none_costs_at_most_the_connection(topic: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after it on the next connection is heard."""
    connections = 0
    monkeypatch.setattr(mqtt_link, "Backoff", lambda: Backoff(most=0.01))

    async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        if connections == 1:
            body = len(topic).to_bytes(2, "big") + topic + b"hi"
            size = (
                bytes([len(body)])
                if len(body) < 128
                else bytes([len(body) & 127 | 128, len(body) >> 7 & 127 | 128, len(body) >> 14])
            )
            writer.write(b"\x30" + size + body)
        writer.write(publish("t", b"good"))
        await hung_up(reader)

    async def story() -> None:
        async with broker(says) as port:
            messages = Link("127.0.0.1", port, "x", subscriptions={"t": 1}).messages()
            while (await anext(messages)).payload != b"good":
                pass
            await messages.aclose()  # type: ignore[attr-defined]

    told(story)


def test_a_broker_that_lets_us_in_and_hangs_up_is_tried_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    class Noting(Backoff):
        def failed(self, lasted: float = 0.0) -> float:
            waits.append(super().failed(lasted))
            return 0.0

    monkeypatch.setattr(mqtt_link, "Backoff", lambda: Noting(jitter=lambda: 1.0))

    async def says(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        return

    async def story() -> None:
        async with broker(says) as port:
            task = asyncio.create_task(anext(Link("127.0.0.1", port, "x", subscriptions={"t": 1}).messages()))
            while len(waits) < 6:
                await asyncio.sleep(0.001)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    told(story)
    assert waits[:6] == [0.25, 0.5, 1, 2, 4, 8]


def test_what_waits_to_be_read_is_bounded_in_bytes_and_room_is_given_back() -> None:
    inbox = Inbox(None, 10_000)
    large = aiomqtt.Message("t", bytes(LARGEST), 0, False, 0, None)
    with pytest.raises(asyncio.QueueFull):
        for _ in range(10_000):
            inbox.put_nowait(large)
    held = inbox.qsize()
    assert MOST_WAITING - 2 * LARGEST < held * LARGEST <= MOST_WAITING
    inbox.get_nowait()
    inbox.put_nowait(large)
    assert inbox.qsize() == held
