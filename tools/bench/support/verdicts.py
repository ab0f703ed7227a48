"""Machines that are switched off at night, which somebody calls no fault: does the second night alarm? A real gateway.

The verdict is given while windows go on coming and while learning takes SLOWER times as long as it would: then a new
alert used to be raised before the lesson was in service, and the verdict was lost.
"""

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reedmesh.alerts.alert import ANOMALY
from reedmesh.config.settings import Config, Learning
from reedmesh.config.settings import Store as StoreSettings
from reedmesh.inference import features
from reedmesh.inference.family import find_family, load_family
from reedmesh.links.memory_link import MemoryBroker
from reedmesh.links.message import Message
from reedmesh.protocol import wire
from reedmesh.updates.worker import Worker, worker_process
from tools.bench.support.gateway_in_memory import at_work, frame
from tools.simulate.recordings import simulate

SLOWER = 10.0  # times that learning takes
FAST = 0.02  # seconds between windows where their pace does not matter
LEARN = 120  # windows
DAY = 60  # windows of a machine that runs, and of the second night
STAGGER = 1.7  # seconds from one machine's verdict to the next one's: most come while learning goes on
FIRST_NIGHT, LESSON = 120.0, 300.0  # seconds that an alert, and a lesson, may take
Int8s = NDArray[np.int8]


class Nights:
    """The windows of such a machine: running, and at rest, where only the transducer's own noise is heard."""

    def __init__(self) -> None:
        recipe, record = load_family(find_family("vibration")).recipe, simulate()
        rng, normal = np.random.default_rng(1), record.windows(0, "train", "normal")
        rest = np.round(np.round(normal.mean((0, 1))) + rng.normal(0, 2.0, (400, recipe.samples, recipe.axes)))
        self.recipe = recipe
        self.learnt = features.extract(normal, recipe)
        self.day = features.extract(record.windows(0, "test", "normal"), recipe)
        self.night = features.extract(rest.astype(np.int16), recipe)


class Machine:
    """One machine with its sensor. told: messages of all alerts; fate: why its verdict did not hold, "" if it did."""

    def __init__(
        self, name: str, pause: float, nights: Nights, broker: MemoryBroker, told: list[dict[str, Any]]
    ) -> None:
        self.name = name
        self.fate = ""
        self._pause = pause
        self._nights = nights
        self._link, self._states = broker.link(), broker.link(f"{wire.topic('gw', name)}/state")
        self._told = told
        self._state = "learning"
        self._number = 0

    async def run(self, wait: float) -> None:
        """Learn; a day, a first night, which is called no fault after `wait` seconds; a day, and a second night."""
        hello = {"v": 1, "features": self._nights.recipe.table(), "model": None, "measured_hz": 200.0}
        await self._say("hello", json.dumps(hello).encode())
        listening = asyncio.create_task(self._listen())
        try:
            while self._state == "learning":
                await self._send(self._nights.learnt, 20, FAST)
            await asyncio.sleep(wait)
            await self._send(self._nights.day, DAY, FAST)
            self.fate = await self._nights_go_by()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _nights_go_by(self) -> str:
        if not await self._until("raised", FIRST_NIGHT):
            return "the first night raised no alert"
        asked = {"alert": self._steps("raised")[-1]["id"], "by": "bench"}
        await self._link.publish(Message(wire.topic("gw", "request", "not-a-fault"), json.dumps(asked).encode()))
        if not await self._until("learnt", LESSON):
            return f"not learnt: {[each['text'] for each in self._steps('not learnt')]}"
        await self._send(self._nights.day, DAY, FAST)
        await self._send(self._nights.night, DAY, FAST)
        more = len(self._steps("raised")) - 1
        return f"{more} more alerts" if more else ""

    def _steps(self, what: str) -> list[dict[str, Any]]:
        mine = [each for each in self._told if each["sensor"] == self.name and each["kind"] == ANOMALY]
        return [each for each in mine if each["what"] == what]

    @property
    def less_sensitive(self) -> bool:
        """Whether an alert says that it sees less than before: what was learnt is wider than what was there."""
        return any(each["sensor"] == self.name and each["kind"] == "deaf" for each in self._told)

    async def _until(self, what: str, most: float) -> bool:
        """Send the night's windows at the machine's own pace until that is told of one of its alerts."""
        end = time.monotonic() + most
        while not self._steps(what) and time.monotonic() < end:
            await self._send(self._nights.night, 1, self._pause)
        return bool(self._steps(what))

    async def _send(self, windows: Int8s, count: int, pause: float) -> None:
        for i in range(count):
            self._number += 1
            await self._say("window", frame(windows[(i + self._number) % len(windows)].tobytes(), None, self._number))
            await asyncio.sleep(pause)

    async def _say(self, leaf: str, payload: bytes) -> None:
        await self._link.publish(Message(wire.topic("gw", self.name, leaf), payload))

    async def _listen(self) -> None:
        async for message in self._states.messages():
            self._state = json.loads(message.payload)["state"]


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


async def verdicts(folder: Path, pause: float, machines: int) -> list[Machine]:
    """Such machines of one gateway, with a window every `pause` seconds, and what became of each one's verdict."""
    shutil.rmtree(folder, ignore_errors=True)
    nights = Nights()
    config = Config("gw", str(folder), learning=Learning(windows=LEARN), store=StoreSettings(flush_seconds=1.0))
    async with at_work(config, worker=slow_worker) as (broker, told):
        line = [Machine(f"m{i}", pause, nights, broker, told) for i in range(machines)]
        await asyncio.gather(*(each.run(i * STAGGER) for i, each in enumerate(line)))
    return line
