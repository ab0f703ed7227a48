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
import shutil
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reedmesh.alerts.alert import SILENT
from reedmesh.config.settings import AlertRule, Config, Learning, Notify
from reedmesh.config.settings import Store as StoreSettings
from reedmesh.inference import family as families
from reedmesh.inference import features
from reedmesh.inference.model import Model
from reedmesh.links.memory_link import MemoryBroker
from reedmesh.links.message import Message
from reedmesh.protocol import wire
from reedmesh.readings.alarms import Alarms
from reedmesh.readings.sensor import Line
from reedmesh.service.gateway import Gateway
from reedmesh.store.store import Store
from reedmesh.updates.worker import Worker, WorkerFactory, worker_process
from tools.bench import report
from tools.bench.latency import prepare
from tools.checkout import ROOT
from tools.simulate.recordings import simulate

FOLDER = ROOT / "build" / "bench" / "called"
START = 1.8e9  # seconds since 1970, of the clock that the bench turns
RAMP = 7200  # windows, one a second: the score rises from 0.5 to 20 times the threshold
AFTER = 120  # windows of a machine that was repaired
PACES = (1.0, 61.0, 100.0, 600.0)  # seconds from one window to the next
HOURS = 4.0
SLOWER = 10.0  # times that learning takes
Int8s = NDArray[np.int8]


@dataclass
class Turned:
    """A clock that this bench turns."""

    at: float = 0.0

    def now(self) -> float:
        """Seconds since 1970."""
        return START + self.at

    def steady(self) -> float:
        """The same, of a clock nobody sets."""
        return self.at


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
    """Windows of a machine whose score is as many times the threshold as one likes: normal ones, blended with a fault."""

    def __init__(self, model: Model, normal: bytes, fault: bytes) -> None:
        near, far = (np.frombuffer(each, np.int8).astype(np.float64) for each in (normal, fault))
        blends = near + np.linspace(0, 12, 4000)[:, None] * (far - near)
        self._windows = np.clip(np.rint(blends), -128, 127).astype(np.int8)
        self._factors = model.scores(self._windows) / model.threshold

    def of(self, factor: float) -> bytes:
        """The features whose score is nearest to `factor` times the threshold."""
        return self._windows[int(np.argmin(np.abs(self._factors - factor)))].tobytes()


@asynccontextmanager
async def at_work(
    config: Config, clock: Turned | None = None, worker: WorkerFactory | None = None
) -> AsyncIterator[Any]:
    """A real gateway on a broker in memory: the broker, and the messages of alerts as they come."""
    broker, told = MemoryBroker(), []
    times = (clock.now, clock.steady) if clock else (time.time, time.monotonic)
    gateway = Gateway(config, families.load(families.find("vibration")), Store(Path(config.state)), *times)
    if worker:
        gateway._scheduler._new_worker = worker
    leaves = ("window", "hello", "availability", "model/status")
    topics = [*(f"reedmesh/{config.name}/+/{leaf}" for leaf in leaves), f"reedmesh/{config.name}/request/+"]

    async def listen() -> None:
        async for message in broker.link(f"reedmesh/{config.name}/alert").messages():
            told.append(json.loads(message.payload))

    link = broker.link(*topics, greeting=gateway.greeting)
    tasks = [asyncio.create_task(listen()), asyncio.create_task(gateway.run(link))]
    try:
        yield broker, told
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def frame(window: bytes, model: Model | None, number: int) -> bytes:
    """A window as its sensor sends it."""
    sent = wire.Window(window, boot=1, number=number)
    if model:
        sent.score, sent.model = model.score(window), model.key
    made = bytearray(wire.WINDOW_HEADER + len(window))
    wire.pack_window(sent, made)
    return bytes(made)


async def ramp(folder: Path, rate: float = 400.0) -> list[str]:
    """Titles of the calls that a fault makes which grows over two hours, and is repaired. rate: windows a real second."""
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
    recipe = families.load(families.find("process")).recipe
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


@asynccontextmanager
async def slow_worker() -> AsyncIterator[Worker]:
    """As `worker_process`, but all it does takes SLOWER times as long."""
    async with worker_process() as inner:

        async def work(function: Any, *arguments: object) -> Any:
            began = time.perf_counter()
            made = await inner(function, *arguments)
            await asyncio.sleep((SLOWER - 1) * (time.perf_counter() - began))
            return made

        yield work


