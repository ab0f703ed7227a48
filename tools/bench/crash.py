"""kill -9 at random moments of a gateway under load: which alerts are lost, which come twice, is the database whole.

Sensors raise and clear alerts without pause (a fault is one window, here). Afterwards three records are compared: the
journal in the gateway's database, what an observer heard on MQTT, and the alerts as they stand.

    lost      a step in the journal that nobody heard and that does not wait to be told, or one that was heard and is
              not in the journal
    doubled   two alerts of one sensor that stood at the same time
    repeated  a message heard again, word for word: the kill came between the broker's word and ours on disk. QoS 1
              means that; an alert's id and the step's time tell

    python -m tools.bench.crash [--kills 100] [--sensors 20] [--rate 200]
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import logging
import multiprocessing
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reedmesh.backoff import Backoff
from reedmesh.links import mqtt_link
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from reedmesh.protocol import wire
from reedmesh.store import database
from tools.bench import report
from tools.bench.latency import GATEWAY, LINES, prepare
from tools.checkout import ROOT
from tools.simulate import mosquitto
from tools.simulate.free_ports import free_ports

FOLDER = ROOT / "build" / "crash"
MOST_STEPS = 40  # of alerts that are heard between "online" and the kill: so it comes under load, on any machine
SPREAD = 0.1  # seconds from there to the kill, so that it comes anywhere in what a step takes
PATIENCE = 120.0  # seconds for a start, on a machine that may be busy
FAULTS = 0.3  # of the windows
Step = tuple[str, str, float]  # alert, what, at


@dataclass
class Observer:
    """Hears everything the gateway says of alerts, over all its lives."""

    steps: Counter[Step] = field(default_factory=Counter)
    state: str = ""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self, link: Link) -> None:
        """For as long as the bench runs."""
        async for message in link.messages():
            value = json.loads(message.payload)
            if message.topic.endswith("/alert"):
                self.steps[step(value)] += 1
            else:
                self.state = value["state"]
            self.news.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something to be heard; raises TimeoutError."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self.news.clear()
                await self.news.wait()

    async def state_is(self, state: str) -> None:
        """Wait for the gateway to be in that state."""
        await self.until(lambda: self.state == state)

    async def hears(self, steps: int) -> None:
        """Wait for `steps` more changes of alerts."""
        wanted = self.steps.total() + steps
        await self.until(lambda: self.steps.total() >= wanted)


def step(message: dict[str, Any]) -> Step:
    """The change of an alert in a message."""
    return message["id"], message["what"], message["at"]


class Sensors:
    """Publish normal windows and faults at random."""

    def __init__(self, frames: tuple[bytes, bytes], count: int, rate: float, chance: random.Random) -> None:
        self._frames = frames
        self._count = count
        self._rate = rate
        self._chance = chance
        self._number = 0
        self.faults = FAULTS

    async def publish(self, link: Link) -> None:
        """For as long as the bench runs."""
        while True:
            self._number += 1
            frame = bytearray(self._frames[self._chance.random() < self.faults])
            frame[8:12] = self._number.to_bytes(4, "little")
            name = f"s{self._number % self._count}"
            await link.publish(Message(wire.topic(GATEWAY, name, "window"), bytes(frame)))
            await asyncio.sleep(1 / self._rate)


def live(path: str) -> None:
    """A gateway's life, in a process of its own."""
    from reedmesh.config import settings
    from reedmesh.service import process as run
    from reedmesh.service import systemd

    logging.disable()
    asyncio.run(run.serve(settings.load_config(Path(path)), systemd.ServiceNotifier({})))


async def kill(observer: Observer, start: Callable[[], multiprocessing.Process], chance: random.Random) -> None:
    """One life, and its end at any moment, also while it starts."""
    observer.state = ""
    process = start()
    try:
        if chance.random() < 0.9:
            await observer.state_is("online")
            await observer.hears(chance.randrange(MOST_STEPS))
        await asyncio.sleep(chance.random() * SPREAD)
    finally:
        process.kill()
        await asyncio.to_thread(process.join)


