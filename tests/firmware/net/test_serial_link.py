"""A real MicroPython sensor on a noisy serial line: everything that must arrive does, and nothing arrives changed."""

import asyncio
import hmac
import os
import pty
import random
import tty
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from reedmesh.backoff import Backoff
from reedmesh.coding import encode_block
from reedmesh.links import serial_link
from reedmesh.links.message import Message
from reedmesh.links.serial_link import SerialLink, Tags
from reedmesh.protocol import shards, wire
from reedmesh.protocol.shards import Manifest, Shape, Shard
from tests.support import micropython
from tests.support.paths import SCRIPTS
from tests.support.timeouts import PATIENCE
from tools.simulate.noisy_serial import line

pytest.importorskip("serial", reason="no pyserial: pip install pyserial")

SENSOR = SCRIPTS / "serial_sensor.py"
BASE = "reedmesh/gw1/press3/"
KEY = b"key of press3"
FLIPS, DROPS = 5e-4, 5e-4  # a frame of 200 bytes has 0.8 wrong bits on average, and one in ten loses a byte


class Gateway:
    """What a gateway hears on the line."""

    def __init__(self, link: SerialLink) -> None:
        self.link = link
        self.heard: dict[str, list[Message]] = {}
        self._news = asyncio.Condition()

    async def listen(self) -> None:
        async for message in self.link.messages():
            self.heard.setdefault(message.topic.removeprefix(BASE), []).append(message)
            async with self._news:
                self._news.notify_all()

    async def hears(self, leaf: str, count: int = 1) -> list[Message]:
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: len(self.heard.get(leaf, ())) >= count)
        return self.heard[leaf]

    async def say(self, leaf: str, payload: bytes) -> bool:
        return await self.link.publish(Message(BASE + leaf, payload, 1))


@asynccontextmanager
async def listening(link: SerialLink) -> AsyncIterator[Gateway]:
    gateway = Gateway(link)
    task = asyncio.create_task(gateway.listen())
    try:
        yield gateway
    finally:
        task.cancel()


def with_sensor(flips: float, drops: float, story: Callable[[Gateway], Awaitable[None]]) -> None:
    """Run `story` with a sensor at the other end of a line of this quality."""

    async def play(port: str) -> None:
        async with listening(SerialLink(port, tags=Tags({"press3": KEY}.get, needed=True))) as gateway:
            await gateway.hears("hello")
            await story(gateway)
            await gateway.say("tell", b"end")

    with line(flips, drops) as (ours, theirs), micropython.start(SENSOR, theirs) as sensor:
        try:
            asyncio.run(play(ours))
            out, err = sensor.communicate(timeout=PATIENCE)
            assert sensor.returncode == 0 and not err and "Traceback" not in out, out + err
        finally:
            sensor.kill()


def test_messages_arrive_whole_on_a_noisy_line() -> None:
    chance = random.Random(2)
    told = [chance.randbytes(chance.randrange(1, 900)) for _ in range(12)]

    async def story(gateway: Gateway) -> None:
        for payload in told:
            assert await gateway.say("tell", payload)
        await gateway.hears("window", 40)
        while {message.payload for message in gateway.heard.get("told", [])} != set(told):
            await gateway.hears("told", len(gateway.heard.get("told", [])) + 1)
        hello = gateway.heard["hello"][0]
        assert hello.retain and hello.qos == 1 and len(hello.payload) > 400
        for message in gateway.heard["window"]:
            window = wire.unpack_window(message.payload)
            assert (window.features, window.boot, message.qos) == (bytes(range(69)), 7, 0)
        assert gateway.link.mended > 0
        assert gateway.link.lost > 0

    with_sensor(FLIPS, DROPS, story)


def test_a_model_arrives_in_shards_on_a_noisy_line() -> None:
    shape = Shape(80, 200, 15_900)
    model = random.Random(3).randbytes(shape.length)
    manifest = Manifest(shape, sha256(model).digest(), "vibration", "gw1", 4, 4)
    manifest.seal_kind = shards.HMAC
    sealed = shards.pack_manifest(manifest, hmac.digest(KEY, manifest.body(), "sha256"))

    async def story(gateway: Gateway) -> None:
        assert await gateway.say("model/manifest", sealed)
        coded = encode_block(model, shape, 0, range(255))
        for index, data in enumerate(coded):
            assert await gateway.link.publish_shard(Shard(manifest.bundle, shape, 0, index, data))
        status = await gateway.hears("model/status")
        assert status[0].payload == manifest.sha256

    with_sensor(FLIPS, DROPS, story)


def test_a_clean_line_loses_nothing() -> None:
    async def story(gateway: Gateway) -> None:
        await gateway.hears("window", 30)
        numbers = [wire.unpack_window(message.payload).number for message in gateway.heard["window"]]
        assert numbers == list(range(1, len(numbers) + 1))
        assert (gateway.link.mended, gateway.link.lost, gateway.link.refused) == (0, 0, 0)

    with_sensor(0, 0, story)


def test_a_message_that_nobody_reports_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_link, "PATIENCE", 0.0)
    monkeypatch.setattr(serial_link, "TRIES", 3)
    ours, device = pty.openpty()
    tty.setraw(device)

    async def play() -> None:
        async with listening(SerialLink(os.ttyname(device), 10_000_000)) as gateway:
            while not gateway.link.connected:
                await asyncio.sleep(0)
            assert not await gateway.say("tell", b"anybody?")
            assert await gateway.link.publish(Message(BASE + "tell", b"nobody")), "at QoS 0 it was sent"

    try:
        asyncio.run(play())
        said = b""
        while said.count(b"\0") < 8:  # a terminal may hand it out in pieces
            said += os.read(ours, 4096)
        assert said.count(b"\0\0") == 3, "four frames, three of them asking"
    finally:
        os.close(ours)
        os.close(device)


def test_without_a_port_nothing_is_sent_and_the_port_is_awaited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It opens when the adapter is plugged in."""
    monkeypatch.setattr(serial_link, "Backoff", lambda: Backoff(first=0.01, most=0.01))
    port = tmp_path / "ttyUSB0"

    async def play() -> None:
        async with listening(SerialLink(str(port))) as gateway:
            assert not await gateway.say("tell", b"hello?")
            with line(0, 0) as (ours, _):
                port.symlink_to(ours)
                async with asyncio.timeout(PATIENCE):
                    while not gateway.link.connected:
                        await asyncio.sleep(0)

    asyncio.run(play())
