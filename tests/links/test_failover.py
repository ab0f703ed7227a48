"""A link to several nodes: it goes to the next one, as a new client, and repeats what no node acknowledged."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from reedmesh.config.hosts import Address
from reedmesh.links import mqtt_link
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from tests.support.brokers import CONNECT, PUBLISH, SUBSCRIBE, free_port
from tests.support.timeouts import PATIENCE


class Node:
    """A broker of few words: it lets everybody in, and acknowledges what `acknowledges` says."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.heard: list[str] = []  # topics
        self.filters: list[bytes] = []
        self.acknowledges: Callable[[str], bool] = lambda _: True
        self.port = 0
        self._writers: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["Node"]:
        server = await asyncio.start_server(self._meet, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.drop()

    def drop(self) -> None:
        """Break all connections."""
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    writer.write(self._answer(*await _packet(reader)))
                    await writer.drain()
        finally:
            writer.close()

    def _answer(self, first: int, body: bytes) -> bytes:
        if first >> 4 == CONNECT:
            size = int.from_bytes(body[10:12])
            self.ids.append(body[12 : 12 + size].decode())
            return b"\x20\x02\x00\x00"
        if first >> 4 == SUBSCRIBE:
            self.filters.append(body[2:])
            return b"\x90\x03" + body[:2] + b"\x00"
        if first >> 4 == PUBLISH:
            size = int.from_bytes(body[:2])
            topic = body[2 : 2 + size].decode()
            self.heard.append(topic)
            return b"\x40\x02" + body[2 + size : 4 + size] if self.acknowledges(topic) else b""
        return b""


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first, size, shift = (await reader.readexactly(1))[0], 0, 0
    while True:
        byte = (await reader.readexactly(1))[0]
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return first, await reader.readexactly(size)


@asynccontextmanager
async def listening(link: Link) -> AsyncIterator[Link]:
    async def listen() -> None:
        async for _ in link.messages():
            pass

    task = asyncio.create_task(listen())
    try:
        async with asyncio.timeout(PATIENCE):
            yield link
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.001)


def test_a_link_goes_to_the_next_node_as_a_new_client() -> None:
    async def story() -> None:
        async with Node().serve() as a, Node().serve() as b:
            nodes = {a.port: a, b.port: b}
            link = Link("127.0.0.1", a.port, "press", others=[Address("127.0.0.1", b.port)], subscriptions={"t": 0})
            first = nodes[link._rotation.places[0].port]
            second = b if first is a else a
            async with listening(link):
                await until(lambda: bool(first.filters) and link.connected)
                first.drop()
                await until(lambda: bool(second.filters) and link.connected)
                assert len({*first.ids, *second.ids}) == 2, "each connection is a client of its own"
                assert first.filters == second.filters == [b"\0\1t\0"]
                second.drop()
                await until(lambda: len(first.filters) == 2)
            assert len({*first.ids, *second.ids}) == 3

    asyncio.run(story())


def test_a_node_that_is_off_is_passed_over_at_once() -> None:
    async def story() -> None:
        async with Node().serve() as there:
            off = [Address("127.0.0.1", free_port()) for _ in range(2)]
            link = Link("127.0.0.1", there.port, "press", others=off)
            async with listening(link):
                await until(lambda: link.connected)
            assert link.attempts <= 3

    asyncio.run(story())


def test_what_a_node_does_not_acknowledge_is_repeated_and_the_connection_stays() -> None:
    """As of a cluster without a majority: what it cannot keep it does not acknowledge, all else goes on."""

    async def story() -> None:
        async with Node().serve() as node:
            node.acknowledges = lambda topic: topic != "kept"
            said = iter(range(100))

            def greeting() -> list[Message]:
                return [Message("kept", b"%d" % next(said), 1, True), Message("other", b"", 1, True)]

            link = Link("127.0.0.1", node.port, "press", greeting=greeting)
            link._options["timeout"] = 0.05
            async with listening(link):
                await until(lambda: node.heard.count("kept") == 3)
                assert await link.publish(Message("window", b""))
                node.acknowledges = lambda _: True
                await until(lambda: node.heard.count("kept") == 4)
                assert link.reconnects == 0 and node.heard.count("other") == 1

    before, mqtt_link.GREET_AGAIN = mqtt_link.GREET_AGAIN, 0.001
    try:
        asyncio.run(story())
    finally:
        mqtt_link.GREET_AGAIN = before
