"""Checkpoints: ours is published when it changes; neighbours' are compared with their earlier ones, and passed on.

A neighbour whose head belies an earlier one has rewritten its past, was put back from a backup, or shows one past to us
and another to others: so each gateway also tells what it has seen of the others (`seen`): their newest
heads, which they signed, and which update it holds of each. Two heads under one number are proof, and are kept; two
updates under one number are one gateway's word against another's, and are entered with who says so.

What it costs to write is bounded for each neighbour; of heads that wait, the newest counts. Of two updates under one
number each also tells the manifest that it was given, and who has both has proof (`proofs.py`).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from reedmesh.config.settings import FEDERATION
from reedmesh.exchange import proofs, seen
from reedmesh.exchange.proofs import Proofs
from reedmesh.exchange.seen import Held
from reedmesh.identity.keyring import Keyring
from reedmesh.protocol.shards import Manifest, unpack_manifest
from reedmesh.protocol.wire import WireError
from reedmesh.provenance import ledger
from reedmesh.provenance.ledger import Checkpoint, Entry
from reedmesh.store import ledger_table
from reedmesh.store.writer import Disk
from reedmesh.token_bucket import TokenBucket

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
SEEN_SECONDS = 5.0  # at least, between two times that we tell what we have seen: when it is news
HEAD_RATE, HEAD_BURST = 1 / 60, 20  # heads that one neighbour may have written: a second, and at once
DISPUTE_RATE, DISPUTE_BURST = 1 / 3600, 10  # that one neighbour may have entered
MOST_DISPUTES = 1000  # that are remembered, so that each is entered once

Say = Callable[[str, str, bytes], None]  # family, leaf, frame
Key = tuple[str, str]  # who says it, and of whom


class CheckpointExchange:
    """Of the gateway whose state directory is `state`; `keyring` has the keys of its neighbours.

    held: of each family, the update that is held of each neighbour. steady: seconds between two times that all is told,
    changed or not, so that when and how often says nothing of the gateway; 0: it is told when it changed. clock: s, one
    that nobody sets. federation: its name.
    """

    def __init__(
        self,
        disk: Disk,
        state: Path,
        keyring: Keyring,
        steady: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        federation: str = FEDERATION,
    ) -> None:
        self.held: dict[str, Callable[[], Mapping[str, Held]]] = {}
        self._disk = disk
        self._state = state
        self._keyring = keyring
        self._steady = steady
        self._clock = clock
        self._heard: dict[Key, Checkpoint] = {}  # what waits to be looked at
        self._budgets: dict[str, TokenBucket] = {}
        self._proofs = Proofs(state, federation)
        self._doubted: set[tuple[str, str, int]] = (
            set()
        )  # updates that somebody holds another of: whose, family, number
        self._doubts: dict[str, TokenBucket] = {}
        self._disputed: dict[tuple[str, int, str], None] = {}
        self._disputes: list[Entry] = []
        self._newest: dict[str, Checkpoint] = {}  # of each neighbour, as it told us itself
        self._said = -1

    def hear(self, gateway: str, frame: bytes) -> None:
        """A neighbour's head, to be looked at soon; raises WireError for what is none of its."""
        head = ledger.unpack_checkpoint(frame, self._keyring.of(gateway))
        if head.name != gateway:
            raise WireError(f"head of {head.name} among what {gateway} says")
        self._heard[gateway, gateway] = self._newest[gateway] = head

    def tell_again(self) -> None:
        """Tell our head under every family, also the one that was just added."""
        self._said = -1

    def hear_seen(self, gateway: str, family: str, frame: bytes) -> None:
        """Take a neighbour's view of others, and compare it with ours; raises WireError."""
        heads, held = seen.unpack(frame)
        for each in heads:
            name = ledger.name_of(each)
            if name != gateway and self._keyring.of(name):  # of whom we do not trust, we have nothing to compare
                self._heard[gateway, name] = ledger.unpack_checkpoint(each, self._keyring.of(name))
        mine = self.held[family]() if family in self.held else {}
        for name, theirs in held.items():
            ours = mine.get(name)
            if ours and ours.sequence == theirs.sequence and ours.digest != theirs.digest:
                self._dispute(gateway, name, family, theirs)

    def hear_manifest(self, manifest: Manifest, frame: bytes) -> None:
        """A neighbour's manifest, its signature checked, whoever passed it on."""
        if entry := self._proofs.meet(manifest, frame):
            self._disputes.append(entry)

    def hear_proof(self, gateway: str, frame: bytes) -> None:
        """A manifest that a neighbour was given by another one, and of which we may have been given a second."""
        manifest = unpack_manifest(frame)
        manifest.signer = self._keyring.check(manifest)
        if manifest.sender != gateway and self._proofs.of(manifest.sender, manifest.family, manifest.sequence):
            self.hear_manifest(manifest, frame)

    async def run(self, say: Say) -> None:
        """Publish and compare until cancelled. say: has brokers retain a frame, by family and leaf."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell(say))
            tasks.create_task(self._tell_seen(say))
            tasks.create_task(self._compare())

    async def _tell(self, say: Say) -> None:
        while True:
            head = await self._disk.call(self._own)
            if head:
                for family in self.held:
                    say(family, "head", ledger.pack_checkpoint(head))
                self._said = head.number
            await asyncio.sleep(self._steady or LOOK_SECONDS)

    async def _tell_seen(self, say: Say) -> None:
        before: dict[str, bytes] = {}
        while True:
            await asyncio.sleep(self._steady or SEEN_SECONDS)
            for family, held in self.held.items():
                frame = seen.pack(self._newest.values(), held())
                if self._steady or frame != before.get(family, b""):
                    say(family, "seen", frame)
                    before[family] = frame
            for of in [each for each in self._doubted if self._proofs.of(*each)]:
                say(of[1], proofs.LEAF, self._proofs.of(*of) or b"")
            self._doubted.clear()

    def _own(self) -> Checkpoint | None:
        """On the store's thread: our head, if it was not told yet; what will be told is noted first."""
        store = self._disk.store
        if not store.ledger or (store.ledger.last()[0] <= self._said and not self._steady):
            return None
        if head := store.ledger.head():
            ledger_table.publish(self._state, head)
        return head

    async def _compare(self) -> None:
        while True:
            for key in [each for each in self._heard if self._may_write(each[0])]:
                await self._look_at(*key, self._heard.pop(key))
            disputes, self._disputes = self._disputes, []
            if disputes:
                await self._disk.call(self._disk.store.note, *disputes)
            await asyncio.sleep(LOOK_SECONDS)

    async def _look_at(self, via: str, name: str, head: Checkpoint) -> None:
        try:
            known = self._disk.store.ledger
            at = await self._disk.call(known.witness, head) if known else None
        except Exception as fault:
            log.error("head %d of %s is not kept", head.number, name, exc_info=fault)
            return
        if at is not None:
            told = "changed its past" if via == name else f"shows {via} another past than us"
            log.error("%s %s: entry %d of its ledger is not what it was; `ledger verify`", name, told, at)

    def _may_write(self, name: str) -> bool:
        """Whether what a neighbour says may cost a write now."""
        return self._budgets.setdefault(name, TokenBucket(HEAD_RATE, HEAD_BURST)).spend(self._clock())

    def _dispute(self, via: str, name: str, family: str, theirs: Held) -> None:
        """Enter, once, that a neighbour holds another update of somebody than we do under the same number."""
        what = name, theirs.sequence, theirs.digest
        if what in self._disputed or len(self._disputed) >= MOST_DISPUTES:
            return
        if not self._doubts.setdefault(via, TokenBucket(DISPUTE_RATE, DISPUTE_BURST)).spend(self._clock()):
            return  # who doubts everybody fills no ledger, and uses up nobody else's entries of the day
        self._disputed[what] = None
        self._doubted.add((name, family, theirs.sequence))
        log.error("update %d of %s is another at %s: one of them was shown two", theirs.sequence, name, via)
        reason = f"{via} holds another update under that number"
        self._disputes.append(Entry(ledger.FORK, name, "", "", theirs.sequence, theirs.digest, reason=reason))
