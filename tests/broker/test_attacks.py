"""Attacks on the brokers that gateways have, one row each: docs/security.md has the same table."""

import asyncio
import contextlib
import gc
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from reedmesh.links.memory_link import MemoryBroker
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from tests.broker.test_acl import BROKERS, Site, until
from tests.support.timeouts import PATIENCE

DRIBBLERS = 60
CONNECT = b"\x10\x80\x08\x00\x04MQTT\x04\x02\xff\xff"  # of 1024 bytes, the rest of which takes its time


@asynccontextmanager
async def dribblers(port: int, first: bytes, over: ssl.SSLContext | None = None) -> AsyncIterator[None]:
    """Sixty clients that have begun with `first`, and never finish what they say."""
    begun: list[asyncio.Event] = [asyncio.Event() for _ in range(DRIBBLERS)]
    tasks = [asyncio.create_task(dribble(port, first, each, over)) for each in begun]
    try:
        await asyncio.gather(*(each.wait() for each in begun))
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def dribble(port: int, first: bytes, begun: asyncio.Event, over: ssl.SSLContext | None) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=over)
    with contextlib.suppress(OSError):
        writer.write(first)
        begun.set()
        while True:
            writer.write(b"\0")
            await writer.drain()
            await asyncio.sleep(0.5)
    writer.close()


async def served(site: Site) -> None:
    """An honest client comes in by TLS, is answered, and hears the gateway; so does the gateway, without."""
    async with asyncio.timeout(PATIENCE):
        link = site.link("gateway.hall2", subscriptions={"reedmesh/hall1/status": 1})
        own = Link("127.0.0.1", site.port, "own", login=("gateway.hall1", site.users.password("gateway.hall1") or ""))
        tasks = [asyncio.create_task(anext(each.messages())) for each in (link, own)]
        await until(lambda: link.connected and own.connected)
        assert await own.publish(Message("reedmesh/hall1/status", b"{}", 1))
        assert (await tasks[0]).payload == b"{}"
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def slow_connect(site: Site) -> None:
    """Sixty clients begin a CONNECT and never end it."""
    async with dribblers(site.tls_port, CONNECT, ours(site)):
        await served(site)


async def slow_handshake(site: Site) -> None:
    """Sixty clients begin a TLS handshake and never end it."""
    async with dribblers(site.tls_port, b"\x16\x03\x01\x02\x00\x01"):
        await served(site)


async def malformed_tls(site: Site) -> None:
    """Noise, a bad record, a plain CONNECT, and TLS 1.1, on the port for TLS."""
    noise = np.random.default_rng(1).bytes(3000)
    for said in (
        noise,
        b"\x16\x03\x03\xff\xff" + noise,
        b"\x15\x03\x03\x00\x02\x02\x28",
        CONNECT,
        b"\x80\x2e\x01\x00\x02",
    ):
        with contextlib.suppress(TimeoutError):  # who waits for the rest of a record is a dribbler
            await asyncio.wait_for(hung_up(site.tls_port, said), 1)
    old = ours(site)
    with pytest.warns(DeprecationWarning):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(OSError):  # ssl.SSLError is one
        await asyncio.open_connection("127.0.0.1", site.tls_port, ssl=old)
    await served(site)


async def malformed_mqtt(site: Site) -> None:
    """On the plain port: noise, an endless length, a packet of 256 MiB, PUBLISH before CONNECT, a bad protocol name."""
    noise = np.random.default_rng(2).bytes(3000)
    large = b"\x10\xff\xff\xff\x7f"
    for said in (
        noise,
        b"\x10" + b"\xff" * 200,
        large + bytes(100_000),
        b"\x30\x05\x00\x01aXY",
        b"\x10\x06\x00\x04HTTP",
    ):
        with contextlib.suppress(TimeoutError):  # who waits for the rest of a packet is a dribbler
            await asyncio.wait_for(hung_up(site.port, said), 1)
    await served(site)


async def oversized(site: Site) -> None:
    """A stolen sensor logs in, and announces a message of 256 MB: it is hung up on before it can say it."""
    user = "sensor.press"
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(login(user, site.users.password(user) or ""))
    assert await reader.readexactly(4) == b"\x20\x02\x00\x00"
    writer.write(b"\x30\xff\xff\xff\x7f\x00\x19reedmesh/hall1/press/late")
    with contextlib.suppress(ConnectionResetError):
        assert not await reader.read()
    writer.close()
    await served(site)


def login(user: str, password: str) -> bytes:
    """A CONNECT, MQTT 3.1.1, 3.1."""
    said = b"".join(len(each).to_bytes(2, "big") + each.encode() for each in ("x", user, password))
    body = b"\x00\x04MQTT\x04\xc2\x00\x0f" + said
    return b"\x10" + bytes([len(body) & 127 | 128, len(body) >> 7] if len(body) > 127 else [len(body)]) + body


def ours(site: Site) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(site.ca))


async def hung_up(port: int, said: bytes) -> None:
    """Say it, and read until the other side ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(said)
        await writer.drain()
        while await reader.read(65536):
            pass
    except OSError:
        pass
    finally:
        writer.close()


BROKER_ATTACKS: dict[str, tuple[Callable[[Site], Awaitable[None]], str]] = {
    "slow-loris: CONNECT without end": (slow_connect, "others are served meanwhile"),
    "slow-loris: handshake without end": (slow_handshake, "others are served meanwhile"),
    "malformed TLS, TLS 1.1": (malformed_tls, "hung up; others are served"),
    "oversized: 256 MB announced by a sensor that may log in": (oversized, "hung up at once; others are served"),
    "malformed MQTT": (malformed_mqtt, "hung up; others are served"),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("kind", BROKERS)
@pytest.mark.parametrize("name", BROKER_ATTACKS)
def test_attack_on_a_broker(tmp_path: Path, name: str, kind: str) -> None:
    site = Site(tmp_path, kind)

    async def story() -> None:
        async with asyncio.timeout(PATIENCE), site.broker():
            await BROKER_ATTACKS[name][0](site)

    asyncio.run(story())
    gc.collect()  # paho leaves sockets of connections that failed to it


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_broker_that_dribbles_or_talks_nonsense_holds_up_nobody_else() -> None:
    """Our own link, at a broker that never answers in full, and at ones that do not speak MQTT."""
    memory = MemoryBroker()

    async def story(port: int, answered: threading.Event) -> None:
        link = Link("127.0.0.1", port, "x")
        task = asyncio.create_task(anext(link.messages()))
        await until(answered.is_set)
        assert not link.connected and not task.done()
        assert not await link.publish(Message("x", b"y", 1))
        assert await memory.link().publish(Message("x", b"y", 1))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    for answer in (b"", b"\x20", b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(100)):
        answered = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as server:

            def play(
                server: socket.socket = server, answer: bytes = answer, answered: threading.Event = answered
            ) -> None:
                with contextlib.suppress(OSError):
                    there, _ = server.accept()
                    there.recv(4096)
                    there.sendall(answer)
                    answered.set()
                    while there.recv(4096):
                        pass
                    there.close()

            thread = threading.Thread(target=play, daemon=True)
            thread.start()
            asyncio.run(story(server.getsockname()[1], answered))
            gc.collect()
