"""One gateway that serves three families with 60 sensors: memory, time in the data path, learning of each family.

Beside it, each family alone on a gateway with a third of the sensors, and families without sensors.

Sensors are made up in the gateway's own process, on a broker in memory; learning calculates in its process of its own,
as in service. Vibration replays a simulated recording, tanks and presses are drawn from a seed.

    python -m tools.bench.families [--sensors 60] [--seconds 60]
"""

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reedmesh.config.settings import Config, Learning
from reedmesh.inference import families
from reedmesh.inference.features import extract
from reedmesh.inference.model import Model
from reedmesh.links.memory_link import MemoryBroker
from reedmesh.links.message import Message
from reedmesh.protocol import wire
from reedmesh.protocol.recipe import Cycle, Recipe
from reedmesh.readings import watch
from reedmesh.service.gateway import Gateway
from reedmesh.store.store import Store
from tools.bench import report
from tools.simulate.recordings import simulate

FAMILIES = ("vibration", "process", "parts")
PRESS = Cycle(40, 2, 10)
LEARN, FIRST = 120, 20  # windows, and parts, that a sensor is learnt from
IDLE_SECONDS = 10.0
BUSY = "busy"  # the case of all families with sensors
Windows = NDArray[np.int8]


def main() -> None:
    """Measure each case in a process of its own, print and keep."""
    parser = argparse.ArgumentParser(description="Three families on one gateway.")
    parser.add_argument("--sensors", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--case", default="")
    given = parser.parse_args()
    if given.case:
        print(json.dumps(asyncio.run(_work(given))))
        return
    print(report.machine())
    idle = [_case(given, str(count)) for count in (1, 2, 3)]
    for count, told in zip((1, 2, 3), idle, strict=True):
        print(f"{count} families idle: {told['megabytes']:.1f} MB, {told['cpu']:.4f} of a core")
    each = (idle[2]["megabytes"] - idle[0]["megabytes"]) / 2, (idle[2]["cpu"] - idle[0]["cpu"]) / 2
    print(f"each further family idle: {each[0]:.1f} MB, {each[1]:.4f} of a core")
    report.save("families_idle_mb", each[0], "MB for each further family")
    alone = {family: _case(given, family) for family in FAMILIES}
    together = _case(given, BUSY)
    for name, told in {**alone, "all three": together}.items():
        print(f"{name}: {json.dumps(told)}")
    what = f"{given.sensors} sensors of 3 families"
    report.save("families_mb", together["megabytes"], f"MB, {what}", _each(alone, "megabytes"))
    report.save("families_p99_ms", together["p99_ms"], f"ms in the data path, {what}", _each(alone, "p99_ms"))
    for family in FAMILIES:
        of = {"alone": alone[family]["learnt_seconds"][family], "anew": together["learnt_anew_seconds"][family]}
        report.save(f"families_learn_{family}_s", together["learnt_seconds"][family], f"s, all of it, {what}", of)


def _each(alone: dict[str, dict[str, Any]], key: str) -> dict[str, float]:
    """A figure of each family alone."""
    return {f"{family} alone": round(told[key], 3) for family, told in alone.items()}


def _work(given: argparse.Namespace) -> Coroutine[Any, Any, dict[str, Any]]:
    """What a case measures."""
    if given.case == BUSY:
        return _busy(given.sensors, given.seconds, FAMILIES)
    if given.case in FAMILIES:
        return _busy(given.sensors // len(FAMILIES), given.seconds, (given.case,))
    return _idle(FAMILIES[: int(given.case)])


def _case(given: argparse.Namespace, case: str) -> dict[str, Any]:
    words = ["--sensors", str(given.sensors), "--seconds", str(given.seconds), "--case", case]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tools.bench.families", *words], capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


async def _idle(served: tuple[str, ...]) -> dict[str, Any]:
    """A gateway without sensors."""
    with tempfile.TemporaryDirectory() as folder:
        async with _gateway(folder, served) as (_, __):
            await asyncio.sleep(1.0)
            began = time.process_time()
            await asyncio.sleep(IDLE_SECONDS)
            return {"megabytes": _megabytes(), "cpu": (time.process_time() - began) / IDLE_SECONDS}


@contextlib.asynccontextmanager
async def _gateway(folder: str, served: tuple[str, ...]):  # type: ignore[no-untyped-def]
    config = Config("gw", folder, families=served, learning=Learning(windows=LEARN, patience=1.0))
    broker, gateway = MemoryBroker(), Gateway(config, families.load(served), Store(Path(folder)))
    leaves = ("window", "part", "hello", "availability", "model/status")
    link = broker.link(
        *(f"reedmesh/gw/+/{leaf}" for leaf in leaves), "reedmesh/gw/request/+", greeting=gateway.greeting
    )
    task = asyncio.create_task(gateway.run(link))
    while "reedmesh/gw/status" not in broker.retained:
        await asyncio.sleep(0.01)
    try:
        yield broker, gateway
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class MadeUp:
    """A sensor that sends `windows` in turn and runs the model that its gateway has for it."""

    def __init__(self, broker: MemoryBroker, gateway: Gateway, name: str, recipe: Recipe, windows: Windows) -> None:
        self.name = name
        self._broker, self._gateway, self._windows, self._recipe = broker, gateway, windows, recipe
        self._number = 0

    @property
    def model(self) -> Model | None:
        """The model by which its gateway judges it."""
        return self._gateway.line.sensors[self.name].model

    def say(self, leaf: str, value: dict[str, Any]) -> None:
        """Publish JSON, retained."""
        self._broker.deliver(Message(f"reedmesh/gw/{self.name}/{leaf}", json.dumps(value).encode(), 1, True))

    def hello(self) -> None:
        """Introduce itself."""
        self.say("availability", {"state": "online"})
        self.say("hello", {"v": 1, "features": self._recipe.table(), "room": 2048, "model": None})

    def send(self) -> None:
        """The next window."""
        features = self._windows[self._number % len(self._windows)].tobytes()
        self._number += 1
        sent = wire.Window(features, boot=1, number=self._number)
        if model := self.model:
            sent.score, sent.model = model.score(features), model.key
        made = bytearray(wire.WINDOW_HEADER + len(features))
        wire.pack_window(sent, made)
        self._broker.deliver(Message(f"reedmesh/gw/{self.name}/window", bytes(made)))


async def _busy(count: int, seconds: float, served: tuple[str, ...]) -> dict[str, Any]:
    """All sensors are learnt, then judged once a second each while one of each family is learnt anew."""
    took: list[float] = []
    plain = watch.take
    watch.take = _timed(plain, took)
    with tempfile.TemporaryDirectory() as folder:
        async with _gateway(folder, served) as (broker, gateway):
            sensors = _sensors(broker, gateway, count, served)
            for each in sensors:
                each.hello()
            await asyncio.sleep(0.5)
            learnt = await _learnt(sensors, served)
            took.clear()
            began = time.process_time()
            anew = await _judged(sensors, seconds, gateway, served)
            cpu = (time.process_time() - began) / seconds
            quick = np.array(took) * 1000
            disagreed = sum(each.counters.disagreements for each in gateway.line.sensors.values())
            told = {
                "messages": len(quick),
                "p50_ms": float(np.median(quick)),
                "p99_ms": float(np.quantile(quick, 0.99)),
            }
            told |= {"most_ms": float(quick.max()), "megabytes": _megabytes(), "cpu": cpu, "disagreed": disagreed}
            return told | {"learnt_seconds": learnt, "learnt_anew_seconds": anew}


def _timed(take: Callable[..., None], took: list[float]) -> Callable[..., None]:
    def timed(*given: Any) -> None:
        began = time.perf_counter()
        take(*given)
        took.append(time.perf_counter() - began)

    return timed


def _sensors(broker: MemoryBroker, gateway: Gateway, count: int, served: tuple[str, ...]) -> list[MadeUp]:
    """As many of each family, in turn."""
    rng, found = np.random.default_rng(1), []
    recipes = {family.name: PRESS if family.name == "parts" else family.recipe for family in gateway.parts.families.all}
    for at in range(count):
        family = served[at % len(served)]
        windows = _windows(family, recipes[family], rng)
        found.append(MadeUp(broker, gateway, f"{family[:4]}{at}", recipes[family], windows))
    return found


def _windows(family: str, recipe: Recipe, rng: np.random.Generator) -> Windows:
    """What a sensor of that family sends in turn."""
    if family == "vibration":
        return extract(_hum(), recipe)
    return extract(_tank(rng, recipe) if family == "process" else _press(rng), recipe)


@cache
def _hum() -> NDArray[np.int16]:
    """The same for all machines, for it takes its time."""
    return simulate().windows(0, "train", "normal")


def _tank(rng: np.random.Generator, recipe: Recipe) -> NDArray[np.int16]:
    raw = rng.normal(5000, 60, (240, recipe.samples, recipe.axes)) + rng.normal(0, 40, (240, 1, 1))
    return np.rint(raw).astype(np.int16)


def _press(rng: np.random.Generator) -> NDArray[np.int16]:
    t = np.linspace(0, 1, PRESS.samples)
    force = rng.normal(12000, 400, (240, 1)) * np.sin(np.pi * t) + rng.normal(0, 120, (240, PRESS.samples))
    way = 8000 * t + rng.normal(0, 80, (240, PRESS.samples))
    return np.rint(np.stack([force, way], axis=2)).astype(np.int16)


async def _learnt(sensors: list[MadeUp], served: tuple[str, ...]) -> dict[str, float]:
    """Send what they are learnt from; seconds until all of a family have a model."""
    began, found = time.monotonic(), dict.fromkeys(served, 0.0)
    for at, each in enumerate(sensors):
        for _ in range(FIRST if served[at % len(served)] == "parts" else LEARN):
            each.send()
        await asyncio.sleep(0.01)
    waiting = set(served)
    while waiting:
        for family in list(waiting):
            if all(each.model for at, each in enumerate(sensors) if served[at % len(served)] == family):
                found[family] = round(time.monotonic() - began, 2)
                waiting.discard(family)
        await asyncio.sleep(0.05)
    return found


async def _judged(sensors: list[MadeUp], seconds: float, gateway: Gateway, served: tuple[str, ...]) -> dict[str, float]:
    """A window a second of each; after a third of the time one sensor of each family is learnt anew."""
    began, anew, first = time.monotonic(), dict.fromkeys(served, 0.0), sensors[: len(served)]
    before: list[int] = []
    for turn in range(int(seconds * 10)):
        for each in sensors[turn % 10 :: 10]:
            each.send()
        if turn == int(seconds * 10 / 3):
            before, started = [gateway.line.sensors[each.name].sequence for each in first], time.monotonic()
            for each in first:
                await gateway.parts.model_rollout.relearn(gateway.line.sensors[each.name])
                for _ in range(LEARN):
                    each.send()
        for family, each, sequence in zip(served, first, before, strict=False):  # before: empty until then
            if not anew[family] and gateway.line.sensors[each.name].sequence > sequence:
                anew[family] = round(time.monotonic() - started, 2)
        await asyncio.sleep(max(0.0, began + (turn + 1) / 10 - time.monotonic()))
    return anew


def _megabytes() -> float:
    """Resident memory of this process."""
    pages = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(pages.split()[1]) / 1024


if __name__ == "__main__":
    main()
