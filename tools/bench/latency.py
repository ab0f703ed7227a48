"""How fast a gateway judges: window in -> alert out, and the most windows a second it sustains.

A real gateway process (`reedmesh run`) on a real broker, and this process as its sensors and as an observer. Alerts are
raised and cleared by single windows and every fourth window is a fault (every hundredth where the most is sought), so
that many can be timed: from before the window is published until its alert is on disk, published and received here.

    python -m tools.bench.latency [--seconds 20] [--sensors 50]
"""

import argparse
import asyncio
import json
import logging
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from reedmesh.inference import features
from reedmesh.inference.family import find_family, load_family
from reedmesh.inference.model import Model
from reedmesh.learning.candidate import commission
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from reedmesh.protocol import wire
from reedmesh.store.models import StoredModel
from reedmesh.store.store import Store
from tools.bench import report
from tools.checkout import ROOT
from tools.simulate import mosquitto, recordings
from tools.simulate.free_ports import free_ports

FOLDER = ROOT / "build" / "latency"
GATEWAY = "bench"
RATES = (50, 200)
PATIENCE = 60.0  # seconds until every sensor has a state
LIMIT_MS = 1000.0  # a rate is sustained while no window is missed and p99 stays below this
LINES = ("listener {port} 127.0.0.1", "allow_anonymous true", "set_tcp_nodelay true", "max_queued_messages 10000")


@dataclass
class Bench:
    """The sensors, what they publish, and how long each alert took."""

    link: Link
    good: bytes
    bad: bytes
    sensors: int
    port: int  # of the broker
    pid: int  # of the gateway
    fault_every: int = 4  # windows
    sent: int = 0
    published: defaultdict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))  # faults, unheard of
    took_ms: list[float] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)

    async def listen(self) -> None:
        """Time the alerts, and note how many windows the gateway says it judged.

        The oldest fault of a sensor is the one an alert tells of: with windows missed, alerts seem later than they are.
        """
        async for message in self.link.messages():
            value = json.loads(message.payload)
            if message.topic.endswith("/alert") and (value["type"], value["kind"]) == ("new", "anomaly"):
                if faults := self.published[value["sensor"]]:
                    self.took_ms.append((time.perf_counter() - faults.popleft()) * 1e3)
            elif message.topic.endswith("/state"):
                self.seen[message.topic] = value["windows"]

    async def run(self, rate: float, seconds: float) -> None:
        """Publish `rate` windows a second, evenly, from one sensor after the other."""
        began, count = time.perf_counter(), int(rate * seconds)
        for i in range(count):
            await self._publish(self.sent)
            self.sent += 1
            late = began + (i + 1) / rate - time.perf_counter()
            if late > 0:
                await asyncio.sleep(late)

    async def _publish(self, number: int) -> None:
        turn, sensor = divmod(number, self.sensors)
        fault = number % self.fault_every == 0
        name = f"s{sensor}"
        frame = bytearray(self.bad if fault else self.good)
        frame[8:12] = (turn + 1).to_bytes(4, "little")
        if fault:
            self.published[name].append(time.perf_counter())
        await self.link.publish(Message(wire.topic(GATEWAY, name, "window"), bytes(frame)))

    async def settled(self) -> int:
        """Windows that never reached the gateway, once it has said all it has to say."""
        before, patience = -1, 4
        while patience and self.judged < self.sent:
            await asyncio.sleep(0.5)
            now = self.judged
            patience, before = (4, now) if now != before else (patience - 1, before)
        return self.sent - self.judged

    @property
    def judged(self) -> int:
        """Windows of these sensors that the gateway says it judged."""
        return sum(self.seen.get(wire.topic(GATEWAY, f"s{i}", "state"), 0) for i in range(self.sensors))


def prepare(folder: Path, sensors: int) -> tuple[bytes, bytes]:
    """A new store in `folder` with sensors that know their machine; returns frames of a normal window and a fault."""
    shutil.rmtree(folder, ignore_errors=True)
    family, recording = load_family(find_family("vibration")), recordings.simulate()
    candidate = commission(family, features.extract(recording.windows(0, "train", "normal"), family.recipe), 1)
    model, store = Model(candidate.model), Store(folder)
    for i in range(sensors):
        store.sensors.save_hello(
            f"s{i}", {"features": family.recipe.table(), "model": model.digest.hex(), "sequence": 1}
        )
        store.models.save(
            StoredModel(f"s{i}", 1, 0.0, candidate.model, candidate.weights, candidate.trial, candidate.trial_score)
        )
    store.close()
    kinds = [("test", "normal", np.argmin), ("test", "imbalance", np.argmax)]
    frames = []
    for split, label, choose in kinds:
        found = features.extract(recording.windows(0, split, label), family.recipe)
        frames.append(_frame(found[int(choose(model.scores(found)))].tobytes(), model))
    return frames[0], frames[1]


def remember(folder: Path, features_of_one: bytes, sensors: int, count: int) -> None:
    """Fill the store with `count` windows of the past."""
    with Store(folder) as store:
        rows = [(f"s{i % sensors}", 1e9 + i / sensors, features_of_one, 100) for i in range(count)]
        store.windows.write(rows)


