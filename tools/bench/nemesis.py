"""Everything goes wrong at once: three gateways, brokers and six sensors under kills, pauses, partitions, clock jumps,
full disks and a hostile neighbour that all trust. Afterwards the network heals, and the records are compared.

    lost      a step of an alert in a gateway's journal that nobody heard and that does not wait to be told
    unwritten one that was heard and is not in the journal
    doubled   a second alert of one sensor while one stands
    ends      a gateway ended though nobody asked for it
    apart     a gateway whose copy of a neighbour is not, bit for bit, what that neighbour takes it to be
    damaged   a database or a ledger that is not whole

All must be 0. The same seed has the same things go wrong in the same order.

    python -m tools.bench.nemesis [--seconds 300] [--seed 1]
"""

import argparse
import asyncio
import contextlib
import json
import logging
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from reedmesh.inference import features
from reedmesh.inference.family import find_family, load_family
from reedmesh.links.mqtt_link import Link
from tools.bench import report
from tools.bench.crash import Step, step
from tools.bench.support.nemesis_hall import Gateway, Hall, Proxy, Sensor, feed
from tools.bench.support.nemesis_verdict import Counts, in_step, judge, waiting
from tools.checkout import ROOT
from tools.simulate import recordings

FOLDER = ROOT / "build" / "nemesis"
NAMES = ("hall1", "hall2", "hall3")
SENSORS = 2  # of each gateway
PACE = 0.1  # seconds from a window of a sensor to the next
LEARN, FRESH = 60, 60  # windows a machine is learnt from, and between two rounds
SETTINGS = (
    "[alerts]\non = 1\nof = 1\noff = 1\noff_seconds = 0\n"
    f"[learning]\nwindows = {LEARN}\nfresh = {FRESH}\npatience = 3.0\n[store]\nflush_seconds = 1.0\n"
)
HEALED = 90.0  # seconds in which all must be in step again
OFFSETS = ("-1800", "+1800", "+5400", "-7200", "+90000", "-90000", "+31536000", "+0")


class Nemesis:
    """Breaks things in `hall`, one after the other, as `chance` has it."""

    def __init__(self, hall: Hall, chance: random.Random, counts: Counts) -> None:
        self._hall = hall
        self._chance = chance
        self._counts = counts
        self._ways: dict[str, Callable[[Gateway], Awaitable[None]]] = {
            "kill": self._kill,
            "stop": self._stop,
            "pause": self._pause,
            "partition": self._partition,
            "isolation": self._isolation,
            "own broker away": self._away,
            "clock": self._clock,
            "full disk": self._full,
        }

    async def run(self, seconds: float) -> None:
        """Two lanes of faults, so that they overlap; no two of one gateway's process at once."""
        end = time.monotonic() + seconds
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._lane(["kill", "kill", "stop", "pause", "full disk", "clock"], end))
            tasks.create_task(self._lane(["partition", "isolation", "own broker away"], end))

    async def _lane(self, ways: list[str], end: float) -> None:
        while time.monotonic() < end:
            way, gateway = self._chance.choice(ways), self._hall.gateways[self._chance.choice(self._hall.names)]
            self._counts.faults[way] += 1
            await self._ways[way](gateway)
            await self._while(0.5 + 2 * self._chance.random())

    async def _while(self, seconds: float) -> None:
        """Wait, and look after processes that ended by themselves."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for each in self._hall.gateways.values():
                each.look()
            await asyncio.sleep(0.05)

    async def _kill(self, it: Gateway) -> None:
        it.kill()
        await self._while(2 * self._chance.random())
        it.start()
        await self._while(3 * self._chance.random())

    async def _stop(self, it: Gateway) -> None:
        it.kill(signal.SIGTERM)
        if it.process:
            await asyncio.to_thread(it.process.wait, 30)
        it.start()

    async def _pause(self, it: Gateway) -> None:
        it.pause(True)
        await self._while(1 + 6 * self._chance.random())
        it.pause(False)

    async def _full(self, it: Gateway) -> None:
        it.fill_disk(True)
        await self._while(2 + 6 * self._chance.random())
        it.fill_disk(False)
        await self._while(3.0)  # a kill before what was told is written would be a power cut of what is in memory

    async def _clock(self, it: Gateway) -> None:
        it.set_clock(self._chance.choice(OFFSETS))

    async def _away(self, it: Gateway) -> None:
        await self._broken([it.own])

    async def _partition(self, it: Gateway) -> None:
        other = self._chance.choice([name for name in self._hall.names if name != it.name])
        await self._broken([self._hall.links[it.name, other]])

    async def _isolation(self, it: Gateway) -> None:
        await self._broken([proxy for pair, proxy in self._hall.links.items() if it.name in pair])

    async def _broken(self, proxies: list[Proxy]) -> None:
        mode = self._chance.choice(("cut", "stalled"))
        for each in proxies:
            each.set(mode)
        await self._while(1 + 6 * self._chance.random())
        for each in proxies:
            each.set("open")


class Onlooker:
    """Hears every step of every alert on the brokers themselves."""

    def __init__(self, hall: Hall) -> None:
        self.steps: dict[str, Counter[Step]] = {name: Counter() for name in hall.names}
        self.watching: set[tuple[str, str]] = set()  # sensors that are judged
        self._links = {
            name: Link("127.0.0.1", port, f"onlooker-{name}", subscriptions=_heard(name))
            for name, port in hall.broker_port.items()
        }

    async def run(self) -> None:
        """Listen, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for name, link in self._links.items():
                tasks.create_task(self._listen(name, link))

    async def _listen(self, name: str, link: Link) -> None:
        async for message in link.messages():
            value = json.loads(message.payload or b"{}")
            if message.topic.endswith("/alert"):
                self.steps[name][step(value)] += 1
            elif value.get("state") in ("watching", "deploying"):
                self.watching.add((name, message.topic.split("/")[2]))


