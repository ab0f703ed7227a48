"""What a nemesis breaks: gateways and brokers as processes, the network between them, sensors, a hostile neighbour.

Each gateway has a mosquitto of its own, which it and its neighbours reach through proxies that can be cut or stalled;
sensors and the onlooker reach it directly, so that what is lost is lost by a gateway. Clocks are libfaketime's.
"""

import asyncio
import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from reedmesh.identity import keystore, succession
from reedmesh.identity.keys import Key
from reedmesh.identity.succession import Succession
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from reedmesh.protocol import wire
from reedmesh.provenance import ledger
from reedmesh.provenance.ledger import Checkpoint
from tools.bench.latency import LINES
from tools.simulate import mosquitto
from tools.simulate.free_ports import free_ports

FAKETIME = (
    Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"),
    Path("/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1"),
)
EVIL = "evil"
UNLIMITED = resource.RLIM_INFINITY
PAGE = 4096  # bytes of a file that a full disk still takes


class Proxy:
    """The network to one broker: open, cut, or stalled, when bytes wait and nobody is told."""

    def __init__(self, to: int, port: int) -> None:
        self.port = port
        self.mode = "open"
        self._to = to
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    def set(self, mode: str) -> None:
        """From now on; cut hangs up on all who are connected."""
        self.mode = mode
        if mode == "cut":
            for writer in list(self._writers):
                writer.transport.abort()

    def close(self) -> None:
        """Hang up for good."""
        self.set("cut")
        if self._server:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode == "cut":
            writer.transport.abort()
            return
        try:
            there = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, there[1]}
        await asyncio.gather(self._pump(reader, there[1]), self._pump(there[0], writer), return_exceptions=True)
        self._writers -= {writer, there[1]}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                while self.mode == "stalled":
                    await asyncio.sleep(0.05)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:  # also when the hall closes
            writer.transport.abort()


@dataclass
class Gateway:
    """One gateway's process. ends: times at which it ended though nobody asked, with its exit status."""

    name: str
    folder: Path
    own: Proxy
    process: subprocess.Popen[bytes] | None = None
    asked: bool = True  # whether it is meant to be down
    ends: list[int] = field(default_factory=list)

    @property
    def config(self) -> Path:
        """Its settings file."""
        return self.folder / "reedmesh.toml"

    def start(self) -> None:
        """Run it, with a clock of its own where libfaketime is here."""
        environment = dict(os.environ)
        if library := next((each for each in FAKETIME if each.exists()), None):
            environment |= {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(self.folder / "clock")}
            environment |= {"FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}
        with (self.folder / "log").open("ab") as log:
            words = [sys.executable, "-m", "reedmesh", "run", str(self.config)]
            self.process = subprocess.Popen(words, stdout=log, stderr=log, env=environment)
        self.asked = False

    def look(self) -> None:
        """Note an end that nobody asked for, and begin anew as systemd would."""
        if self.process and not self.asked and self.process.poll() is not None:
            self.ends.append(self.process.returncode)
            self.start()

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it at once, or as a person would."""
        self.asked = True
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)

    def pause(self, stopped: bool) -> None:
        """Stop it where it stands, or let it go on."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGSTOP if stopped else signal.SIGCONT)

    def fill_disk(self, full: bool) -> None:
        """Have the disk take nothing from this process, or take all again."""
        if self.process and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                limit = (PAGE if full else UNLIMITED, UNLIMITED)
                resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, limit)

    def set_clock(self, offset: str) -> None:
        """Such as "+3600": from the true time."""
        (self.folder / "clock").write_text(offset + "\n")


@dataclass
class Sensor:
    """Publishes windows on its gateway's broker; a fault now and then, until it is told to be calm."""

    gateway: str
    name: str
    good: Sequence[bytes]
    bad: Sequence[bytes]
    chance: random.Random
    hello: dict[str, Any]
    number: int = 0
    faulty: int = 0  # windows of the present fault that are still to come
    next_fault: float = 0.0
    calm: bool = True

    def frame(self, now: float) -> bytes:
        """The next window."""
        self.number += 1
        if not self.calm and now >= self.next_fault:
            self.faulty, self.next_fault = self.chance.randrange(1, 4), now + 4 + 8 * self.chance.random()
        chosen = self.chance.choice(self.bad) if self.faulty else self.good[self.number % len(self.good)]
        self.faulty = max(0, self.faulty - 1)
        window = wire.Window(chosen, boot=1 + sum(self.name.encode()), number=self.number)
        made = bytearray(wire.WINDOW_HEADER + len(chosen))
        wire.pack_window(window, made)
        return bytes(made)


