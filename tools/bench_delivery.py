"""How payloads arrive where messages are lost: ours against the same bytes as plain QoS 1 messages, over mosquitto.

    slow      a receiver that takes 2 ms a message, behind a broker that queues 1000 messages for it (its default)
    loss30    a link on which every message is lost with a probability of 30 %
    killed    two brokers, one of which is killed when half is sent
    sensors   one broadcast to 20 MicroPython sensors, each of which loses 5 %

Receivers are processes of their own, on loopback. "air" is what went to the brokers, with topics, over the payload.

    python tools/bench_delivery.py [slow loss30 killed sensors]
"""

import argparse
import asyncio
import json
import logging
import multiprocessing
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from reedmesh.broker import Link, Message  # noqa: E402
from reedmesh.collect import Collector, Payload  # noqa: E402
from reedmesh.exchange import Exchange, subscriptions  # noqa: E402
from reedmesh.keys import Key, Keyring  # noqa: E402
from reedmesh.send import Counts, Pace, Sender  # noqa: E402
from reedmesh.shards import Shape  # noqa: E402
from tools import plant, results  # noqa: E402

FOLDER = ROOT / "build" / "delivery"
FAMILY = "vibration"
KEYS = {name: Key(sha256(name.encode()).digest()) for name in ("hall1", "hall2")}
CHUNK = 4096  # bytes of a plain message and of a shard
LARGE, SMALL = 3000 * CHUNK, 600 * CHUNK
QUIET = 3.0  # seconds without a message after which a plain transfer is over
LIMIT = 90.0  # seconds for one transfer
SENSORS, MODEL = 20, Shape(32, 1024, 32768)
SCRIPT = ROOT / "tests" / "firmware" / "broadcast_receive.py"
Ports = tuple[int, ...]
Trouble = tuple[float, float]  # probability that a message is lost, seconds that the receiver takes for each


@dataclass
class Outcome:
    """One transfer: missing is the part of the payload that never came."""

    what: str
    seconds: float
    missing: float
    air: float
    per_k: float

    def show(self) -> "Outcome":
        """Print a row of the table."""
        state = "complete" if not self.missing else f"{self.missing:.1%} LOST"
        print(f"{self.what:<34} {state:>12} {self.seconds:>7.2f} {self.air:>6.2f} {self.per_k:>9.2f}", flush=True)
        return self


# Receivers, each in a process of its own


class Troubled:
    """A link to a broker that loses shards, and takes its time for each: it reads no faster from its socket."""

    def __init__(self, link: Link, trouble: Trouble) -> None:
        self._link = link
        self._loss, self._seconds = trouble
        self._dice = random.Random(1)

    async def messages(self) -> AsyncIterator[Message]:
        """What is left."""
        async for message in self._link.messages():
            time.sleep(self._seconds)
            if message.qos or self._dice.random() >= self._loss:
                yield message

    async def publish(self, message: Message) -> bool:
        """Never in trouble."""
        return await self._link.publish(message)


def receive_coded(ports: Ports, trouble: Trouble, done: Connection) -> None:
    """hall2: hears hall1 on all brokers, asks on the last; tells when the payload is there, and its SHA-256."""
    asyncio.run(_receive_coded(ports, trouble, done))


async def _receive_coded(ports: Ports, trouble: Trouble, done: Connection) -> None:
    def deliver(payload: Payload) -> None:
        done.send((time.monotonic(), sha256(payload.data).digest()))

    own = Link("127.0.0.1", ports[-1], "hall2")
    links = [Link("127.0.0.1", port, "ear", subscriptions=subscriptions("hall1", FAMILY)) for port in ports]
    hearing = [Troubled(link, trouble) for link in links]
    sender = Sender("hall2", KEYS["hall2"], [own], lambda _: None)
    exchange = Exchange("hall2", _keyring("hall1"), [FAMILY], Collector({}), sender, [own], deliver)
    asyncio.get_running_loop().create_task(_tell_ready(done, [own, *links]))
    await exchange.run([own, *hearing])


def receive_plain(ports: Ports, trouble: Trouble, done: Connection) -> None:
    """Takes plain messages until none has come for a while; tells when the last came, and how many different ones."""
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


