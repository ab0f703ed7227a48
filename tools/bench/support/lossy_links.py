"""Parts of transfers over lossy links: brokers, a gateway that sends, receivers in processes of their own."""

import asyncio
import logging
import multiprocessing
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from hashlib import sha256
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from reedmesh.coding.collector import Collector, Payload
from reedmesh.exchange.lane import Pace
from reedmesh.exchange.listener import Listener, subscriptions
from reedmesh.exchange.sender import Sender
from reedmesh.identity.keyring import Keyring
from reedmesh.identity.keys import Key
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from tools.checkout import ROOT
from tools.simulate import factory, mosquitto
from tools.simulate.free_ports import free_ports

FOLDER = ROOT / "build" / "delivery"
FAMILY = "vibration"
QUIET = 3.0  # seconds without a message after which a plain transfer is over
LIMIT = 90.0  # seconds for one transfer
SCRIPT = ROOT / "tests" / "firmware" / "scripts" / "broadcast_receive.py"
Ports = tuple[int, ...]
Trouble = tuple[float, float]  # probability that a message is lost, seconds that the receiver takes for each


class Troubled:
    """A link to a broker that loses shards, and takes its time for each: it reads no faster from its socket."""

    def __init__(self, link: Link, trouble: Trouble) -> None:
        self._link = link
        self._loss, self._seconds = trouble
        self._dice = random.Random(1)

    async def messages(self) -> AsyncIterator[Message]:
        """The messages that are not lost."""
        async for message in self._link.messages():
            time.sleep(self._seconds)
            if message.qos or self._dice.random() >= self._loss:
                yield message

    async def publish(self, message: Message) -> bool:
        """Never in trouble."""
        return await self._link.publish(message)


def receive_coded(ports: Ports, trouble: Trouble, done: Connection) -> None:
    """hall2: hears hall1 on all brokers, asks on the last; tells when the payload is there, and its SHA-256."""
    logging.disable()  # a link says that its broker was killed; that is no news here
    asyncio.run(_receive_coded(ports, trouble, done))


async def _receive_coded(ports: Ports, trouble: Trouble, done: Connection) -> None:
    def deliver(payload: Payload) -> None:
        done.send((time.monotonic(), sha256(payload.data).digest()))

    own = Link("127.0.0.1", ports[-1], "hall2")
    links = [Link("127.0.0.1", port, "ear", subscriptions=subscriptions("hall1", FAMILY)) for port in ports]
    hearing = [Troubled(link, trouble) for link in links]
    sender = Sender("hall2", _key("hall2"), [own], lambda _: None)
    exchange = Listener("hall2", _keyring("hall1"), [FAMILY], Collector({}), sender, [own], deliver)
    asyncio.get_running_loop().create_task(_tell_ready(done, [own, *links]))
    await exchange.run([own, *hearing])


def receive_plain(ports: Ports, trouble: Trouble, done: Connection) -> None:
    """Takes plain messages until none has come for a while; tells when the last came, and how many different ones."""
    logging.disable()
    asyncio.run(_receive_plain(ports, trouble, done))


async def _receive_plain(ports: Ports, trouble: Trouble, done: Connection) -> None:
    seen: set[bytes] = set()
    last = [time.monotonic()]

    async def listen(link: Link) -> None:
        dice = random.Random(1)
        async for message in link.messages():
            time.sleep(trouble[1])
            last[0] = time.monotonic()
            if dice.random() >= trouble[0]:
                seen.add(message.payload[:4])

    links = [Link("127.0.0.1", port, "ear", subscriptions={"plain": 1}) for port in ports]
    tasks = [asyncio.create_task(listen(link)) for link in links]
    await _tell_ready(done, links)
    while not seen or time.monotonic() < last[0] + QUIET:
        await asyncio.sleep(0.1)
    done.send((last[0], len(seen)))
    await asyncio.gather(*tasks)


async def _tell_ready(done: Connection, links: list[Link]) -> None:
    while not all(link.connected for link in links):
        await asyncio.sleep(0.02)
    done.send("ready")


@asynccontextmanager
async def speaking(ports: Ports, pace: Pace, receivers: list[str]) -> AsyncIterator[Sender]:
    """hall1 at work on all brokers, hearing its receivers on the last."""
    own = [Link("127.0.0.1", port, "hall1") for port in ports]
    topics = {topic: qos for name in receivers for topic, qos in subscriptions(name, FAMILY).items()}
    ear = Link("127.0.0.1", ports[-1], "hall1-ear", subscriptions=topics)
    sender = Sender("hall1", _key("hall1"), own, lambda _: None, pace)
    exchange = Listener("hall1", _keyring(*receivers), [FAMILY], Collector({}), sender, own, lambda _: None)
    task = asyncio.create_task(exchange.run([*own, ear]))
    try:
        await when(lambda: all(link.connected for link in [*own, ear]))
        yield sender
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def connected(links: list[Link]) -> AsyncIterator[list[Link]]:
    """Links that are up."""

    async def keep(link: Link) -> None:
        async for _ in link.messages():
            pass

    tasks = [asyncio.create_task(keep(link)) for link in links]
    try:
        await when(lambda: all(link.connected for link in links))
        yield links
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def receiver(target: Callable[..., None], ports: Ports, trouble: Trouble) -> Iterator[Connection]:
    """A receiver's process, and the pipe on which it tells."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=target, args=(ports, trouble, there), daemon=True)
    process.start()
    try:
        yield here
    finally:
        process.kill()
        process.join()


async def told(pipe: Connection) -> Any:
    """The next message of the receiver."""
    await when(pipe.poll)
    return pipe.recv()


@contextmanager
def broker() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The process of a mosquitto, and its port."""
    program = mosquitto.program()
    if not program:
        raise SystemExit("no mosquitto found: apt install mosquitto")
    port = free_ports(1)[0]
    FOLDER.mkdir(parents=True, exist_ok=True)
    config = FOLDER / f"{port}.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n")
    process = subprocess.Popen([str(program), "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        while True:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            time.sleep(0.02)
        yield process, port
    finally:
        process.kill()
        process.wait()


@contextmanager
def sensor(port: int, name: str, seed: int) -> Iterator[subprocess.Popen[str]]:
    """A MicroPython sensor that waits for the broadcast and loses 5 % of it."""
    beside = Path(sys.executable).with_name("micropython")
    program = os.environ.get("MICROPYTHON") or (str(beside) if beside.exists() else shutil.which("micropython"))
    if not program:
        raise SystemExit(factory.NO_MICROPYTHON)
    path = f"{ROOT / 'firmware'}:{ROOT / 'gateway' / 'reedmesh'}:.frozen"
    command = [program, "-X", "heapsize=160k", str(SCRIPT), str(port), name, "0.05", str(seed)]
    with subprocess.Popen(
        command, env=os.environ | {"MICROPYPATH": path}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


async def line(process: subprocess.Popen[str]) -> str:
    """The next line that a sensor prints."""
    assert process.stdout
    return await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), LIMIT)


async def when(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds; raises TimeoutError."""
    async with asyncio.timeout(LIMIT):
        while not condition():
            await asyncio.sleep(0.005)


def _key(name: str) -> Key:
    return Key(sha256(name.encode()).digest())


def _keyring(*names: str) -> Keyring:
    return Keyring({name: _key(name).public for name in names})
