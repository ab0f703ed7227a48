"""A site of archives for the bench: each gateway with a mosquitto of its own, and links to those of all others."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path

from reedmesh.archive import frames
from reedmesh.archive.link import ArchiveLink
from reedmesh.archive.node import Archive
from reedmesh.config.settings import FEDERATION
from reedmesh.errors import ConfigError
from reedmesh.identity.keys import Key
from reedmesh.links.message import Subscriber
from reedmesh.links.mqtt_link import Link
from tools.simulate import mosquitto
from tools.simulate.free_ports import free_port

CAPACITY = 100_000_000  # bytes that each gateway offers
CONNECT_SECONDS = 60.0


class Clock:
    """The machine's time, and as much more as the bench lets pass at once."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        """Return seconds since 1970."""
        return time.time() + self.ahead


class Member:
    """A gateway with its broker, as long as it lives."""

    def __init__(self, name: str, archive: Archive, broker: "subprocess.Popen[bytes]", own: Link) -> None:
        self.name, self.archive, self.own = name, archive, own
        self._broker = broker
        self.tasks: list[asyncio.Task[None]] = []

    async def kill(self) -> None:
        """End it as a power cut does: broker, links and work at once."""
        self._broker.kill()
        self._broker.wait()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.archive.site.close()


class BenchSite:
    """Gateways g0, g1 ... in `folder`."""

    def __init__(self, folder: Path, ports: dict[str, int]) -> None:
        self.folder, self.clock = folder, Clock()
        self.names, self.ports = list(ports), ports
        self.members: dict[str, Member] = {}

    def start(self, name: str) -> Member:
        """Begin a gateway with an empty or a used folder."""
        others = [each for each in self.names if each != name]
        trusted = partial(_keys, self.names)
        about = self.folder / name, CAPACITY, FEDERATION, self.clock, self.clock
        archive = Archive(name, key_of(name), others, trusted, trusted, *about)
        own = Link("127.0.0.1", self.ports[name], name)
        links = [self._link(name, other, archive) for other in others]
        member = self.members[name] = Member(name, archive, self._broker(name), own)
        works = [_drain(own), archive.run(own.publish), *map(_drain, links)]
        member.tasks = [asyncio.ensure_future(each) for each in works]
        return member

    def alive(self) -> list[Member]:
        """Those that were not killed."""
        return list(self.members.values())

    async def kill(self, name: str) -> None:
        """End a gateway."""
        await self.members.pop(name).kill()

    async def until(self, what: str, seconds: float, is_so: Callable[[], bool]) -> float:
        """Wait until something holds; returns the seconds it took, raises ConfigError when it takes too long."""
        began = time.monotonic()
        while not is_so():
            if time.monotonic() - began > seconds:
                raise ConfigError(f"not within {seconds:g} s: {what}")
            await asyncio.sleep(0.1)
        return time.monotonic() - began

    def files(self) -> int:
        """Bytes of all files of all archives."""
        return sum(path.stat().st_size for path in self.folder.glob("*/archive/*"))

    def _link(self, name: str, other: str, archive: Archive) -> Subscriber:
        topics = frames.subscriptions(other, name)
        link = Link("127.0.0.1", self.ports[other], f"{name}-at-{other}", subscriptions=topics)
        return ArchiveLink(link, archive.take, lambda: True)

    def _broker(self, name: str) -> "subprocess.Popen[bytes]":
        program = mosquitto.program()
        if not program:
            raise ConfigError("no mosquitto found: apt install mosquitto")
        config = self.folder / f"{name}.conf"
        config.write_text(f"listener {self.ports[name]} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n")
        return subprocess.Popen([str(program), "-c", str(config)], stderr=subprocess.DEVNULL)


def free_site(count: int) -> dict[str, int]:
    """Names g0, g1 ... of gateways, and the ports of their brokers."""
    return {f"g{i}": free_port() for i in range(count)}


@asynccontextmanager
async def bench_site(folder: Path, ports: dict[str, int], here: Sequence[str] = ()) -> AsyncIterator[BenchSite]:
    """A site whose gateways know each other's offers. here: those that run in this process, if not all do."""
    it = BenchSite(folder, ports)
    try:
        for name in here or it.names:
            it.start(name)
        full = lambda: all(len(each.archive.site.alive()) == len(ports) for each in it.alive())  # noqa: E731
        await it.until("all gateways heard each other", CONNECT_SECONDS, full)
        yield it
    finally:
        for name in list(it.members):
            await it.kill(name)


@contextmanager
def others_apart(folder: Path, ports: dict[str, int], there: Sequence[str]) -> Iterator[None]:
    """Gateways in a process of their own, so that what they cost is not counted here."""
    words = [sys.executable, "-m", "tools.bench.pool.site", str(folder), json.dumps(ports), *there]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            assert process.stdin
            process.stdin.close()


async def _apart(folder: Path, ports: dict[str, int], there: Sequence[str]) -> None:
    async with bench_site(folder, ports, there):
        await asyncio.to_thread(sys.stdin.read)


def key_of(name: str) -> Key:
    """The key of a gateway of the bench."""
    return Key(sha256(name.encode()).digest())


def _keys(names: list[str], who: str) -> list[bytes]:
    return [key_of(who).public] if who in names else []


async def _drain(link: Subscriber) -> None:
    async for _ in link.messages():
        pass


if __name__ == "__main__":
    asyncio.run(_apart(Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:]))
