"""What neighbours learn from each other: our weights go out after each lesson, theirs are merged into our next.

Everything that leaves is a signed, coded bundle (`exchange.py`); what arrives is checked as what it claims to be
(`snapshot.py`) before it is kept. Which model is in service is never decided here.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from hashlib import sha256

import numpy as np

from reedmesh import ledger, snapshot
from reedmesh.broker import Channel, Message, Subscriber
from reedmesh.collect import Collector, Payload
from reedmesh.commission import Lesson
from reedmesh.errors import WireError
from reedmesh.exchange import Exchange
from reedmesh.family import Family
from reedmesh.federation import OPEN, Federation
from reedmesh.heads import Heads
from reedmesh.keys import Key, Keyring
from reedmesh.ledger import Entry
from reedmesh.merge import Peer, Reputation
from reedmesh.passports import Origin
from reedmesh.send import Sender
from reedmesh.snapshot import Snapshot
from reedmesh.store import Disk

log = logging.getLogger(__name__)


class Share:
    """The gateway `name` among neighbours whose public keys are in `keyring`.

    appointment: what appointed `key`, for neighbours that know but the one before. heads: of ledgers, to be exchanged.
    """

    def __init__(
        self,
        name: str,
        family: Family,
        key: Key,
        keyring: Keyring,
        heads: Heads,
        disk: Disk,
        weights: int,
        federation: Federation = OPEN,
        appointment: bytes | None = None,
    ) -> None:
        self.heard: dict[str, int] = {}  # neighbour -> sequence of the newest snapshot taken
        self.reputation: dict[str, Reputation] = {}
        self._name = name
        self._family = family
        self._key = key
        self._keyring = keyring
        self._disk = disk
        self._weights = weights
        self._federation = federation
        self._appointment = appointment
        self._heads = heads
        self._sequences = disk.store.sequences(family.id)
        self._origins: dict[str, Origin] = {}
        self._peers = self._remembered()
        self._signers: dict[str, bytes] = {}  # the key that each signed that with
        self._lessons: asyncio.Queue[Lesson] = asyncio.Queue()
        self._arrived: asyncio.Queue[Payload] = asyncio.Queue()
        self._latest = disk.store.last_update(name, family.id)
        self._sender: Sender | None = None

    def peers(self) -> dict[str, Peer]:
        """What each neighbour told last, to be merged into a lesson; nothing of one whose key was revoked since."""
        return {name: peer for name, peer in self._peers.items() if self._is_trusted(name)}

    def origins(self) -> dict[str, Origin]:
        """Sequence and SHA-256 of the update that each neighbour told last."""
        return dict(self._origins)

    def note(self, taken: Collection[str], refused: Mapping[str, str]) -> None:
        """Remember whose weights were merged, and whose were not, and why."""
        for name in taken:
            self.reputation.setdefault(name, Reputation()).merged += 1
        for name, reason in refused.items():
            self._refuse(name, f"update {self._sequences.get(name)}", reason)

    def tell(self, lesson: Lesson) -> None:
        """Publish what was just learnt."""
        self._lessons.put_nowait(lesson)

    def greeting(self) -> list[Message]:
        """What our broker must hold of our updates."""
        return self._sender.greeting() if self._sender else []

    async def run(self, own: Channel, neighbours: Sequence[Subscriber]) -> None:
        """Exchange with the neighbours for ever."""
        family = self._family.id
        applied = {(name, family): sequence for name, sequence in self._sequences.items() if name != self._name}
        together = self._federation
        self._sender = sender = Sender(self._name, self._key, [own], lambda _: self._latest, federation=together)
        if self._appointment:
            sender.keep(family, "key", self._appointment)
        collector, deliver = Collector(applied), self._arrived.put_nowait
        exchange = Exchange(
            self._name,
            self._keyring,
            [family],
            collector,
            sender,
            [own],
            deliver,
            federation=together,
            witness=self._heads.hear,
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(exchange.run(neighbours))
            tasks.create_task(self._heads.run(partial(sender.keep, family, "head")))
            tasks.create_task(self._publish(sender))
            tasks.create_task(self._take())

    async def _publish(self, sender: Sender) -> None:
        """First what was last published, for a broker that lost it or a neighbour that came since; then each lesson."""
        if self._latest:
            sequence, payload = self._latest
            await sender.publish(self._family.id, sequence, sequence, payload)
        while True:
            lesson = await self._lessons.get()
            payload = snapshot.pack(
                Snapshot(np.frombuffer(lesson.weights, np.float32), lesson.moments, lesson.quantile)
            )
            sequence = self._sequences.get(self._name, 0) + 1
            await self._note(self._name, sequence, payload, self._entry(ledger.GIVEN, self._name, sequence, payload))
            self._latest = sequence, payload
            await sender.publish(self._family.id, sequence, sequence, payload)
            log.info("update %d published, %d bytes", sequence, len(payload))

    async def _take(self) -> None:
        """Keep what arrived, if it can be what it claims to be; the sequence is used up either way."""
        while True:
            payload = await self._arrived.get()
            sender, sequence = payload.manifest.sender, payload.manifest.sequence
            try:
                self._peers[sender] = self._peer(payload.data)
                self._signers[sender] = payload.manifest.signer
                self._origins[sender] = sequence, sha256(payload.data).hexdigest()
            except WireError as fault:
                entry = self._entry(ledger.REFUSED, sender, sequence, payload.data, str(fault))
                await self._note(sender, sequence, None, entry)
                self._refuse(sender, f"update {sequence}", str(fault))
            else:
                entry = self._entry(ledger.TAKEN, sender, sequence, payload.data)
                await self._note(sender, sequence, payload.data, entry)
                self.heard[sender] = sequence
                log.info("update %d of %s taken", sequence, sender)

    def _peer(self, payload: bytes) -> Peer:
        """A neighbour's snapshot as what can be merged; raises WireError for what is none."""
        told = snapshot.unpack(payload, self._family.recipe.length, self._weights)
        return Peer(told.weights, told.moments.count, told.quantile)

    def _remembered(self) -> dict[str, Peer]:
        """What neighbours told before the gateway was started."""
        found = {}
        for name in [each for each in self._sequences if each in self._keyring]:
            if told := self._disk.store.last_update(name, self._family.id):
                with suppress(WireError):  # an older version kept another form
                    found[name] = self._peer(told[1])
                    self._origins[name] = told[0], sha256(told[1]).hexdigest()
        return found

    def _is_trusted(self, name: str) -> bool:
        keys = self._keyring.of(name)
        return self._signers.get(name) in keys if name in self._signers else bool(keys)

    def _refuse(self, name: str, what: str, reason: str) -> None:
        self.reputation.setdefault(name, Reputation()).refuse(reason)
        log.warning("%s of %s is left out: %s", what, name, reason)

    def _entry(self, kind: str, name: str, sequence: int, payload: bytes, reason: str = "") -> Entry:
        return Entry(kind, name, "", self._family.id, sequence, sha256(payload).hexdigest(), reason=reason)

    async def _note(self, name: str, sequence: int, payload: bytes | None, entry: Entry) -> None:
        self._sequences[name] = sequence
        await self._disk.call(self._disk.store.save_sequence, name, self._family.id, sequence, payload, entry)