# Senders


async def coded(
    what: str, ports: Ports, size: int, trouble: Trouble, pace: Pace, half_way: Callable[[], None]
) -> Outcome:
    """Publish `size` bytes as a bundle; `half_way` is called when half of the data shards are out."""
    payload, shape = random.Random(2).randbytes(size), Shape(150, CHUNK, size)
    with receiver(receive_coded, ports, trouble) as done:
        async with speaking(ports, pace, ["hall2"]) as sender:
            await told(done)
            began = time.monotonic()
            await sender.publish(FAMILY, 1, 1, payload, shape)
            await _when(lambda: sender.counts.shards * 2 >= shape.k * shape.blocks)
            half_way()
            at, digest = await told(done)
            assert digest == sha256(payload).digest(), "a wrong payload was delivered"
            return _outcome(what, at - began, sender.counts, shape).show()


async def plain(
    what: str, ports: Ports, size: int, trouble: Trouble, pace: Pace, half_way: Callable[[], None]
) -> Outcome:
    """Publish `size` bytes at QoS 1, in turn on all brokers, and wait for every acknowledgement."""
    total = size // CHUNK
    with receiver(receive_plain, ports, trouble) as done:
        async with connected([Link("127.0.0.1", port, "plain") for port in ports]) as links:
            await told(done)
            began, acknowledged = time.monotonic(), 0
            for first in range(0, total, 50):  # so many in flight
                if first >= total / 2:
                    half_way()
                wait = first * CHUNK / pace.rate - (time.monotonic() - began)
                await asyncio.sleep(max(0.0, wait))
                batch = [
                    links[i % len(links)].publish(Message("plain", i.to_bytes(4, "big") + bytes(CHUNK - 4), 1))
                    for i in range(first, min(first + 50, total))
                ]
                acknowledged += sum(await asyncio.gather(*batch))
            at, came = await told(done)
    sent = acknowledged / total
    what = f"{what}, {sent:.0%} acknowledged"
    return Outcome(what, at - began, 1 - came / total, sent * (CHUNK + 5) / CHUNK, sent).show()


async def broadcast() -> Outcome:
    """One model to all sensors; their requests come back over the same broker."""
    names = [f"s{i}" for i in range(SENSORS)]
    payload = random.Random(3).randbytes(MODEL.length)
    with mosquitto() as port, ExitStack() as stack:
        sensors = [stack.enter_context(sensor(port, name, seed)) for seed, name in enumerate(names)]
        for each in sensors:
            assert await _line(each) == "ready\n", "a sensor did not start"
        async with speaking((port,), Pace(rate=200_000, burst=4096), names) as sender:
            began = time.monotonic()
            await sender.publish(FAMILY, 1, 1, payload, MODEL)
            said = [json.loads(await _line(each)) for each in sensors]
            seconds = time.monotonic() - began
            assert all(each["right"] for each in said)
            await asyncio.sleep(1.0)  # what is still on its way counts
            outcome = _outcome(f"{SENSORS} sensors", seconds, sender.counts, MODEL).show()
    asked = sum(each["asked"] > 0 for each in said)
    repair = MODEL.k * (1 - 0.95**SENSORS)
    print(
        f"{'':<34} {asked} asked for more; message by message {repair:.0f} of {MODEL.k} would be sent again, and lost again"
    )
    return outcome


def _outcome(what: str, seconds: float, counts: Counts, shape: Shape) -> Outcome:
    return Outcome(what, seconds, 0.0, counts.size / shape.length, counts.shards / (shape.k * shape.blocks))


# What they stand on


@asynccontextmanager
async def speaking(ports: Ports, pace: Pace, receivers: list[str]) -> AsyncIterator[Sender]:
    """hall1 at work on all brokers, hearing its receivers on the last."""
    own = [Link("127.0.0.1", port, "hall1") for port in ports]
    topics = {topic: qos for name in receivers for topic, qos in subscriptions(name, FAMILY).items()}
    ear = Link("127.0.0.1", ports[-1], "hall1-ear", subscriptions=topics)
    sender = Sender("hall1", KEYS["hall1"], own, lambda _: None, pace)
    exchange = Exchange("hall1", _keyring(*receivers), [FAMILY], Collector({}), sender, own, lambda _: None)
    task = asyncio.create_task(exchange.run([*own, ear]))
    try:
        await _when(lambda: all(link.connected for link in [*own, ear]))
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
        await _when(lambda: all(link.connected for link in links))
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
    """What the receiver says next."""
    await _when(pipe.poll)
    return pipe.recv()


