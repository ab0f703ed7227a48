"""A real gateway on a broker in memory, for benches that turn its clock or slow its learning down."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reedmesh.config.settings import Config
from reedmesh.inference import families
from reedmesh.inference.model import Model
from reedmesh.links.memory_link import MemoryBroker
from reedmesh.protocol import wire
from reedmesh.service.gateway import Gateway
from reedmesh.store.store import Store
from reedmesh.updates.worker import WorkerFactory

START = 1.8e9  # seconds since 1970, where a clock that is turned begins
Told = list[dict[str, Any]]


@dataclass
class Turned:
    """A clock that somebody turns."""

    at: float = 0.0

    def now(self) -> float:
        """Seconds since 1970."""
        return START + self.at

    def steady(self) -> float:
        """The same, of a clock nobody sets."""
        return self.at


@asynccontextmanager
async def at_work(
    config: Config, clock: Turned | None = None, worker: WorkerFactory | None = None
) -> AsyncIterator[tuple[MemoryBroker, Told]]:
    """The broker of a gateway called `config.name`, and the messages of its alerts as they come."""
    broker, told = MemoryBroker(), Told()
    times = (clock.now, clock.steady) if clock else (time.time, time.monotonic)
    gateway = Gateway(config, families.load(config.served), Store(Path(config.state)), *times)
    if worker:
        gateway.use_worker(worker)
    leaves = ("window", "hello", "availability", "model/status")
    base = wire.topic(config.name)
    topics = [f"{base}/+/{leaf}" for leaf in leaves]
    link = broker.link(*topics, f"{base}/request/+", greeting=gateway.greeting)
    listening = asyncio.create_task(_listen(broker, wire.topic(config.name, "alert"), told))
    tasks = [listening, asyncio.create_task(gateway.run(link))]
    try:
        yield broker, told
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _listen(broker: MemoryBroker, topic: str, told: Told) -> None:
    async for message in broker.link(topic).messages():
        told += [json.loads(message.payload)]


def frame(window: bytes, model: Model | None, number: int) -> bytes:
    """A window as its sensor sends it; model: the one that the sensor runs."""
    sent = wire.Window(window, boot=1, number=number)
    if model:
        sent.score, sent.model = model.score(window), model.key
    made = bytearray(wire.WINDOW_HEADER + len(window))
    wire.pack_window(sent, made)
    return bytes(made)