async def run(folder: Path, broker: str, kills: int, sensors: int, rate: float) -> dict[str, int]:
    """The bench with one kind of broker; returns what is counted."""
    frames, port, chance = prepare(folder, sensors), free_ports(1)[0], random.Random(kills)
    path = configured(folder, broker, port)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["reedmesh.service.process", "amqtt.broker"])

    def start() -> multiprocessing.Process:
        process = context.Process(target=live, args=(str(path),))
        process.start()
        return process  # type: ignore[return-value]

    observer, crowd = Observer(), Sensors(frames, sensors, rate, chance)
    with ExitStack() as stack:
        if broker == "mosquitto":
            command = [str(mosquitto.program()), "-c", str(folder / "mosquitto.conf")]
            process = stack.enter_context(subprocess.Popen(command, stderr=subprocess.DEVNULL))
            stack.callback(process.terminate)
        topics = {f"{wire.BASE}/{GATEWAY}/{leaf}": 1 for leaf in ("alert", "status")}
        ear, mouth = Link("127.0.0.1", port, "observer", subscriptions=topics), Link("127.0.0.1", port, "sensors")
        tasks = [asyncio.create_task(work) for work in (observer.listen(ear), drained(mouth), crowd.publish(mouth))]
        for number in range(kills):
            await kill(observer, start, chance)
            progress(number + 1, kills, broker, sum(observer.steps.values()))
        await calm_down(folder, observer, crowd, start)
        if broker == "mosquitto":  # the other one ends with its gateway
            await observer.state_is("stopped")  # said last, and so heard last
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return judged(folder, observer.steps, exact=broker == "mosquitto")


def configured(folder: Path, broker: str, port: int) -> Path:
    """The settings of the gateway and of its broker."""
    (folder / "mosquitto.conf").write_text("\n".join(LINES).format(port=port) + "\n")
    path = folder / "reedmesh.toml"
    path.write_text(
        f'name = "{GATEWAY}"\nstate = "{folder}"\nsensors = 2000\n[broker]\nport = {port}\n'
        f"embedded = {str(broker == 'embedded').lower()}\nanonymous = true\n[alerts]\non = 1\nof = 1\noff = 1\n"
        "off_seconds = 0\n"
    )
    return path


async def drained(link: Link) -> None:
    """Keep a link up that only speaks."""
    async for _ in link.messages():
        pass


async def calm_down(
    folder: Path, observer: Observer, crowd: Sensors, start: Callable[[], multiprocessing.Process]
) -> None:
    """A last life without faults that ends as it should."""
    crowd.faults, observer.state = 0.0, ""
    process = start()
    await observer.state_is("online")
    with contextlib.closing(sqlite3.connect(folder / database.NAME, timeout=10)) as db:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and db.execute("select count(*) from outbox").fetchone()[0]:
            await asyncio.sleep(0.1)
    process.terminate()
    await asyncio.to_thread(process.join, PATIENCE)
    if process.is_alive():
        process.kill()
        raise RuntimeError("the gateway was told to end, and did not")


def judged(folder: Path, heard: Counter[Step], exact: bool) -> dict[str, int]:
    """The findings in the records. exact: the observer's broker outlived the gateway, so it received every message."""
    with contextlib.closing(sqlite3.connect(folder / database.NAME)) as db:
        written = set(db.execute("select alert, what, at from journal"))
        waiting = {step(json.loads(message)) for (message,) in db.execute("select message from outbox")}
        spans = db.execute("select sensor, since, ifnull(until, 1e11) from alerts where kind = 'anomaly'").fetchall()
        whole = db.execute("pragma integrity_check").fetchone()[0] == "ok"
    spans.sort()
    doubled = sum(a[0] == b[0] and b[1] < a[2] for a, b in itertools.pairwise(spans))
    unheard = len(written - set(heard) - waiting) if exact else 0
    damaged = len(list(folder.glob("*.damaged-*"))) + (not whole)
    return {
        "alerts": len(spans),
        "steps": len(written),
        "lost": unheard + len(set(heard) - written),
        "doubled": doubled,
        "repeated": sum(heard.values()) - len(heard),
        "corrupt": damaged,
    }


def progress(done: int, of: int, broker: str, steps: int) -> None:
    """A line that is written over, where somebody looks."""
    end = "\n" if done == of else "\r"
    if sys.stdout.isatty() or done == of:
        print(f"  {broker}: {done} of {of} kills, {steps} messages heard", end=end, flush=True)


async def main() -> None:
    """Print the table and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="for each broker")
    parser.add_argument("--sensors", type=int, default=20)
    parser.add_argument("--rate", type=float, default=200.0, help="windows a second")
    chosen = parser.parse_args()
    logging.disable()
    mqtt_link.Backoff = lambda: Backoff(most=0.2)  # type: ignore[assignment,misc]  # an embedded broker dies with each gateway, and we want to hear the next one
    print(f"kill -9 under load, {chosen.sensors} sensors, {chosen.rate:g} windows/s, {report.machine()}")
    counted = {}
    for broker in ["mosquitto", "embedded"] if mosquitto.program() else ["embedded"]:
        counted[broker] = await run(FOLDER, broker, chosen.kills, chosen.sensors, chosen.rate)
        print(f"  {broker}: " + ", ".join(f"{name} {count}" for name, count in counted[broker].items()))
    for name in ("lost", "doubled", "corrupt"):
        total = sum(each[name] for each in counted.values())
        report.save(f"kill_{name}", total, f"of {chosen.kills} kills with each broker")


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    asyncio.run(main())
