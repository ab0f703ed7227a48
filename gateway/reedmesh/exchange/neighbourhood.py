"""What neighbours learn from each other: updates out, after each round; theirs in, each verified before it counts.

Everything that leaves is a signed, coded bundle (`exchange.py`); what is in it, `delta.py` says. Each update continues
the one before, so each is kept on disk together with what it changes (`copies.py`) before anybody hears of it. What a
round makes of the neighbours' copies is `update.py`'s to say.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256

import numpy as np

from reedmesh.coding.collector import Collector, Limits, Payload
from reedmesh.errors import WireError
from reedmesh.exchange.checkpoints import CheckpointExchange
from reedmesh.exchange.deadline import Bounds, Deadline
from reedmesh.exchange.federation import OPEN, Federation
from reedmesh.exchange.listener import LOOK_SECONDS, Exchange
from reedmesh.exchange.sender import Pace, Sender
from reedmesh.identity.keyring import Keyring
from reedmesh.identity.keys import Key
from reedmesh.inference.family import Family
from reedmesh.learning import delta
from reedmesh.learning.aggregate import Merged, Peer
from reedmesh.learning.delta import Delta, Profile
from reedmesh.learning.events import Event, EventHandler, Given, Refused, Taken
from reedmesh.learning.steps import Trained, start
from reedmesh.learning.verify import verify
from reedmesh.links.message import Channel, Message, Subscriber
from reedmesh.provenance import ledger
from reedmesh.provenance.ledger import Entry
from reedmesh.store import replicas
from reedmesh.store.replicas import LearningState
from reedmesh.store.writer import Disk

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timing:
    """How fast a gateway speaks, asks again, and goes on without the others."""

    bounds: Bounds = field(default_factory=Bounds)
    pace: Pace = field(default_factory=Pace)
    limits: Limits = field(default_factory=Limits)
    look: float = LOOK_SECONDS


class Share:
    """The gateway `name` among `neighbours` whose public keys are in `keyring`.

    knows: what it learnt. event_handlers: called with each event, in the order in which they happen; they must not
    block.
    appointment: what appointed `key`, for neighbours that know but the one before. heads: of ledgers, to be exchanged.
    """

    def __init__(
        self,
        name: str,
        family: Family,
        key: Key,
        keyring: Keyring,
        heads: CheckpointExchange,
        disk: Disk,
        neighbours: Collection[str],
        profile: Profile,
        timing: Timing = Timing(),
        federation: Federation = OPEN,
        appointment: bytes | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        begun = start(family)
        self.event_handlers: list[EventHandler] = []
        self.profile = profile
        sequences = disk.store.sequences(family.id)
        blank = LearningState(begun, np.zeros_like(begun), sequences.get(name, 0))
        self.learning_state = replicas.knowledge(disk.store.db, family.id) or blank
        self.news = asyncio.Event()  # set when an update was taken
        self._name = name
        self._family = family
        self._key = key
        self._keyring = keyring
        self._disk = disk
        self._timing = timing
        self._federation = federation
        self._appointment = appointment
        self._checkpoints = heads
        self._clock = clock
        self._neighbours = neighbours
        self._peers = replicas.peers(disk.store.db, family.id)
        self._signers: dict[str, bytes] = {}  # the key that each signed its newest with
        self._collector = Collector(
            {(each, family.id): last for each, last in sequences.items() if each != name}, timing.limits
        )
        self._deadline = Deadline(timing.bounds)
        self._began = 0.0  # when the last round began to wait
        self._heard: set[str] = set()  # neighbours of whom something new came since the last round
        self._awaited: set[str] = set()  # neighbours of whom nothing came since this one began to wait
        self._arrived: asyncio.Queue[Payload] = asyncio.Queue()
        self._giving = asyncio.Lock()
        self._gave = False  # since the start
        self._newcomer = asyncio.Event()
        self.sender: Sender | None = None

    def peers(self) -> dict[str, Peer]:
        """The neighbours' public copies; nothing of one whose key was revoked since."""
        return {name: peer for name, peer in self._peers.items() if self._is_trusted(name)}

    def heard(self) -> dict[str, int | None]:
        """The newest update that was taken of each neighbour."""
        return {name: self._peers[name].sequence if name in self._peers else None for name in self._neighbours}

    @property
    def seconds(self) -> float:
        """How long the next round would wait for neighbours."""
        return self._deadline.seconds

    def greeting(self) -> list[Message]:
        """What our broker must hold of our updates."""
        return self.sender.greeting() if self.sender else []

    async def run(self, own: Channel, neighbours: Sequence[Subscriber]) -> None:
        """Exchange with the neighbours for ever."""
        family, look, together = self._family.id, self._timing.look, self._federation
        self.sender = sender = Sender(
            self._name, self._key, [own], self._note_newcomer, self._timing.pace, federation=together
        )
        if self._appointment:
            sender.keep(family, "key", self._appointment)
        exchange = Exchange(
            self._name,
            self._keyring,
            [family],
            self._collector,
            sender,
            [own],
            self._arrived.put_nowait,
            look=look,
            federation=together,
            witness=self._checkpoints.hear,
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(exchange.run(neighbours))
            tasks.create_task(self._checkpoints.run(partial(sender.keep, family, "head")))
            tasks.create_task(self._serve())
            tasks.create_task(self._take())

    @property
    def anything_new(self) -> bool:
        """Whether a neighbour told something since the last round."""
        return bool(self._heard)

    async def give(self, trained: Trained) -> None:
        """Tell neighbours what changed since they last heard of us. They are taken to hold it from then on."""
        async with self._giving:
            knows = replace(
                self.learning_state,
                weights=trained.weights,
                windows=trained.windows,
                quantile=trained.quantile,
                squares=trained.squares,
            )
            if not self.learning_state.windows:  # neighbours hold nothing of us, or what a lost database knew of
                await self._give_snapshot(knows)
                return
            change = Delta(knows.weights - knows.public, knows.windows, knows.quantile)
            payload, step = delta.pack(change, self._family.tensors, self.profile)
            await self._give(replace(knows, public=knows.public + step), payload)

    async def collect(self) -> tuple[dict[str, Peer], tuple[str, ...]]:
        """The neighbours' copies, and who is late: waits for all that are worth it, but not beyond the deadline."""
        expected = self._deadline.awaited(each for each in self._neighbours if self._is_trusted(each))
        self._awaited, self._began = expected - self._heard, self._clock()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._deadline.seconds):
                while self._awaited:
                    self.news.clear()
                    await self.news.wait()
        late = tuple(sorted(self._awaited))
        self._deadline.missed(late)
        self._heard.clear()
        return self.peers(), late

    async def keep(self, merged: Merged, peers: Mapping[str, Peer]) -> None:
        """Keep the merged weights; what is new in them, neighbours hear in the next round."""
        told = entries(merged, peers, self._family.id)
        async with self._giving:
            self.learning_state = replace(
                self.learning_state, weights=merged.weights, rounds=self.learning_state.rounds + 1
            )
            await self._disk.call(
                replicas.keep, self._disk.store, self._name, self._family.id, self.learning_state, None, *told
            )

    def tell(self, event: Event) -> None:
        """Have the event_handlers note it."""
        for witness in self.event_handlers:
            witness(event)

    async def _give_snapshot(self, knows: LearningState) -> None:
        """What stands alone: all weights, which neighbours' copies are replaced with."""
        whole = Delta(knows.weights, knows.windows, knows.quantile, knows.squares)
        payload, public = delta.pack(whole, self._family.tensors, delta.PROFILES["full"])
        await self._give(replace(knows, public=public), payload)

    async def _give(self, knows: LearningState, payload: bytes) -> None:
        """First on disk, then on its way: after a power cut between the two the same bytes are published again."""
        self.learning_state, self._gave = replace(knows, sequence=knows.sequence + 1), True
        knows = self.learning_state
        entry = self._entry(ledger.GIVEN, self._name, knows.sequence, payload)
        await self._disk.call(replicas.keep, self._disk.store, self._name, self._family.id, knows, payload, entry)
        self.tell(Given(knows.sequence, payload))
        await self._publish(knows.sequence, payload)

    async def _publish(self, sequence: int, payload: bytes) -> None:
        if self.sender:
            base = sequence - (not delta.stands_alone(payload))
            await self.sender.publish(self._family.id, sequence, base, payload)
            log.info("update %d published, %d bytes", sequence, len(payload))

    def _note_newcomer(self, _: str) -> None:
        """Somebody missed something: the next update stands alone, and comes soon."""
        self._newcomer.set()

    async def _serve(self) -> None:
        """First what was last published, for a broker that lost it; then a snapshot whenever one was asked for."""
        async with self._giving:
            last = await self._disk.call(self._disk.store.last_update, self._name, self._family.id)
            if last and not self._gave:
                await self._publish(*last)
        while True:
            await self._newcomer.wait()
            self._newcomer.clear()
            async with self._giving:
                if self.learning_state.windows:
                    await self._give_snapshot(self.learning_state)

    async def _take(self) -> None:
        while True:
            await self._take_one(await self._arrived.get())

    async def _take_one(self, payload: Payload) -> None:
        """Verify an update and add it to the copy; a refused one uses up its sequence, and a snapshot must follow."""
        sender, sequence, base = payload.manifest.sender, payload.manifest.sequence, payload.manifest.base
        peer, reason = None, ""
        try:
            peer = verify(self._family, self._peers.get(sender), sequence, base, payload.data)
        except WireError as fault:
            reason = str(fault)
        kind = ledger.TAKEN if peer else ledger.REFUSED
        entry = self._entry(kind, sender, sequence, payload.data, reason)
        await self._disk.call(replicas.keep_peer, self._disk.store, sender, self._family.id, sequence, peer, entry)
        if not peer:
            log.warning("update %d of %s is left out: %s", sequence, sender, reason)
            if base != sequence:  # whose snapshot is junk is not asked for another
                self._collector.miss((sender, self._family.id), self._clock())
            self._awaited.discard(sender)
            self.news.set()
            self.tell(Refused(sender, sequence, reason, len(payload.data)))
            return
        self._peers[sender], self._signers[sender] = peer, payload.manifest.signer
        self._note_arrival(sender)
        self.tell(Taken(sender, sequence, payload.data))
        self.news.set()
        log.info("update %d of %s taken", sequence, sender)

    def _note_arrival(self, sender: str) -> None:
        self._deadline.heard(sender)
        self._heard.add(sender)
        if sender in self._awaited:
            self._awaited.remove(sender)
            self._deadline.took(self._clock() - self._began)

    def _is_trusted(self, name: str) -> bool:
        keys = self._keyring.of(name)
        return self._signers.get(name) in keys if name in self._signers else bool(keys)

    def _entry(self, kind: str, name: str, sequence: int, payload: bytes, reason: str = "") -> Entry:
        return Entry(kind, name, "", self._family.id, sequence, sha256(payload).hexdigest(), reason=reason)


def entries(merged: Merged, peers: Mapping[str, Peer], family: str) -> Iterator[Entry]:
    """What the ledger says of a merge: whose updates are in it and what each was worth, whose are not and why."""
    for name, share in merged.taken.items():
        shares = round(share, 6), round(merged.worth.get(name, 0.0), 9)
        yield Entry(ledger.MERGED, name, "", family, *peers[name].origin, *shares)
    for name, reason in merged.refused.items():
        yield Entry(ledger.LEFT_OUT, name, "", family, *peers[name].origin, reason=reason)