@contextmanager
def mosquitto() -> Iterator[int]:
    """A mosquitto with its defaults, and its port; it may be killed before its time."""
    with broker() as (_, port):
        yield port


@contextmanager
def broker() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The process of a mosquitto, and its port."""
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if not program:
        raise SystemExit("no mosquitto found: apt install mosquitto")
    port = plant.free_ports(1)[0]
    FOLDER.mkdir(parents=True, exist_ok=True)
    config = FOLDER / f"{port}.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n")
    process = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)
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
        raise SystemExit(plant.NO_MICROPYTHON)
    path = f"{ROOT / 'firmware'}:{ROOT / 'gateway' / 'reedmesh'}:.frozen"
    command = [program, "-X", "heapsize=160k", str(SCRIPT), str(port), name, "0.05", str(seed)]
    with subprocess.Popen(
        command, env=os.environ | {"MICROPYPATH": path}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


async def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), LIMIT)


async def _when(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT):
        while not condition():
            await asyncio.sleep(0.005)


def _keyring(*names: str) -> Keyring:
    return Keyring({name: Key(sha256(name.encode()).digest()).public for name in names})


def _nothing() -> None:
    pass


# The table


async def slow() -> None:
    """A slow receiver: plain messages are lost behind the acknowledgement, ours are paced or asked for again."""
    trouble, fast = (0.0, 0.002), Pace(rate=1e9)
    with mosquitto() as port:
        baseline = await plain("slow, plain QoS 1", (port,), LARGE, trouble, fast, _nothing)
        await coded("slow, coded, not paced", (port,), LARGE, trouble, fast, _nothing)
        ours = await coded("slow, coded, paced at 1.5 MB/s", (port,), LARGE, trouble, Pace(rate=1.5e6), _nothing)
    results.save("delivery_slow_s", ours.seconds, "s", {"plain QoS 1, part lost": baseline.missing})


async def loss30() -> None:
    """Random loss."""
    trouble, pace = (0.3, 0.0), Pace()
    with mosquitto() as port:
        baseline = await plain("30 % loss, plain QoS 1", (port,), SMALL, trouble, pace, _nothing)
        ours = await coded("30 % loss, coded", (port,), SMALL, trouble, pace, _nothing)
    results.save("delivery_loss30_overhead", ours.air, "bytes/byte", {"plain QoS 1, part lost": baseline.missing})


async def killed() -> None:
    """One of two brokers is killed half-way."""
    found = []
    for what, transfer in (("plain QoS 1", plain), ("coded", coded)):
        with broker() as (process, first), broker() as (_, second):
            name = f"broker killed, {what}"
            found.append(await transfer(name, (first, second), SMALL, (0.0, 0.0), Pace(rate=5e5), process.kill))
    results.save("delivery_broker_killed_s", found[1].seconds, "s", {"plain QoS 1, part lost": found[0].missing})


async def sensors() -> None:
    """One stream for all."""
    outcome = await broadcast()
    results.save("delivery_sensors_shards_per_k", outcome.per_k, "shards/k", {"goal": 1.25})


async def main() -> None:
    """Print the table and keep the figures."""
    parts = {"slow": slow, "loss30": loss30, "killed": killed, "sensors": sensors}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[[], *parts], default=list(parts))
    chosen = parser.parse_args().parts
    logging.disable()  # a link says that its broker was killed; that is no news here
    print(f"payloads over mosquitto on loopback, {results.machine()}")
    print(f"{'':<34} {'':>12} {'s':>7} {'air':>6} {'sent / k':>9}")
    for part in chosen:
        await parts[part]()


if __name__ == "__main__":
    asyncio.run(main())
