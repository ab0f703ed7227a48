"""One client floods the broker: what windows of others are lost meanwhile, how late their alerts come, what it costs.

    python -m tools.bench.flood [--seconds 20] [--rate 10000]

The gateway of bench_latency, 50 sensors with four windows a second each, a fault among every four; and beside them a
process that publishes as fast: junk under the name of a sensor, that sensor's own windows, hellos of it, or hellos and
windows under names that nobody knows. On mosquitto, and on the embedded broker, which reads such a client slowly.
"""

import argparse
import asyncio
import itertools
import logging
import multiprocessing
import os
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from reedmesh.protocol import wire
from tools.bench import report
from tools.bench.latency import GATEWAY, gateway
from tools.bench.load import Use
from tools.simulate import mosquitto

SENSORS = 50
WINDOWS = 4  # a second of each
FLOODER = f"s{SENSORS}"  # a sensor too, which nobody waits for
PIECE = 0.01  # seconds of messages that are written at once
NAMES = 20_000  # different ones of a client that makes them up
HELLO = b'{"v": 1, "board": "esp32"}'
KINDS = ("junk", "windows", "hellos", "names")


class Flood:
    """A process that publishes `rate` messages a second until the block is left; sent: how many by now."""

    def __init__(
        self,
        port: int,
        rate: int,
        gateway_name: str = "gw",
        name: str = "flood",
        kind: str = "junk",
        frame: bytes = b"",
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._count = context.Value("q", 0)
        given = port, rate, packets(gateway_name, name, kind, frame), self._count
        self._process = context.Process(target=flood, args=given, daemon=True)

    @property
    def sent(self) -> int:
        """Messages that the flood sent."""
        return int(self._count.value)

    def __enter__(self) -> "Flood":
        """Begin."""
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._process.kill()
        self._process.join()


def packets(gateway_name: str, name: str, kind: str, frame: bytes) -> list[bytes]:
    """PUBLISH packets at QoS 0 that such a client sends in turn. frame: of a window."""
    payload, leaf = {"windows": (frame, "window"), "hellos": (HELLO, "hello")}.get(kind, (os.urandom(64), "window"))
    if kind != "names":
        return [publish(wire.topic(gateway_name, name, leaf), payload)]
    said = (("hello", HELLO), ("window", frame))
    return [publish(wire.topic(gateway_name, f"x{i}", leaf), payload) for i in range(NAMES) for leaf, payload in said]


def publish(topic: str, payload: bytes) -> bytes:
    """PUBLISH at QoS 0; a body of 127 bytes at most, or of 16383."""
    body = len(topic).to_bytes(2, "big") + topic.encode() + payload
    length = bytes([len(body)]) if len(body) < 128 else bytes([len(body) & 127 | 128, len(body) >> 7])
    return b"\x30" + length + body


def flood(port: int, rate: int, packets: list[bytes], count: "multiprocessing.sharedctypes.Synchronized[int]") -> None:
    """Be that client: straight into a socket."""
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.sendall(b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05flood")  # CONNECT, as "flood", clean, no keepalive
        each, turn = int(rate * PIECE), itertools.cycle(packets)
        began = time.monotonic()
        for pieces in itertools.count(1):
            link.sendall(b"".join(itertools.islice(turn, each)))
            count.value = pieces * each
            time.sleep(max(0.0, began + pieces * PIECE - time.monotonic()))


@dataclass(frozen=True)
class Outcome:
    """Of one run. took: milliseconds of each alert. missed: windows of others. cpu: % of a core, of the gateway."""

    took: list[float]
    missed: int
    growth: float  # MB
    cpu: float
    flooded: float  # messages a second

    @property
    def p99(self) -> float:
        """The 99th percentile of the delay of alerts, in ms."""
        return float(np.percentile(self.took, 99))

    def row(self, broker: str, kind: str) -> str:
        """The figures as a row of the table."""
        return (
            f"{broker:<10} {kind:<8} {self.flooded:>7.0f} {len(self.took):>7} {np.median(self.took):>8.1f}"
            f" {self.p99:>8.1f} {self.missed:>7} {self.growth:>10.1f} {self.cpu:>6.0f}"
        )


async def measured(broker: str, seconds: float, rate: int, kind: str) -> Outcome:
    """Fifty sensors, and beside them a flood of that kind; "": none."""
    async with gateway(broker, SENSORS + 1) as bench:
        bench.sensors = SENSORS
        await bench.run(SENSORS * WINDOWS, 2.0)  # warm
        bench.took_ms.clear()
        before = Use.of(bench.pid)
        with ExitStack() as stack:
            junk = stack.enter_context(Flood(bench.port, rate, GATEWAY, FLOODER, kind, bench.good)) if kind else None
            await bench.run(SENSORS * WINDOWS, seconds)
            after = Use.of(bench.pid)
            sent = junk.sent if junk else 0
        cpu = 100 * (after.cpu - before.cpu) / seconds
        return Outcome(bench.took_ms, await bench.settled(), (after.rss - before.rss) / 1e6, cpu, sent / seconds)


async def main() -> None:
    """Print the table and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rate", type=int, default=10_000, help="messages a second")
    chosen = parser.parse_args()
    logging.disable()
    if not mosquitto.program():
        raise SystemExit("no mosquitto found: apt install mosquitto")
    windows = f"{SENSORS} sensors, {WINDOWS} windows a second each"
    print(f"{windows}, beside a client that floods; {report.machine()}, load {os.getloadavg()[0]:.1f}")
    print(f"{'broker':<10} {'flood':<8} {'junk/s':>7} {'alerts':>7} {'p50 ms':>8} {'p99 ms':>8} {'missed':>7}", end="")
    print(f" {'growth MB':>10} {'CPU %':>6}")
    for broker in ("mosquitto", "embedded"):
        ran = {}
        for kind in ("", *KINDS):
            ran[kind] = await measured(broker, chosen.seconds, chosen.rate, kind)
            print(ran[kind].row(broker, kind or "none"), flush=True)
        keep(broker, ran, chosen.rate)


def keep(broker: str, ran: dict[str, Outcome], rate: int) -> None:
    """The worst of all floods, against no flood."""
    floods, suffix = [ran[kind] for kind in KINDS], "" if broker == "mosquitto" else f"_{broker}"
    beside = f"beside {rate} messages/s of one client, {broker}"
    report.save(f"junk_p99_ms{suffix}", max(each.p99 for each in floods), f"ms, alerts {beside}", {"none": ran[""].p99})
    report.save(f"junk_missed{suffix}", max(each.missed for each in floods), f"windows of others missed {beside}")
    report.save(f"junk_rss_growth_mb{suffix}", max(each.growth for each in floods), f"MB {beside}")


if __name__ == "__main__":
    asyncio.run(main())
