"""Mallory, and the gateways she attacks: for tests of what crosses between gateways.

She may say anything on the brokers, she has recorded all that was ever said, and in a sealed federation she knows its
secret. What she has not is a key that counts.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from reedmesh.coding.bundle import Bundle
from reedmesh.config.settings import FEDERATION
from reedmesh.exchange.federation import Federation, Sealed
from reedmesh.identity.keyring import Keyring
from reedmesh.identity.keys import Key
from reedmesh.identity.trust_store import Trust
from reedmesh.links.memory_link import MemoryBroker
from reedmesh.links.message import Message
from reedmesh.protocol.shards import Shape
from tests.support.neighbours import FAMILY, Gateway, hearing, key_of, keyring, running, settle

SECRET = bytes(range(32))
SHAPE = Shape(8, 64, 512)
STRANGER, MEMBER = Key(bytes(32)), key_of("hall3")


def payload(sequence: int) -> bytes:
    return np.random.default_rng(sequence).bytes(512)


class Stage:
    """hall1, which speaks; hall2 and hall3, which it trusts; Mallory. hall2 is the victim."""

    def __init__(self, folder: Path, sealed: bool) -> None:
        self.sealed = sealed
        self.now = time.time()
        self.broker = MemoryBroker()
        self.recorded: list[Message] = []
        deliver = self.broker.deliver
        self.broker.deliver = lambda message: (self.recorded.append(message), deliver(message))[1]  # type: ignore[func-returns-value,method-assign]
        self.mallory = self.broker.link()
        pinned = {name: key_of(name).public for name in ("hall1", "hall3")}
        self.trust = Trust(folder, pinned)
        self.ring = Keyring(pinned, self.trust, clock=lambda: self.now)
        self.hall1 = Gateway("hall1", [self.broker.link()], ["hall2"], federation=self.federation("hall1"))
        self.ears = self.federation("hall2")
        self.hall2 = Gateway(
            "hall2",
            [self.broker.link()],
            [],
            applied={("hall1", FAMILY, key_of("hall1").public): 10},
            federation=self.ears,
        )
        self.hall2.exchange._keys = self.ring
        self.sequence = 10

    def federation(self, name: str, site: str = FEDERATION) -> Federation:
        """As `name` has it; Mallory uses hall1's but has no key of it."""
        ring = self.ring if name == "hall2" else keyring("hall2", "hall3", clock=lambda: self.now)
        mine = [key_of(name)]
        return (
            Sealed(site, SECRET, name, [FAMILY], mine, ring, self.clock)
            if self.sealed
            else Federation(site, self.clock)
        )

    def clock(self) -> float:
        return self.now

    @asynccontextmanager
    async def on(self) -> AsyncIterator["Stage"]:
        ears = hearing(self.broker, "hall1", "hall3", federation=self.ears)
        back = hearing(self.broker, "hall2", federation=self.hall1.exchange._federation)
        async with running((self.hall1, [back]), (self.hall2, [ears])):
            yield self

    async def say(self, leaf: str, what: bytes, by: str = "hall1") -> None:
        """Mallory says it where hall1 would, as it would."""
        await self.mallory.publish(self.federation("hall1").message(by, FAMILY, leaf, what, to="hall2"))

    async def truth(self) -> None:
        """hall1 has learnt something."""
        self.sequence += 1
        await self.hall1.sender.publish(FAMILY, self.sequence, self.sequence, payload(self.sequence))
        await self.hall2.until(lambda: self.sequences[-1:] == [self.sequence])

    @property
    def sequences(self) -> list[int]:
        return [each.manifest.sequence for each in self.hall2.got]

    async def refused(self, *frames: bytes, leaf: str = "manifest", by: str = "hall1") -> None:
        """Mallory says each of these, and each is counted as not to be believed."""
        before = self.hall2.exchange.rejects.total
        for frame in frames:
            await self.say(leaf, frame, by)
        await settle(lambda: self.hall2.exchange.rejects.total >= before + len(frames))


def forged(sequence: int = 11, sender: str = "hall1", what: bytes = b"poison" * 100) -> Bundle:
    bundle = Bundle(what, FAMILY, sender, sequence, sequence)
    bundle.wave({0: bundle.shape.k})
    return bundle


async def deliver(stage: Stage, bundle: Bundle, frame: bytes) -> None:
    """The manifest, and all shards of it."""
    await stage.say("manifest", frame)
    for shard in Bundle(bundle._payload, FAMILY, bundle.manifest.sender, bundle.manifest.sequence, 0).wave({0: 30}):
        await stage.say("shard", shard)


def seal(stage: Stage, sequence: int, base: int) -> bytes:
    """What hall1 makes of an update."""
    return stage.hall1.exchange._federation.close(payload(sequence), FAMILY, "hall1", sequence, base)
