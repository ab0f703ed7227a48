"""What an attacker can have written to a gateway's card: GB a day under each attack, by a real gateway and broker.

A trusted neighbour, or a stolen sensor, says what costs writing as fast as it can. What the kernel was given to write
(`write_bytes` of /proc) is read while the attack goes on: first what it costs at once, while budgets last, then for
SECONDS more what it costs for ever. A day is the first and, from then on, the second.

    python -m tools.bench.wear [--seconds 60] [--only heads]
"""

import argparse
import asyncio
import json
import logging
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np

from reedmesh.coding.bundle import Bundle
from reedmesh.exchange import seen
from reedmesh.exchange.seen import Held
from reedmesh.identity import keystore
from reedmesh.inference.family import Family, find_family, load_family
from reedmesh.learning import delta
from reedmesh.learning.delta import Delta
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from reedmesh.protocol import late_frame, wire
from reedmesh.provenance import ledger
from reedmesh.provenance.ledger import Checkpoint
from tools.bench import report
from tools.bench.latency import GATEWAY, LINES, prepare
from tools.checkout import ROOT
from tools.simulate import mosquitto
from tools.simulate.free_ports import free_ports

FOLDER = ROOT / "build" / "wear"
EVIL, OTHER, SENSOR = "evil", "other", "s0"
AT_ONCE = 20.0  # seconds, in which every budget that is for a start is used up
DAY = 86400.0
LISTEN = 60.0  # seconds for a start, on a machine that may be busy


@dataclass
class Attacker:
    """A neighbour's key and the windows of a sensor; everything it says is new."""

    family: Family
    folder: Path
    frames: tuple[bytes, bytes]
    link: Link
    number: int = 1000
    payloads: list[bytes] = field(default_factory=list)
    dice: random.Random = field(default_factory=lambda: random.Random(1))

    async def heads(self) -> None:
        """Heads of its ledger, each signed and newer than the one before."""
        self.number += 1
        hashed = sha256(str(self.number).encode()).digest()
        signature = keystore.load(self.folder / EVIL).signature(ledger.signed_text(EVIL, self.number, hashed))
        await self._as_neighbour(
            "head", ledger.pack_checkpoint(Checkpoint(EVIL, self.number, hashed, signature, hashed))
        )

    async def doubts(self) -> None:
        """That it holds other updates of a third gateway than we do."""
        self.number += 1
        digest = sha256(str(self.number).encode()).hexdigest()
        await self._as_neighbour("seen", seen.pack([], {OTHER: Held(7, digest)}))

    async def updates(self) -> None:
        """Snapshots of other weights each time."""
        if not self.payloads:
            self.payloads = [self._payload(seed) for seed in range(3)]
        await self._give(self.payloads[self.number % 3])

    async def junk(self) -> None:
        """Signed updates with nothing in them that makes sense."""
        await self._give(self.dice.randbytes(400))

    async def snapshots(self) -> None:
        """Requests for all that we know."""
        await self._as_neighbour("request/snapshot", json.dumps({"to": GATEWAY}).encode())

    async def hellos(self) -> None:
        """A stolen sensor says of itself something else each time."""
        self.number += 1
        hello = {"features": self.family.recipe.table(), "starts": self.number, "error": "x" * 3000}
        await self._as_sensor("hello", json.dumps(hello).encode())

    async def windows(self) -> None:
        """Its windows, normal ones, as fast as a sensor may."""
        await self._as_sensor("window", self._window(0))

    async def faults(self) -> None:
        """Its windows, now faults for as long as raises an alert, now normal ones for as long as ends it."""
        await self._as_sensor("window", self._window(int(self.number % 60 < 20)))

    async def late(self) -> None:
        """Windows that it says it kept over an outage, for each of which it wants a receipt."""
        await self._as_sensor("late", late_frame.pack_late(5, self._window(0)))

    async def words(self) -> None:
        """What becomes of a model that it was never offered."""
        self.number += 1
        await self._as_sensor("model/status", json.dumps({"code": 400, "reason": f"no {self.number}"}).encode())

    def _window(self, kind: int) -> bytes:
        self.number += 1
        return self.frames[kind][:8] + self.number.to_bytes(4, "little") + self.frames[kind][12:]

    def _payload(self, seed: int) -> bytes:
        weights = np.random.default_rng(seed).normal(0, 0.1, sum(self.family.tensors)).astype(np.float32)
        told = Delta(weights, 100, 0.1, np.ones(self.family.recipe.length, np.float32))
        return delta.pack(told, self.family.tensors, delta.PROFILES["full"])[0]

    async def begin(self) -> None:
        """A third gateway, an honest one, gives an update that can be doubted."""
        await self._give(self._payload(9), OTHER, 7)

    async def _give(self, payload: bytes, who: str = EVIL, number: int = 0) -> None:
        self.number += 1
        made = Bundle(payload, self.family.id, who, number or self.number, number or self.number)
        await self._as_neighbour("manifest", keystore.load(self.folder / who).sign(made.manifest), who)
        for frame in made.wave(dict.fromkeys(range(made.shape.blocks), made.shape.k)):
            await self._as_neighbour("shard", frame, who)

    async def _as_neighbour(self, leaf: str, payload: bytes, who: str = EVIL) -> None:
        topic = wire.topic(who, "update", self.family.id, *leaf.split("/"))
        await self.link.publish(Message(topic, payload))

    async def _as_sensor(self, leaf: str, payload: bytes) -> None:
        await self.link.publish(Message(wire.topic(GATEWAY, SENSOR, *leaf.split("/")), payload))


