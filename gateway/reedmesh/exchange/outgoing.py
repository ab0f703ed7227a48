"""Our updates to neighbours: one after each round, and a snapshot when a neighbour missed one.

Each update continues the one before, so each is kept on disk together with what it changes before anybody hears of it.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from reedmesh.errors import WireError
from reedmesh.exchange import entries
from reedmesh.exchange.sender import Sender
from reedmesh.inference.family import Family
from reedmesh.learning import delta, told
from reedmesh.learning.arrays import Floats
from reedmesh.learning.delta import Delta, Profile
from reedmesh.learning.events import Event, Given
from reedmesh.learning.steps import Trained, start
from reedmesh.learning.told import Told
from reedmesh.provenance import ledger
from reedmesh.provenance.ledger import Entry
from reedmesh.store.replicas import LearningState
from reedmesh.store.writer import Disk

log = logging.getLogger(__name__)


class Outgoing:
    """Of the gateway `name`. learning_state: what it learnt. sender: speaks for it, if any. tell: of events."""

    def __init__(self, name: str, family: Family, disk: Disk, profile: Profile, tell: Callable[[Event], None]) -> None:
        begun = start(family)
        blank = LearningState(begun, np.zeros_like(begun), disk.store.replicas.sequences(family.id).get(name, 0))
        self.learning_state = disk.store.replicas.state(family.id) or blank
        self.sender: Sender | None = None
        self._name = name
        self._family = family
        self._disk = disk
        self._profile = profile
        self._tell = tell
        self._giving = asyncio.Lock()
        self._gave = False  # since the start
        self._missed = asyncio.Event()

    async def give(self, trained: Trained) -> None:
        """Tell neighbours what changed since they last heard of us. They are taken to hold it from then on."""
        async with self._giving:
            knows = replace(
                self.learning_state,
                weights=trained.weights,
                windows=trained.windows,
                quantile=trained.quantile,
                squares=trained.squares,
                told=trained.told,
            )
            if not self.learning_state.windows:  # neighbours hold nothing of us, or what a lost database knew of
                await self._give_snapshot(knows)
                return
            sums = _news(self.learning_state.told, knows.told)
            change = Delta(knows.weights - knows.public, knows.windows, knows.quantile, sums=sums)
            payload, step = delta.pack(change, self._family.tensors, self._profile)
            await self._give(replace(knows, public=knows.public + step), payload)

    async def keep(self, weights: Floats, noted: list[Entry]) -> None:
        """Keep merged weights and what the ledger says of them; what is new in them, the next update tells."""
        async with self._giving:
            self.learning_state = replace(self.learning_state, weights=weights, rounds=self.learning_state.rounds + 1)
            await self._store(None, *noted)

    def note_missed(self, _family: str) -> None:
        """Somebody missed something: the next update stands alone, and comes soon."""
        self._missed.set()

    async def run(self) -> None:
        """First what was last published, for a broker that lost it; then a snapshot whenever one was asked for.

        A sealed federation gives a snapshot in its place: it would seal the same number anew, into other bytes.
        """
        async with self._giving:
            last = await self._disk.call(self._disk.store.replicas.last_update, self._name, self._family.id)
            if last and not self._gave:
                await (self._publish(*last) if self._repeats(*last) else self._give_snapshot(self.learning_state))
        while True:
            await self._missed.wait()
            self._missed.clear()
            async with self._giving:
                if self.learning_state.windows and not await self._say_again():
                    await self._give_snapshot(self.learning_state)

    async def _say_again(self) -> bool:
        """Publish the last update anew if it stands alone: who asks for a snapshot again and again costs no writing."""
        last = await self._disk.call(self._disk.store.replicas.last_update, self._name, self._family.id)
        if not last or last[0] != self.learning_state.sequence or not delta.stands_alone(last[1]):
            return False
        if not self._repeats(*last):
            return False
        await self._publish(*last)
        return True

    def _repeats(self, sequence: int, payload: bytes) -> bool:
        """Whether it would be published as it was: under one number neighbours may see nothing else."""
        return not self.sender or self.sender.repeats(self._family.id, sequence, _base(sequence, payload), payload)

    async def _give_snapshot(self, knows: LearningState) -> None:
        """What stands alone: all weights, which neighbours' copies are replaced with."""
        whole = Delta(knows.weights, knows.windows, knows.quantile, knows.squares, _news(None, knows.told))
        payload, public = delta.pack(whole, self._family.tensors, delta.PROFILES["full"])
        await self._give(replace(knows, public=public), payload)

    async def _give(self, knows: LearningState, payload: bytes) -> None:
        """First on disk, then on its way: after a power cut between the two the same bytes are published again."""
        self.learning_state, self._gave = replace(knows, sequence=knows.sequence + 1), True
        knows = self.learning_state
        entry = entries.update(ledger.GIVEN, self._name, self._family.id, knows.sequence, payload)
        await self._store(payload, entry)
        self._tell(Given(knows.sequence, payload))
        await self._publish(knows.sequence, payload)

    async def _store(self, payload: bytes | None, *noted: Entry) -> None:
        store = self._disk.store
        await self._disk.call(store.replicas.keep, self._name, self._family.id, self.learning_state, payload, *noted)

    async def _publish(self, sequence: int, payload: bytes) -> None:
        """What cannot be sealed now stays on disk; neighbours miss it and ask for a snapshot."""
        if not self.sender:
            return
        try:
            await self.sender.publish(self._family.id, sequence, _base(sequence, payload), payload)
            log.info("update %d published, %d bytes", sequence, len(payload))
        except WireError as fault:
            log.error("update %d is not published: %s", sequence, fault)


def _base(sequence: int, payload: bytes) -> int:
    """The number of the update that this one continues; its own if it stands alone."""
    return sequence - (not delta.stands_alone(payload))


def _news(before: Told | None, now: Told | None) -> bytes:
    """What neighbours that hold the sums `before` need for those of `now`."""
    if not now:
        return b""
    return told.pack(now, before or told.nothing(len(now.scatter.matrix)))