class Evil:
    """A neighbour that all trust: heads no database holds (1), keys without end (3), packets no memory holds (6)."""

    def __init__(self, family: str, folder: Path, port: int, chance: random.Random) -> None:
        self.key = keystore.load(folder)
        self.port = port
        self.said: Counter[str] = Counter()
        self._family = family
        self._chance = chance
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Be a broker, of sorts, that gateways connect to."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    def close(self) -> None:
        """Be gone."""
        if self._server:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._attack_without_end(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:  # also when the hall closes
            writer.transport.abort()

    async def _attack_without_end(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._packet(reader)  # CONNECT
        writer.write(b"\x20\x02\x00\x00")
        kind, body = await self._packet(reader)  # SUBSCRIBE
        count = body.count(b"reedmesh/")
        writer.write(b"\x90" + _length(2 + count) + body[:2] + b"\1" * count)
        while kind:
            writer.write(self._attack())
            await writer.drain()
            await asyncio.sleep(self._chance.random())

    async def _packet(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        kind, size, shift = (await reader.readexactly(1))[0], 0, 0
        while True:
            byte = (await reader.readexactly(1))[0]
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return kind, await reader.readexactly(size)

    def _attack(self) -> bytes:
        way = self._chance.choice(("head", "head", "key", "key", "length"))
        self.said[way] += 1
        if way == "length":
            return b"\x30" + _length(230_000_000) + b"\0\5topic" + bytes(4000)
        payload = self._head() if way == "head" else self._succession()
        topic = f"{wire.BASE}/{EVIL}/update/{self._family}/{way}".encode()
        body = len(topic).to_bytes(2) + topic + payload
        return b"\x31" + _length(len(body)) + body

    def _head(self) -> bytes:
        number = self._chance.choice((1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1, self._chance.randrange(1 << 40)))
        hashed = sha256(self._chance.randbytes(8)).digest()
        signature = self.key.signature(ledger.signed_text(EVIL, number, hashed))
        return ledger.pack_checkpoint(Checkpoint(EVIL, number, hashed, signature, hashed))

    def _succession(self) -> bytes:
        new, until = Key(self._chance.randbytes(32)), self._chance.choice((0, int(time.time()) + 86400, 2**64 - 1))
        said = Succession(EVIL, until, self.key.public, new.public)
        return succession.pack(said, self.key.signature(said.text()), new.signature(said.text()))


def _length(size: int) -> bytes:
    """A remaining length as MQTT packs it."""
    out = b""
    while True:
        byte, size = size & 127, size >> 7
        out += bytes([byte | (128 if size else 0)])
        if not size:
            return out


class Hall:
    """Gateways `names`, their brokers, the network, and the hostile neighbour, below `folder`."""

    def __init__(self, folder: Path, names: Sequence[str], family: str, settings: str, chance: random.Random) -> None:
        self.folder = folder
        self.names = list(names)
        pairs = [(one, other) for one in names for other in names if one != other]
        ports = iter(free_ports(2 * len(self.names) + len(pairs) + 1))
        self.broker_port = {name: next(ports) for name in names}
        self.links = {pair: Proxy(self.broker_port[pair[1]], next(ports)) for pair in pairs}
        self.gateways = {
            name: Gateway(name, folder / name, Proxy(self.broker_port[name], next(ports))) for name in names
        }
        self.evil = Evil(family, folder / EVIL, next(ports), chance)
        self._brokers: list[subprocess.Popen[bytes]] = []
        for each in self.gateways.values():
            self._configure(each, settings)

    @property
    def proxies(self) -> list[Proxy]:
        """The whole network."""
        return [*self.links.values(), *(each.own for each in self.gateways.values())]

    async def start(self) -> None:
        """All of it; returns when the gateways run, not when they are ready."""
        program = mosquitto.program()
        assert program, "no mosquitto found: apt install mosquitto"
        for name, port in self.broker_port.items():
            config = self.folder / f"{name}.conf"
            config.write_text("\n".join(LINES).format(port=port) + "\n")
            self._brokers.append(subprocess.Popen([str(program), "-c", str(config)], stderr=subprocess.DEVNULL))
        for proxy in self.proxies:
            await proxy.start()
        await self.evil.start()
        for each in self.gateways.values():
            each.start()

    def close(self) -> None:
        """End every process."""
        self.evil.close()
        for proxy in self.proxies:
            proxy.close()
        running = [*(each.process for each in self.gateways.values() if each.process), *self._brokers]
        for process in running:
            process.kill()
            process.wait()

    def _configure(self, it: Gateway, settings: str) -> None:
        it.folder.mkdir(parents=True, exist_ok=True)
        it.set_clock("+0")
        text = (
            f'name = "{it.name}"\nstate = "{it.folder / "state"}"\n[broker]\nport = {it.own.port}\nanonymous = true\n'
        )
        text += settings
        for other in self.names:
            if other != it.name:
                key = keystore.load(self.folder / other / "state").public
                text += _neighbour(other, self.links[it.name, other].port, key)
        it.config.write_text(text + _neighbour(EVIL, self.evil.port, self.evil.key.public))


def _neighbour(name: str, port: int, key: bytes) -> str:
    return f'\n[[neighbours]]\nname = "{name}"\nhost = "127.0.0.1"\nport = {port}\nkey = "{key.hex()}"\n'


async def feed(sensors: Sequence[Sensor], ports: dict[str, int], pace: float) -> None:
    """Publish a window of each sensor every `pace` seconds, until cancelled."""
    links = {name: Link("127.0.0.1", port, f"sensors-{name}") for name, port in ports.items()}
    async with asyncio.TaskGroup() as tasks:
        for link in links.values():
            tasks.create_task(_drain(link))
        for each in sensors:
            hello = Message(wire.topic(each.gateway, each.name, "hello"), json.dumps(each.hello).encode(), 1, True)
            while not await links[each.gateway].publish(hello):
                await asyncio.sleep(pace)
        while True:
            for each in sensors:
                topic = wire.topic(each.gateway, each.name, "window")
                await links[each.gateway].publish(Message(topic, each.frame(time.monotonic())))
            await asyncio.sleep(pace)


async def _drain(link: Link) -> None:
    async for _ in link.messages():
        pass
