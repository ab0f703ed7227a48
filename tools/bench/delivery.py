"""How payloads arrive where messages are lost: ours against the same bytes as plain QoS 1 messages, over mosquitto.

    slow      a receiver that takes 2 ms a message, behind a broker that queues 1000 messages for it (its default)
    loss30    a link on which every message is lost with a probability of 30 %
    killed    two brokers, one of which is killed when half is sent
    sensors   one broadcast to 20 MicroPython sensors, each of which loses 5 %

Receivers are processes of their own, on loopback. "air" is what went to the brokers, with topics, over the payload.

    python -m tools.bench.delivery [slow loss30 killed sensors]
"""

import argparse
import asyncio
import json
import logging
import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256

from reedmesh.exchange.lane import Pace
from reedmesh.exchange.sender import Counts
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from reedmesh.protocol.shards import Shape
from tools.bench import report
from tools.bench.support import lossy_links
from tools.bench.support.lossy_links import FAMILY, Ports, Trouble, broker, told, when

CHUNK = 4096  # bytes of a plain message and of a shard
LARGE, SMALL = 3000 * CHUNK, 600 * CHUNK
IN_FLIGHT = 50  # plain messages not yet acknowledged
SENSORS, MODEL = 20, Shape(32, 1024, 32768)


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


async def coded(
    what: str, ports: Ports, size: int, trouble: Trouble, pace: Pace, half_way: Callable[[], None]
) -> Outcome:
    """Publish `size` bytes as a bundle; `half_way` is called when half of the data shards are out."""
    payload, shape = random.Random(2).randbytes(size), Shape(150, CHUNK, size)
    with lossy_links.receiver(lossy_links.receive_coded, ports, trouble) as done:
        async with lossy_links.speaking(ports, pace, ["hall2"]) as sender:
            await told(done)
            began = time.monotonic()
            await sender.publish(FAMILY, 1, 1, payload, shape)
            await when(lambda: sender.counts.shards * 2 >= shape.k * shape.blocks)
            half_way()
            at, digest = await told(done)
            assert digest == sha256(payload).digest(), "a wrong payload was delivered"
            return _outcome(what, at - began, sender.counts, shape).show()


async def plain(
    what: str, ports: Ports, size: int, trouble: Trouble, pace: Pace, half_way: Callable[[], None]
) -> Outcome:
    """Publish `size` bytes at QoS 1, in turn on all brokers, and wait for every acknowledgement."""
    total = size // CHUNK
    with lossy_links.receiver(lossy_links.receive_plain, ports, trouble) as done:
        async with lossy_links.connected([Link("127.0.0.1", port, "plain") for port in ports]) as links:
            await told(done)
            began, acknowledged = time.monotonic(), 0
            for first in range(0, total, IN_FLIGHT):
                if first >= total / 2:
                    half_way()
                wait = first * CHUNK / pace.rate - (time.monotonic() - began)
                await asyncio.sleep(max(0.0, wait))
                batch = [
                    links[i % len(links)].publish(Message("plain", i.to_bytes(4, "big") + bytes(CHUNK - 4), 1))
                    for i in range(first, min(first + IN_FLIGHT, total))
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
    with broker() as (_, port), ExitStack() as stack:
        sensors = [stack.enter_context(lossy_links.sensor(port, name, seed)) for seed, name in enumerate(names)]
        for each in sensors:
            assert await lossy_links.line(each) == "ready\n", "a sensor did not start"
        async with lossy_links.speaking((port,), Pace(rate=200_000, burst=4096), names) as sender:
            began = time.monotonic()
            await sender.publish(FAMILY, 1, 1, payload, MODEL)
            said = [json.loads(await lossy_links.line(each)) for each in sensors]
            seconds = time.monotonic() - began
            assert all(each["right"] for each in said)
            await asyncio.sleep(1.0)  # what is still on its way counts
            outcome = _outcome(f"{SENSORS} sensors", seconds, sender.counts, MODEL).show()
    asked = sum(each["asked"] > 0 for each in said)
    repair = MODEL.k * (1 - 0.95**SENSORS)
    print(
        f"  {asked} asked for more; without coding, {repair:.0f} of {MODEL.k} would have to be sent again to somebody"
    )
    return outcome


def _outcome(what: str, seconds: float, counts: Counts, shape: Shape) -> Outcome:
    return Outcome(what, seconds, 0.0, counts.size / shape.length, counts.shards / (shape.k * shape.blocks))


def _nothing() -> None:
    pass


async def slow() -> None:
    """A slow receiver: plain messages are lost behind the acknowledgement, ours are paced or asked for again."""
    trouble, fast = (0.0, 0.002), Pace(rate=1e9)
    with broker() as (_, port):
        baseline = await plain("slow, plain QoS 1", (port,), LARGE, trouble, fast, _nothing)
        await coded("slow, coded, not paced", (port,), LARGE, trouble, fast, _nothing)
        ours = await coded("slow, coded, paced at 1.5 MB/s", (port,), LARGE, trouble, Pace(rate=1.5e6), _nothing)
    report.save("delivery_slow_s", ours.seconds, "s", {"plain QoS 1, part lost": baseline.missing})


async def loss30() -> None:
    """Random loss."""
    trouble, pace = (0.3, 0.0), Pace()
    with broker() as (_, port):
        baseline = await plain("30 % loss, plain QoS 1", (port,), SMALL, trouble, pace, _nothing)
        ours = await coded("30 % loss, coded", (port,), SMALL, trouble, pace, _nothing)
    report.save("delivery_loss30_overhead", ours.air, "bytes/byte", {"plain QoS 1, part lost": baseline.missing})


async def killed() -> None:
    """One of two brokers is killed half-way."""
    found = []
    for what, transfer in (("plain QoS 1", plain), ("coded", coded)):
        with broker() as (process, first), broker() as (_, second):
            name = f"broker killed, {what}"
            found.append(await transfer(name, (first, second), SMALL, (0.0, 0.0), Pace(rate=5e5), process.kill))
    report.save("delivery_broker_killed_s", found[1].seconds, "s", {"plain QoS 1, part lost": found[0].missing})


async def sensors() -> None:
    """One stream for all."""
    outcome = await broadcast()
    report.save("delivery_sensors_shards_per_k", outcome.per_k, "shards/k", {"goal": 1.25})


async def main() -> None:
    """Print the table and keep the figures."""
    parts = {"slow": slow, "loss30": loss30, "killed": killed, "sensors": sensors}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(parts)}; all when none is named")
    chosen = parser.parse_args().parts or list(parts)
    if unknown := set(chosen) - set(parts):
        parser.error(f"no part is called {', '.join(unknown)}")
    logging.disable()
    print(f"payloads over mosquitto on loopback, {report.machine()}")
    print(f"{'':<34} {'':>12} {'s':>7} {'air':>6} {'sent / k':>9}")
    for part in chosen:
        await parts[part]()


if __name__ == "__main__":
    asyncio.run(main())