@dataclass
class Machine:
    """One machine that is switched off at night, which somebody calls no fault. kept: whether that held."""

    name: str
    pause: float  # seconds between windows
    told: list[dict[str, Any]] = field(default_factory=list)
    fate: str = ""


class Nights:
    """The windows of such a machine: running, and at rest, where only the transducer's own noise is heard."""

    def __init__(self) -> None:
        recipe, record = families.load(families.find("vibration")).recipe, simulate()
        rng, normal = np.random.default_rng(1), record.windows(0, "train", "normal")
        rest = np.round(np.round(normal.mean((0, 1))) + rng.normal(0, 2.0, (400, recipe.samples, recipe.axes)))
        self.recipe = recipe
        self.learnt = features.extract(normal, recipe)
        self.day = features.extract(record.windows(0, "test", "normal"), recipe)
        self.night = features.extract(rest.astype(np.int16), recipe)


async def verdicts(folder: Path, pause: float, machines: int, stagger: float = 1.7) -> list[Machine]:
    """Have each machine's first night called no fault; a second night must not alarm, nor the rest of the first."""
    shutil.rmtree(folder, ignore_errors=True)
    nights, line = Nights(), [Machine(f"m{i}", pause) for i in range(machines)]
    config = Config("gw", str(folder), learning=Learning(windows=120), store=StoreSettings(flush_seconds=1.0))
    async with at_work(config, worker=slow_worker) as (broker, told):
        await asyncio.gather(*(_story(each, i * stagger, nights, broker, told) for i, each in enumerate(line)))
    return line


async def _story(
    machine: Machine, wait: float, nights: Nights, broker: MemoryBroker, told: list[dict[str, Any]]
) -> None:
    link, topic, number = broker.link(), f"reedmesh/gw/{machine.name}", 0
    models = broker.link(f"{topic}/state", f"{topic}/model/manifest")
    state: dict[str, Any] = {}

    async def listen() -> None:
        async for message in models.messages():
            if message.topic.endswith("/state"):
                state.update(json.loads(message.payload))

    async def send(windows: Int8s, count: int, pause: float) -> None:
        nonlocal number
        for i in range(count):
            number += 1
            await link.publish(Message(f"{topic}/window", frame(windows[i % len(windows)].tobytes(), None, number)))
            await asyncio.sleep(pause)

    def mine(kind: str) -> list[dict[str, Any]]:
        return [each for each in told if each["sensor"] == machine.name and each["what"] == kind]

    async def until(windows: Int8s, kind: str, most: float) -> bool:
        end = time.monotonic() + most
        while not mine(kind) and time.monotonic() < end:
            await send(windows, 1, machine.pause)
        return bool(mine(kind))

    hello = {"v": 1, "features": nights.recipe.table(), "model": None, "measured_hz": nights.recipe.samples}
    await link.publish(Message(f"{topic}/hello", json.dumps(hello).encode()))
    task = asyncio.create_task(listen())
    try:
        while state.get("state", "learning") == "learning":
            await send(nights.learnt, 20, 0.02)
        await asyncio.sleep(wait)
        await send(nights.day, 60, 0.02)
        if not await until(nights.night, "raised", 120.0):
            machine.fate = "the first night raised no alert"
            return
        asked = {"alert": mine("raised")[-1]["id"], "by": "bench"}
        await link.publish(Message("reedmesh/gw/request/not-a-fault", json.dumps(asked).encode()))
        learnt = await until(nights.night, "learnt", 300.0)
        await send(nights.day, 60, 0.02)
        await send(nights.night, 60, 0.02)
        again = len(mine("raised")) - 1
        failed = [each["text"] for each in mine("not learnt")]
        machine.fate = "" if learnt and not again else f"not learnt: {failed}" if not learnt else f"{again} more alerts"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


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
        print(
            f"'not a fault' at {1 / pause:.0f} windows/s, learning {SLOWER:.0f} x slower: kept in {len(good)} of {len(line)}"
        )
        for each in line:
            if each.fate:
                print(f"  {each.name}: {each.fate}", file=sys.stderr)
    report.save("verdict_kept", kept, "machines", {"of": 2 * machines})


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