def _frame(window_features: bytes, model: Model) -> bytes:
    window = wire.Window(window_features, boot=1, number=0)
    window.score, window.model = model.score(window_features), model.key
    frame = bytearray(wire.WINDOW_HEADER + len(window_features))
    wire.pack_window(window, frame)
    return bytes(frame)


@asynccontextmanager
async def gateway(broker: str, sensors: int, stored: int = 0, settings: str = "") -> AsyncIterator[Bench]:
    """A gateway on a broker of that kind, with a bench that listens to it.

    stored: windows it has from before. settings: more of its config.
    """
    frames = prepare(FOLDER, sensors)
    remember(FOLDER, frames[0][wire.WINDOW_HEADER :], sensors, stored)
    async with started(broker, frames, sensors, settings) as bench:
        yield bench


@asynccontextmanager
async def started(broker: str, frames: tuple[bytes, bytes], sensors: int, settings: str = "") -> AsyncIterator[Bench]:
    """The gateway of the store in FOLDER. frames: a normal window's and a fault's."""
    good, bad = frames
    port = free_ports(1)[0]
    (FOLDER / "mosquitto.conf").write_text("\n".join(LINES).format(port=port) + "\n")
    (FOLDER / "reedmesh.toml").write_text(
        f'name = "{GATEWAY}"\nstate = "{FOLDER}"\nsensors = 2000\n[broker]\nport = {port}\n'
        f"embedded = {str(broker == 'embedded').lower()}\nanonymous = true\n"
        f"[alerts]\non = 1\nof = 1\noff = 1\noff_seconds = 0\n{settings}"
    )
    commands = [[sys.executable, "-m", "reedmesh", "run", str(FOLDER / "reedmesh.toml")]]
    if broker == "mosquitto":
        commands.insert(0, [str(mosquitto.program()), "-c", str(FOLDER / "mosquitto.conf")])
    processes = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for command in commands]
    topics = {f"{wire.BASE}/{GATEWAY}/{leaf}": 1 for leaf in ("alert", "+/state")}
    link = Link("127.0.0.1", port, "bench", subscriptions=topics)
    bench = Bench(link, good, bad, sensors, port, processes[-1].pid)
    listening = asyncio.create_task(bench.listen())
    try:
        async with asyncio.timeout(PATIENCE):
            while len(bench.seen) < sensors:
                await asyncio.sleep(0.05)
        yield bench
    finally:
        listening.cancel()
        for process in processes[::-1]:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


async def latency(
    broker: str, rate: int, seconds: float, sensors: int, fault_every: int, settings: str = ""
) -> tuple[list[float], int]:
    """Milliseconds each alert took at `rate` windows a second, and windows missed."""
    async with gateway(broker, sensors, settings=settings) as bench:
        bench.fault_every = fault_every
        await bench.run(rate, 1.0)  # warm
        bench.took_ms.clear()
        await bench.run(rate, seconds)
        missed = await bench.settled()
        return bench.took_ms, missed


async def most(broker: str, seconds: float, sensors: int) -> int:
    """The highest rate of a rising series (each a tenth higher) that is sustained for `seconds`."""
    rate, sustained = 400.0, 0
    while True:
        began = time.perf_counter()
        took, missed = await latency(broker, int(rate), seconds, sensors, 100)
        sent_in_time = time.perf_counter() - began < seconds + 15
        if missed or not took or np.percentile(took, 99) > LIMIT_MS or not sent_in_time:
            return sustained
        sustained = int(rate)
        print(f"  {broker}: {sustained} windows/s sustained, p99 {np.percentile(took, 99):.1f} ms", flush=True)
        rate *= 1.25 if rate < 1000 else 1.1


async def main() -> None:
    """Print the table and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="for each rate")
    parser.add_argument("--sensors", type=int, default=50)
    chosen = parser.parse_args()
    logging.disable()  # what a link says while a broker starts is not news here
    brokers = ["mosquitto", "embedded"] if mosquitto.program() else ["embedded"]
    print(f"window in -> alert out, {chosen.sensors} sensors, {report.machine()}")
    print(f"{'broker':<10} {'windows/s':>9} {'alerts':>7} {'p50 ms':>7} {'p99 ms':>7} {'missed':>7}")
    p99: dict[tuple[str, int], float] = {}
    for broker in brokers:
        for rate in RATES:
            took, missed = await latency(broker, rate, chosen.seconds, chosen.sensors, 4)
            p50, p99[broker, rate] = np.percentile(took, [50, 99])
            print(
                f"{broker:<10} {rate:>9} {len(took):>7} {p50:>7.2f} {p99[broker, rate]:>7.2f} {missed:>7}", flush=True
            )
    highest = {broker: await most(broker, chosen.seconds / 4, chosen.sensors) for broker in brokers}
    print(f"most sustained: {', '.join(f'{broker} {rate} windows/s' for broker, rate in highest.items())}")
    best, others = brokers[0], brokers[1:]
    for rate in RATES:
        against = {broker: p99[broker, rate] for broker in others}
        report.save(f"latency_p99_ms_{rate}", p99[best, rate], f"ms, {best}", against)
    report.save("windows_per_s_max", highest[best], f"windows/s, {best}", {b: highest[b] for b in others})


if __name__ == "__main__":
    asyncio.run(main())
