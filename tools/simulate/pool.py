"""Gateways that lend each other computing, in one process over a broker in memory; some vanish or lie."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from reedmesh.config.jobs import Jobs
from reedmesh.exchange.federation import JOBS, OPEN
from reedmesh.identity.keyring import Keyring
from reedmesh.identity.keys import Key
from reedmesh.jobs.frames import MOST_RESULT
from reedmesh.jobs.pool import Pool
from reedmesh.jobs.process import Done, Limits, Run
from reedmesh.jobs.rule import Condition
from reedmesh.links.memory_link import MemoryBroker
from reedmesh.links.message import Subscriber
from reedmesh.links.rejects import Rejects
from reedmesh.store.store import Store
from reedmesh.store.writer import Disk

LIES = ("another", "zeros", "nothing", "too long", "cut short")


@dataclass
class Member:
    """One gateway of the pool. lie: what it does to results, "" for an honest one. alike: liars that agree on a lie."""

    name: str
    pool: Pool
    disk: Disk
    lie: str = ""
    alike: bool = False
    silent: bool = False  # it takes jobs and says nothing more
    condition: Condition = field(default_factory=Condition)
    rejects: Rejects = field(default_factory=Rejects)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def stop(self) -> None:
        """End it as kill -9 would: nothing more is said."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks.clear()


def key_of(name: str) -> Key:
    """A key that follows from a name."""
    return Key(sha256(name.encode()).digest())


class Halls:
    """All members. run: does a job, as `process.run` would."""

    def __init__(self, folder: Path, count: int, run: Run, seed: int = 1, **options: Any) -> None:
        self.names = [f"hall{i}" for i in range(count)]
        self.broker = MemoryBroker()
        self._folder, self._run, self._options = folder, run, options
        self._dice = random.Random(seed)
        self.members = {name: self._make(name) for name in self.names}

    def _make(self, name: str) -> Member:
        disk = Disk(Store(self._folder / name))
        key, others = key_of(name), [each for each in self.names if each != name]
        disk.store.begin_ledger(name, key, time.time)
        ring = Keyring({each: key_of(each).public for each in others})
        member = Member(name, None, disk)  # type: ignore[arg-type]

        async def run(kind: str, arguments: dict[str, Any], data: Path, limits: Limits) -> Done:
            if member.silent:
                await asyncio.Event().wait()
            done = await self._run(kind, arguments, data, limits)
            return self._bent(member, done)

        state, wanted = self._folder / name, Jobs(lend=True)
        member.pool = Pool(
            name, key, ring, OPEN, disk, state, wanted, lambda: member.condition, run=run, **self._options
        )
        return member

    def _bent(self, member: Member, done: Done) -> Done:
        if not member.lie:
            return done
        salt = b"" if member.alike else member.name.encode() + self._dice.randbytes(4)
        lies: dict[str, Callable[[], bytes]] = {
            "another": lambda: _another(done.data, salt),
            "zeros": lambda: bytes(len(done.data)),
            "nothing": lambda: b"",
            "too long": lambda: bytes(MOST_RESULT),
            "cut short": lambda: done.data[:-1],
        }
        return Done(lies[member.lie](), done.ms)

    async def start(self, name: str) -> None:
        """Begin, or begin anew with what is on disk."""
        member = self.members[name]
        link = self.broker.link(*self._topics(name))
        member.tasks += [asyncio.create_task(self.listen(name, link)), asyncio.create_task(member.pool.run(link))]
        await asyncio.sleep(0)

    async def listen(self, name: str, link: Subscriber) -> None:
        """Hear what comes by a link, as the listener of a gateway does."""
        await _listen(self.members[name], link)

    async def restart(self, name: str) -> None:
        """As a process that was killed, with another pool on the same disk."""
        before = self.members[name]
        await before.stop()
        before.disk.close()
        self.members[name] = self._make(name)
        await self.start(name)

    def _topics(self, name: str) -> list[str]:
        return [topic for each in self.names if each != name for topic in OPEN.topics(each, JOBS, name)]

    def balance(self) -> int:
        """Ms lent less ms borrowed, over all members: 0 where their accounts agree."""
        tables = [member.disk.store.lending.accounts().values() for member in self.members.values()]
        return sum(each.lent - each.borrowed for table in tables for each in table)


@asynccontextmanager
async def halls(folder: Path, count: int, run: Run, **options: Any) -> AsyncIterator[Halls]:
    """That many, at work."""
    it = Halls(folder, count, run, **options)
    async with AsyncExitStack() as stack:
        for name in it.names:
            await it.start(name)
        stack.push_async_callback(_end, it)
        await asyncio.sleep(0)
        yield it


async def _end(it: Halls) -> None:
    for member in it.members.values():
        await member.stop()
        member.disk.close()


async def _listen(member: Member, link: Subscriber) -> None:
    async for message in link.messages():
        try:
            heard = OPEN.hear(message)
            if message.payload:
                member.pool.hear(heard)
        except Exception as fault:  # noqa: BLE001 - as the listener of a gateway does
            member.rejects.add(message.topic, fault)


def _another(data: bytes, salt: bytes) -> bytes:
    """A result of the same form that is wrong: other digits."""
    text = bytearray(data)
    digits = [i for i, byte in enumerate(text) if chr(byte).isdigit()]
    place = digits[sha256(data + salt).digest()[0] % len(digits)] if digits else 0
    text[place] = ord("1") + (text[place] + sha256(salt).digest()[1] + 1) % 9
    return (
        bytes(text)
        if bytes(text) != data
        else data.replace(bytes([text[place]]), b"8" if text[place] != 56 else b"7", 1)
    )
