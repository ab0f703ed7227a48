"""Publishes bundles on all links of a gateway: manifests retained at QoS 1, shards at QoS 0, each link at its own pace.

Links share a wave's shards: whoever is ready takes the next one, so together they are as fast as their sum, one that is
slow holds back nobody, and one that is down loses what it had in hand. What is missing then, receivers ask for.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reedmesh.coding.bundle import Bundle
from reedmesh.coding.redundancy import RISK, Losses, shards_to_send
from reedmesh.coding.repair import PendingRepairs, RepairRequest
from reedmesh.exchange.federation import OPEN, Federation
from reedmesh.exchange.lane import PACE, Lane, Pace, Wave, say
from reedmesh.identity.keys import Key
from reedmesh.links.message import Message, Publisher
from reedmesh.protocol.shards import Shape

MOST_BUNDLES = 2  # of a family that more is sent of: the newest, and the snapshot or the one before


@dataclass
class Counts:
    """Bytes and messages that were sent."""

    shards: int = 0
    manifests: int = 0
    size: int = 0  # bytes of both, with their topics


@dataclass
class _Open:
    """A bundle that receivers may ask more of."""

    bundle: Bundle
    answers: PendingRepairs
    hashed: int = 0  # shards of a block that the manifest on the brokers lists


class Sender:
    """Speaks for the gateway `name` on its `links`; `run` lasts until it is cancelled.

    missed: called for a family when a receiver missed something: a snapshot must follow. counts, losses: what went out,
    what came of it. Once a day, all that brokers retain of it is signed and said anew, under the names of the day.
    """

    def __init__(
        self,
        name: str,
        key: Key,
        links: Sequence[Publisher],
        missed: Callable[[str], None],
        pace: Pace = PACE,
        clock: Callable[[], float] = time.monotonic,
        federation: Federation = OPEN,
    ) -> None:
        self.losses = Losses()
        self.counts = Counts()
        self._name = name
        self._key = key
        self._federation = federation
        self._day = federation.day(name)
        self._cleared: int | None = None
        self._on_missed = missed
        self._pace = pace
        self._clock = clock
        self._lanes = [Lane(link, pace) for link in links]
        self._open: dict[str, list[_Open]] = {}  # by family
        self._announced: dict[str, _Open] = {}  # by family: the bundle that the manifest on the brokers is of
        self._retained: dict[str, dict[str, bytes]] = {}  # by family, then leaf: what every broker must hold
        self._missed: set[str] = set()  # families of which a snapshot was asked for
        self._snapshot_after: dict[str, float] = {}
        self._coding = asyncio.Lock()  # one bundle at a time, in a thread

    def greeting(self) -> list[Message]:
        """The messages that every broker must retain, for links to publish when they connect."""
        return [
            self._message(family, leaf, what) for family, kept in self._retained.items() for leaf, what in kept.items()
        ]

    def keep(self, family: str, leaf: str, what: bytes) -> None:
        """Have every broker hold `what` from now on."""
        self._retained.setdefault(family, {})[leaf] = what
        self._put(Wave(family, {leaf: what}, deque()))

    async def publish(self, family: str, sequence: int, base: int, payload: bytes, shape: Shape | None = None) -> None:
        """Put a payload on its way, with parity for the loss that receivers reported; returns when it is coded.

        sequence, base: as in Manifest. shape: how to cut it, if not as usual. Raises WireError for a payload of 0 bytes
        or more than 16 MiB.
        """
        closed = await asyncio.to_thread(self._federation.close, payload, family, self._name, sequence, base)
        bundle = await asyncio.to_thread(Bundle, closed, family, self._name, sequence, base, shape)
        kept = self._open.setdefault(family, [])
        opened = next((each for each in kept if each.bundle.id == bundle.id), None)
        if not opened:
            opened = _Open(bundle, PendingRepairs(bundle.shape, self._pace.merge))
            kept[:] = [*kept, opened][-MOST_BUNDLES:]
        blocks = range(bundle.shape.blocks)
        await self._send(opened, dict.fromkeys(blocks, self._enough(bundle.shape.k, len(blocks))), announce=True)

    def repeats(self, family: str, sequence: int, base: int, payload: bytes) -> bool:
        """Whether `publish` says the bytes of this number that were said before."""
        return self._federation.repeats(payload, family, self._name, sequence, base)

    def ask(self, receiver: str, need: RepairRequest) -> None:
        """Note what a receiver still needs, and the loss it saw; raises WireError when it asks for too much."""
        self.losses.report(receiver, need.received, need.lost)
        for each in self._open.get(need.family, ()):
            if need.need and each.bundle.id == need.bundle:
                each.answers.ask(receiver, need.need, self._clock())

    def ask_snapshot(self, family: str) -> None:
        """Note that a receiver needs a payload that stands alone."""
        self._missed.add(family)

    async def run(self) -> None:
        """Send, and answer requests."""
        async with asyncio.TaskGroup() as tasks:
            for lane in self._lanes:
                tasks.create_task(self._serve(lane))
            tasks.create_task(self._answer())

    async def _serve(self, lane: Lane) -> None:
        while True:
            wave = await lane.next()
            for leaf, what in wave.retained.items():
                while not await self._say(lane, self._message(wave.family, leaf, what, wave.worn)):
                    await asyncio.sleep(self._pace.again)
            while wave.frames:
                frame = wave.frames.popleft()
                if not await self._say(lane, self._federation.message(self._name, wave.family, "shard", frame)):
                    wave.frames.appendleft(frame)  # another link may take it
                    await asyncio.sleep(self._pace.again)

    async def _say(self, lane: Lane, message: Message) -> bool:
        await asyncio.sleep(lane.bucket.wait(len(message.payload), self._clock()))
        if not await say(lane.link, message):
            return False
        self.counts.manifests += message.retain
        self.counts.shards += not message.retain
        self.counts.size += len(message.topic) + len(message.payload)
        return True

    async def _answer(self) -> None:
        while True:
            await asyncio.sleep(self._pace.merge / 4)
            for opened in [each for kept in self._open.values() for each in kept]:
                if due := opened.answers.due(self._clock()):
                    wanted = {block: self._enough(count, len(due)) for block, count in due.items() if count}
                    await self._send(opened, wanted, announce=False)
            for family in [each for each in self._missed if self._clock() >= self._snapshot_after.get(each, 0.0)]:
                self._have_snapshot_made(family)
            await self._keep_up()

    def _have_snapshot_made(self, family: str) -> None:
        """One serves all who asked until now; who asks while it is on its way waits for its needs to be answered."""
        self._missed.remove(family)
        self._snapshot_after[family] = self._clock() + self._pace.snapshot
        self._on_missed(family)

    def _enough(self, wanted: int, blocks: int) -> int:
        """Shards to send so that `wanted` of each of so many blocks arrive, all but surely."""
        return shards_to_send(wanted, *self.losses.median(), risk=RISK / blocks)

    async def _send(self, opened: _Open, wanted: dict[int, int], announce: bool) -> None:
        async with self._coding:
            bundle, family = opened.bundle, opened.bundle.manifest.family
            frames, retained = deque(await asyncio.to_thread(bundle.wave, wanted)), {}
            if announce or bundle.manifest.hashed > opened.hashed:
                self._announced[family], opened.hashed = opened, bundle.manifest.hashed
                retained = {"manifest": self._sign(family)}
        self._put(Wave(family, retained, frames))

    async def _keep_up(self) -> None:
        """With the day: say anew what is retained, and later take it back where it stands under yesterday's names."""
        if (day := self._federation.day(self._name)) != self._day:
            self._day = day
            async with self._coding:
                for family in self._announced:
                    self._sign(family)
            for family, kept in self._retained.items():
                self._put(Wave(family, dict(kept), deque()))
        if (old := self._federation.worn_out(self._name)) != self._cleared:
            self._cleared = old
            for family, kept in self._retained.items() if old is not None else ():
                self._put(Wave(family, dict.fromkeys(kept, b""), deque(), old))

    def _sign(self, family: str) -> bytes:
        """The manifest of what is announced, as of now."""
        signed = self._key.sign(self._announced[family].bundle.manifest, self._federation.name, self._federation.now())
        self._retained.setdefault(family, {})["manifest"] = signed
        return signed

    def _put(self, wave: Wave) -> None:
        for lane in self._lanes:
            lane.put(wave)

    def _message(self, family: str, leaf: str, what: bytes, worn: int | None = None) -> Message:
        if worn is None:
            return self._federation.message(self._name, family, leaf, what, retain=True)
        return Message(self._federation.topic(self._name, family, leaf, worn), what, qos=1, retain=True)
