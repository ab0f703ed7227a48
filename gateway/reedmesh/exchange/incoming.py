"""Updates from neighbours: each is verified before it counts; a round waits for them up to a deadline."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from reedmesh.coding.collector import Collector, Payload
from reedmesh.coding.reassembly import Stream
from reedmesh.errors import WireError
from reedmesh.exchange import entries
from reedmesh.exchange.deadline import Deadline
from reedmesh.exchange.member import Member, Timing
from reedmesh.exchange.seen import Held
from reedmesh.identity.keyring import Keyring
from reedmesh.inference.family import Family
from reedmesh.learning.aggregate import Peer
from reedmesh.learning.contribution import copies
from reedmesh.learning.events import Event, Refused, Taken
from reedmesh.learning.verify import verify
from reedmesh.provenance import ledger
from reedmesh.store.writer import Disk

log = logging.getLogger(__name__)


class Incoming:
    """What the gateway `member` receives from its neighbours. tell: called with events."""

    def __init__(
        self, member: Member, family: Family, disk: Disk, timing: Timing, tell: Callable[[Event], None]
    ) -> None:
        self.collector = Collector(_taken(disk, family.id, member.keyring, member.name), timing.limits)
        self.news = asyncio.Event()  # set when an update was taken
        self._family = family
        self._keyring, self._neighbours = member.keyring, member.neighbours
        self._disk = disk
        self._tell = tell
        self._clock = timing.clock
        self._peers = disk.store.replicas.peers(family.id)
        self._signers = disk.store.replicas.signers(family.id)  # the key that each signed its newest with
        self._deadline = Deadline(timing.bounds)
        self._began = 0.0  # when the last round began to wait
        self._heard: set[str] = set()  # neighbours of whom something new came since the last round
        self._awaited: set[str] = set()  # neighbours of whom nothing came since this one began to wait
        self._arrived: asyncio.Queue[Payload] = asyncio.Queue()

    def peers(self) -> dict[str, Peer]:
        """The neighbours' public copies; nothing of one whose key was revoked since."""
        return {name: peer for name, peer in self._peers.items() if self._is_trusted(name)}

    def heard(self) -> dict[str, int | None]:
        """The newest update that was taken of each neighbour."""
        return {name: self._peers[name].sequence if name in self._peers else None for name in self._neighbours}

    def held(self) -> dict[str, Held]:
        """The newest update in each neighbour's copy."""
        return {name: Held(*peer.origin) for name, peer in self.peers().items()}

    @property
    def seconds(self) -> float:
        """How long the next round would wait for neighbours."""
        return self._deadline.seconds

    @property
    def anything_new(self) -> bool:
        """Whether a neighbour told something since the last round."""
        return bool(self._heard)

    def put(self, payload: Payload) -> None:
        """An update has arrived whole."""
        self._arrived.put_nowait(payload)

    def collected(self) -> dict[str, Peer]:
        """The neighbours' copies as they are: for who waits for nobody."""
        self._heard.clear()
        return self.peers()

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

    async def run(self) -> None:
        """Take what arrives, one after the other."""
        while True:
            await self._take(await self._arrived.get())

    async def _take(self, payload: Payload) -> None:
        """Verify an update and add it to the copy; a refused one uses up its sequence, and a snapshot must follow."""
        sender, sequence, base = payload.manifest.sender, payload.manifest.sequence, payload.manifest.base
        peer, reason = self._verified(payload)
        if peer:
            peer = replace(peer, copied=copies.source(sender, peer, self._peers))
        kind = ledger.TAKEN if peer else ledger.REFUSED
        entry = entries.update(kind, sender, self._family.id, sequence, payload.data, reason)
        of = sender, self._family.id, sequence, payload.manifest.signer
        await self._disk.call(self._disk.store.replicas.keep_peer, *of, peer, entry)
        if peer:
            self._peers[sender], self._signers[sender] = peer, payload.manifest.signer
            self._note_arrival(sender)
            self._tell(Taken(sender, sequence, payload.data))
            log.info("update %d of %s taken", sequence, sender)
        else:
            log.warning("update %d of %s is left out: %s", sequence, sender, reason)
            if base != sequence:  # whose snapshot is junk is not asked for another
                self.collector.miss((sender, self._family.id, payload.manifest.signer), self._clock())
            self._awaited.discard(sender)
            self._tell(Refused(sender, sequence, reason, len(payload.data)))
        self.news.set()

    def _verified(self, payload: Payload) -> tuple[Peer | None, str]:
        """The neighbour's copy after this update; None, and the reason, for one that is refused."""
        sender, sequence, base = payload.manifest.sender, payload.manifest.sequence, payload.manifest.base
        try:
            return verify(self._family, self._known(sender, payload.manifest.signer), sequence, base, payload.data), ""
        except WireError as fault:
            return None, str(fault)
        except Exception as fault:
            log.error("update %d of %s", sequence, sender, exc_info=fault)
            return None, f"not understood: {type(fault).__name__}"

    def _known(self, sender: str, signer: bytes) -> Peer | None:
        """The copy that an update signed with that key continues: none that another key signed."""
        return self._peers.get(sender) if self._signers.get(sender, signer) == signer else None

    def _note_arrival(self, sender: str) -> None:
        self._deadline.heard(sender)
        self._heard.add(sender)
        if sender in self._awaited:
            self._awaited.remove(sender)
            self._deadline.took(self._clock() - self._began)

    def _is_trusted(self, name: str) -> bool:
        keys = self._keyring.of(name)
        return self._signers.get(name) in keys if name in self._signers else bool(keys)


def _taken(disk: Disk, family: str, keyring: Keyring, name: str) -> dict[Stream, int]:
    """The newest update that was taken of each neighbour and key; what was kept without a key counts for all it has."""
    table = disk.store.replicas
    before = {each: at for each, at in table.sequences(family).items() if each != name}
    found = {(each, family, key): at for each, at in before.items() for key in keyring.of(each)}
    return found | {(each, family, key): at for (each, key), at in table.taken(family).items()}
