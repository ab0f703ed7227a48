"""One client floods the broker with junk: how late others' alerts come meanwhile, and what memory the gateway takes.

    python tools/bench_junk.py [--seconds 20] [--rate 10000]

The gateway of bench_latency, 50 sensors, 50 windows a second, a fault among every four; and beside them a client in a
process of its own that publishes messages which are no windows, under one name, as a sensor with its rights could.
"""

import argparse
import asyncio
import logging
import multiprocessing
import os
import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from reedmesh import wire  # noqa: E402
from tools import results  # noqa: E402
from tools.bench_latency import GATEWAY, gateway, mosquitto  # noqa: E402
from tools.bench_load import Use  # noqa: E402

SENSORS = 50
PIECE = 0.01  # seconds of messages that are written at once


class Flood:
    """A process that publishes `rate` messages a second until the block is left; sent: how many by now."""

    def __init__(self, port: int, rate: int, gateway_name: str = "gw") -> None:
        context = multiprocessing.get_context("spawn")
        self._count = context.Value("q", 0)
        self._process = context.Process(target=flood, args=(port, rate, gateway_name, self._count), daemon=True)

    @property
    def sent(self) -> int:
        """Messages."""
        return int(self._count.value)

    def __enter__(self) -> "Flood":
        """Begin."""
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._process.kill()
        self._process.join()


def flood(port: int, rate: int, gateway_name: str, count: "multiprocessing.sharedctypes.Synchronized[int]") -> None:
    """Be that client: QoS 0, and bytes that are no window, straight into a socket."""
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.sendall(b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05flood")  # CONNECT, as "flood", clean, no keepalive
        topic = f"{wire.BASE}/{gateway_name}/flood/window".encode()
        body = len(topic).to_bytes(2, "big") + topic + os.urandom(64)
        piece = (b"\x30" + bytes([len(body)]) + body) * int(rate * PIECE)  # PUBLISH; a body of less than 128 bytes
        began, pieces = time.monotonic(), 0
        while True:
            link.sendall(piece)
            pieces += 1
            count.value = pieces * int(rate * PIECE)
            time.sleep(max(0.0, began + pieces * PIECE - time.monotonic()))


async def measured(seconds: float, rate: int) -> tuple[list[float], int, float, float, int]:
    """Milliseconds each alert took, windows missed, the gateway's growth in MB and CPU in %, junk sent."""
    async with gateway("mosquitto", SENSORS) as bench:
        await bench.run(SENSORS, 2.0)  # warm
        bench.took_ms.clear()
        before = Use.of(bench.pid)
        with ExitStack() as stack:
            junk = stack.enter_context(Flood(bench.port, rate, GATEWAY)) if rate else None
            await bench.run(SENSORS, seconds)
            after = Use.of(bench.pid)
            sent = junk.sent if junk else 0
        cpu = 100 * (after.cpu - before.cpu) / seconds
        return bench.took_ms, await bench.settled(), (after.rss - before.rss) / 1e6, cpu, sent


async def main() -> None:
    """Print the table and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rate", type=int, default=10_000, help="messages a second")
    chosen = parser.parse_args()
    logging.disable()
    if not mosquitto():
        raise SystemExit("no mosquitto found: apt install mosquitto")
    print(f"alerts of {SENSORS} sensors beside a client that floods, {results.machine()}")
    print(f"{'junk/s':>7} {'alerts':>7} {'p50 ms':>8} {'p99 ms':>8} {'missed':>7} {'growth MB':>10} {'CPU %':>6}")
    for rate in (0, chosen.rate):
        took, missed, growth, cpu, sent = await measured(chosen.seconds, rate)
        p50, p99 = np.percentile(took, [50, 99])
        real = sent / chosen.seconds
        print(
            f"{real:>7.0f} {len(took):>7} {p50:>8.1f} {p99:>8.1f} {missed:>7} {growth:>10.1f} {cpu:>6.0f}", flush=True
        )
    results.save("junk_p99_ms", p99, f"ms, alerts beside {real:.0f} junk messages/s")
    results.save("junk_rss_growth_mb", growth, f"MB in {chosen.seconds:g} s")


if __name__ == "__main__":
    asyncio.run(main())