def _heard(name: str) -> dict[str, int]:
    return {f"reedmesh/{name}/alert": 1, f"reedmesh/{name}/+/state": 1}


async def run(folder: Path, seconds: float, seed: int) -> Counts:
    """The whole bench, in `folder`; returns what was counted."""
    shutil.rmtree(folder, ignore_errors=True)
    chance, counts = random.Random(seed), Counts()
    hall = Hall(folder, NAMES, load_family(find_family("vibration")).id, SETTINGS, chance)
    sensors, onlooker = _sensors(chance), Onlooker(hall)
    tasks = []
    try:
        await hall.start()
        tasks = [asyncio.create_task(onlooker.run()), asyncio.create_task(feed(sensors, hall.broker_port, PACE))]
        await _until(lambda: len(onlooker.watching) == len(sensors), 120.0)
        _begin(sensors)
        nemesis = Nemesis(hall, chance, counts)
        await nemesis.run(seconds)
        await _heal(hall, sensors, nemesis)
        counts.apart = 0 if await _until(lambda: in_step(hall), HEALED, strict=False) else 1
        await _until(lambda: not any(waiting(each) for each in hall.gateways.values()), HEALED, strict=False)
        await nemesis._while(3.0)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await _end(hall)
    for each in hall.gateways.values():
        judge(each, onlooker.steps[each.name], counts)
    return counts


def _begin(sensors: list[Sensor]) -> None:
    """Machines begin to fail."""
    now = time.monotonic()
    for each in sensors:
        each.calm, each.next_fault = False, now + each.chance.random() * 3


async def _heal(hall: Hall, sensors: list[Sensor], nemesis: Nemesis) -> None:
    """Network, clocks, disks and machines are well from now on."""
    for proxy in hall.proxies:
        proxy.set("open")
    for each in hall.gateways.values():
        each.set_clock("+0")
        each.fill_disk(False)
    for sensor in sensors:
        sensor.calm = True
    await nemesis._while(2.0)


async def _end(hall: Hall) -> None:
    """Gateways end as they should, so that all is on disk."""
    for each in hall.gateways.values():
        each.kill(signal.SIGTERM)
    for each in hall.gateways.values():
        if each.process:
            with contextlib.suppress(Exception):
                await asyncio.to_thread(each.process.wait, 30)
    hall.close()


def _sensors(chance: random.Random) -> list[Sensor]:
    family, recording = load_family(find_family("vibration")), recordings.simulate()
    made, hello = [], {"features": family.recipe.table()}
    for number, gateway in enumerate(NAMES):
        which = number % len(recording.names)
        good = features.extract(recording.windows(which, "train", "normal"), family.recipe)
        bad = features.extract(recording.windows(which, "test", "imbalance"), family.recipe)
        for i in range(SENSORS):
            frames = [each.tobytes() for each in good], [each.tobytes() for each in bad]
            made.append(Sensor(gateway, f"s{i}", *frames, random.Random(chance.random()), hello))
    return made


async def _until(holds: Callable[[], bool], seconds: float, strict: bool = True) -> bool:
    """Wait until it holds; raises TimeoutError, or returns False, when it does not in time."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            if strict:
                raise TimeoutError("the gateways did not begin to judge")
            return False
        await asyncio.sleep(0.2)
    return True


async def main() -> int:
    """Print the table and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    logging.disable()
    print(f"nemesis for {chosen.seconds:g} s, seed {chosen.seed}, {report.machine()}", flush=True)
    counts = await run(FOLDER / str(chosen.seed), chosen.seconds, chosen.seed)
    told = {name: value for name, value in vars(counts).items() if isinstance(value, int)}
    print("  " + ", ".join(f"{name} {value}" for name, value in told.items()))
    print("  " + ", ".join(f"{name} {count}" for name, count in sorted(counts.faults.items())))
    print("\n".join(f"  {each}" for each in counts.told))
    for name in ("lost", "doubled", "ends"):
        value = getattr(counts, name) + (counts.unwritten if name == "lost" else 0)
        report.save(f"nemesis_{name}", value, f"in {chosen.seconds:g} s, seed {chosen.seed}")
    return int(counts.wrong > 0)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
