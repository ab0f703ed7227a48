"""Who is called: a fault that grows over two hours, sensors of every pace, and verdicts that must hold.

    make bench-called

The ramp runs through a real gateway and a real Apprise to a catcher on loopback, on a clock that this bench turns; so
do the verdicts, in real time, while learning takes ten times as long as it would.
"""

import argparse
import asyncio
import contextlib
import http.server
import json
import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from reedmesh.alerts.alert import SILENT
from reedmesh.config.settings import AlertRule, Config, Notify
from reedmesh.inference.family import find_family, load_family
from reedmesh.inference.model import Model
from reedmesh.links.message import Message
from reedmesh.protocol import wire
from reedmesh.readings.alarms import Alarms
from reedmesh.readings.line import Line
from reedmesh.store.store import Store
from tools.bench import report
from tools.bench.latency import prepare
from tools.bench.support.gateway_in_memory import START, Turned, at_work, frame
from tools.bench.support.verdicts import SLOWER, verdicts
from tools.checkout import ROOT

FOLDER = ROOT / "build" / "bench" / "called"
RAMP = 7200  # windows, one a second: the score rises from 0.5 to 20 times the threshold
AFTER = 120  # windows of a machine that was repaired
PACES = (1.0, 61.0, 100.0, 600.0)  # seconds from one window to the next
HOURS = 4.0


@contextmanager
def catcher() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """A service that takes Apprise's JSON on loopback: its port, and what it was told."""
    told: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port, told
        finally:
            server.shutdown()
            thread.join()


class Graded:
    """Windows whose score is as many times the threshold as one likes: normal ones, blended with a fault."""

    def __init__(self, model: Model, normal: bytes, fault: bytes) -> None:
        near, far = (np.frombuffer(each, np.int8).astype(np.float64) for each in (normal, fault))
        blends = near + np.linspace(0, 12, 4000)[:, None] * (far - near)
        self._windows = np.clip(np.rint(blends), -128, 127).astype(np.int8)
        self._factors = model.scores(self._windows) / model.threshold

    def of(self, factor: float) -> bytes:
        """The features whose score is nearest to `factor` times the threshold."""
        return self._windows[int(np.argmin(np.abs(self._factors - factor)))].tobytes()


async def ramp(folder: Path, rate: float = 400.0) -> list[str]:
    """Titles of the calls for a fault that grows over two hours and is repaired. rate: windows a real second."""
    good, bad = prepare(folder, 1)
    with Store(folder) as store:
        stored = store.models.last("s0")
    assert stored
    model, clock = Model(stored.tflite), Turned()
    graded = Graded(model, good[wire.WINDOW_HEADER :], bad[wire.WINDOW_HEADER :])
    with catcher() as (port, told):
        notify = Notify(urls=(f"json://127.0.0.1:{port}/",), seconds=1.0)
        async with at_work(Config("gw", str(folder), notify=notify), clock) as (broker, _):
            link, began = broker.link(), time.perf_counter()
            for i in range(RAMP + AFTER):
                factor = 0.5 * 40 ** (i / RAMP) if i < RAMP else 0.3
                await link.publish(Message("reedmesh/gw/s0/window", frame(graded.of(factor), model, i + 1)))
                clock.at += 1.0
                await asyncio.sleep(max(0.0, began + (i + 1) / rate - time.perf_counter()))
            await _quiet(told)
    return [each["title"] for each in told]


async def _quiet(told: list[dict[str, Any]]) -> None:
    """Wait until nothing more is told for three seconds: calls come a second apart."""
    count, since = -1, time.perf_counter()
    while time.perf_counter() - since < 3.0:
        if len(told) != count:
            count, since = len(told), time.perf_counter()
        await asyncio.sleep(0.1)


def silences(pace: float, hours: float = HOURS) -> tuple[int, float]:
    """Of a sensor with a window each `pace` seconds: false alerts in so many hours, and seconds until a dead one is."""
    recipe = load_family(find_family("process")).recipe
    line = Line(recipe.length, 240, AlertRule(), 1)
    alarms, sensor = Alarms("gw", line), line.sensor("tank")
    sensor.online, sensor.hello = True, {"measured_hz": recipe.hop / pace, "features": recipe.table()}
    false, number, due, noise = 0, 0, 0.0, np.random.default_rng(1)
    for second in range(int(hours * 3600)):
        while due <= second:
            number, due = number + 1, due + pace * noise.uniform(0.9, 1.1)
            sensor.take(wire.Window(bytes(recipe.length), 7, number), START + second)
        false += len([each for each in alarms.look(START + second, float(second), True) if each.alert.kind == SILENT])
    last = due - pace
    for second in range(int(hours * 3600), int(hours * 3600 + 10 * max(60.0, pace))):
        if alarms.look(START + second, float(second), True):
            return false, second - last
    return false, float("inf")


def main() -> None:
    """Measure, print, and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=10, help="of each of the two rates at which verdicts are given")
    parser.add_argument("--only", choices=("ramp", "silent", "verdicts"))
    chosen = parser.parse_args()
    logging.disable(logging.CRITICAL)
    print(report.machine())
    if chosen.only in (None, "ramp"):
        _ramp()
    if chosen.only in (None, "silent"):
        _silent()
    if chosen.only in (None, "verdicts"):
        _verdicts(chosen.machines)


def _ramp() -> None:
    calls = asyncio.run(ramp(FOLDER / "ramp"))
    print(f"a fault that grows from 0.5 x to 20 x the threshold in two hours, then is repaired: {len(calls)} calls")
    for title in calls:
        print(f"  {title}")
    report.save("called_ramp", len(calls), "calls")


def _silent() -> None:
    found = {pace: silences(pace) for pace in PACES}
    for pace, (false, dead) in found.items():
        print(
            f"a window every {pace:.0f} s for {HOURS:.0f} h: {false} false silent alerts; a dead one after {dead:.0f} s"
        )
    paces = {f"dead_after_{pace:.0f}_s": dead for pace, (_, dead) in found.items()}
    report.save("silent_false", sum(false for false, _ in found.values()), "alerts", paces)


def _verdicts(machines: int) -> None:
    kept = 0
    for pause in (0.2, 1.0):
        line = asyncio.run(verdicts(FOLDER / f"verdicts{pause}", pause, machines))
        good = [each for each in line if not each.fate]
        kept += len(good)
        how = f"{1 / pause:.0f} windows/s, learning {SLOWER:.0f} x slower"
        less = sum(each.less_sensitive for each in line)
        print(f"'not a fault' at {how}: kept in {len(good)} of {len(line)}; {less} see less than before, and say so")
        for each in line:
            if each.fate:
                print(f"  {each.name}: {each.fate}", file=sys.stderr)
    report.save("verdict_kept", kept, "machines", {"of": 2 * machines})


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