Attack = Callable[[Attacker], Awaitable[None]]
ATTACKS: dict[str, tuple[float, Attack | None]] = {  # messages a second; a sensor is left out above 100
    "nothing": (1.0, None),
    "heads": (500.0, Attacker.heads),
    "doubts": (500.0, Attacker.doubts),
    "updates": (50.0, Attacker.updates),
    "junk": (50.0, Attacker.junk),
    "snapshots": (20.0, Attacker.snapshots),
    "hellos": (50.0, Attacker.hellos),
    "windows": (80.0, Attacker.windows),
    "faults": (80.0, Attacker.faults),
    "late": (80.0, Attacker.late),
    "words": (80.0, Attacker.words),
}


@dataclass(frozen=True)
class Cost:
    """Of one attack: MB written while it began, and GB a day from then on."""

    name: str
    at_once: float
    daily: float

    @property
    def day(self) -> float:
        """GB of the first day."""
        return self.at_once / 1e3 + self.daily


async def measure(name: str, seconds: float) -> Cost:
    """One attack on a gateway that begins anew."""
    folder, port = FOLDER / name, free_ports(1)[0]
    shutil.rmtree(folder, ignore_errors=True)
    frames = prepare(folder, 2)
    (folder / "mosquitto.conf").write_text("\n".join(LINES).format(port=port) + "\n")
    (folder / "reedmesh.toml").write_text(_settings(folder, port))
    program = mosquitto.program()
    assert program, "no mosquitto found: apt install mosquitto"
    broker = subprocess.Popen([str(program), "-c", str(folder / "mosquitto.conf")], stderr=subprocess.DEVNULL)
    words = [sys.executable, "-m", "reedmesh", "run", str(folder / "reedmesh.toml")]
    gateway = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    link = Link("127.0.0.1", port, "attacker", subscriptions={f"{wire.BASE}/{GATEWAY}/+/state": 1})
    heard = asyncio.Event()
    listening = asyncio.create_task(_listen(link, heard))
    try:
        async with asyncio.timeout(LISTEN):
            await heard.wait()
        attacker = Attacker(load_family(find_family("vibration")), folder, frames, link)
        await attacker.begin()
        begin = written(gateway.pid)
        await _go_on(name, attacker, AT_ONCE)
        after, at = written(gateway.pid), time.monotonic()
        await _go_on(name, attacker, seconds)
        assert gateway.poll() is None, f"{name}: the gateway ended"
        rate = (written(gateway.pid) - after) / (time.monotonic() - at)
        return Cost(name, (after - begin) / 1e6, rate * DAY / 1e9)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        for process in (gateway, broker):
            process.terminate()
            process.wait(30)


async def _go_on(name: str, attacker: Attacker, seconds: float) -> None:
    rate, attack = ATTACKS[name]
    begin = time.monotonic()
    for count in range(int(rate * seconds)):
        if attack:
            await attack(attacker)
        await asyncio.sleep(max(0.0, begin + count / rate - time.monotonic()))
        if time.monotonic() > begin + seconds:
            break


async def _listen(link: Link, heard: asyncio.Event) -> None:
    async for _ in link.messages():
        heard.set()


def written(pid: int) -> int:
    """Bytes that a process had the kernel write."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def _settings(folder: Path, port: int) -> str:
    text = f'name = "{GATEWAY}"\nstate = "{folder}"\n[broker]\nport = {port}\nanonymous = true\n'
    for name in (EVIL, OTHER):
        key = keystore.load(folder / name).public.hex()
        text += f'\n[[neighbours]]\nname = "{name}"\nhost = "127.0.0.1"\nport = {port}\nkey = "{key}"\n'
    return text


async def main() -> None:
    """Print the table and keep the worst."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="for each attack, after its begin")
    parser.add_argument("--only", default="", help="one attack")
    parser.add_argument("--together", type=int, default=4, help="attacks at a time, each on a gateway of its own")
    chosen = parser.parse_args()
    logging.disable()
    print(f"written to the card under attack, {report.machine()}")
    print(f"{'attack':<12} {'a second':>8} {'MB at once':>11} {'GB a day':>9}", flush=True)
    costs: list[Cost] = []
    names = [name for name in ATTACKS if chosen.only in ("", name)]
    for group in (names[i : i + chosen.together] for i in range(0, len(names), chosen.together)):
        costs += await asyncio.gather(*(measure(name, chosen.seconds) for name in group))
        for each in costs[-len(group) :]:
            print(f"{each.name:<12} {ATTACKS[each.name][0]:>8.0f} {each.at_once:>11.2f} {each.day:>9.2f}", flush=True)
    if not chosen.only:
        worst = max(costs, key=lambda each: each.day)
        report.save("wear_gb_day_worst", worst.day, f"GB/day, {worst.name}", {each.name: each.day for each in costs})


if __name__ == "__main__":
    asyncio.run(main())
