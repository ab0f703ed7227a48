"""What a gateway does for the archive by itself: tell its offer, learn the others' lists, audit, and re-make shards."""

import asyncio
import logging
from random import Random

from reedmesh.archive import auditing, frames
from reedmesh.archive.directory import MISSES, Holder
from reedmesh.archive.frames import Offer
from reedmesh.archive.manifest import Manifest
from reedmesh.archive.objects import Objects
from reedmesh.archive.placement import repairer
from reedmesh.archive.site import Site
from reedmesh.errors import ReedmeshError, WireError
from reedmesh.links.rejects import Rejects
from reedmesh.provenance.ledger import REMADE
from reedmesh.token_bucket import TokenBucket

log = logging.getLogger(__name__)

OFFER_SECONDS = 600.0  # between two times that an offer is told, changed or not: a sign of life
LIST_SECONDS = 2.0  # between two lists of one neighbour, at least
ASK_AGAIN = 20.0  # seconds until a neighbour that did not give its list is asked again
LOOK_AGAIN, LOOK_SOON = 300.0, 5.0  # seconds between two looks for what is missing, if nothing changed, and if it did
SETTLE = 10.0  # seconds that a shard is missing before it is re-made: it may be on its way to its holder
MANIFESTS_AT_ONCE = 64
REFUSED_SECONDS = 3600.0  # that a manifest which was not taken is not asked for again
NOTE_SECONDS = 3600.0  # between two entries of the ledger
REPAIR_RATE = 2.0  # objects a second, of each gateway


class Keeper:
    """Of one gateway. dice: chooses what is audited; nobody must be able to guess it."""

    def __init__(self, site: Site, objects: Objects, rejects: Rejects, dice: Random) -> None:
        self.repaired = 0  # shards
        self.audits = 0
        self._at, self._objects, self._rejects, self._dice = site, objects, rejects, dice
        self._told: Offer | None = None
        self._told_at = 0.0
        self._cleaned_at = site.steady()
        self._own_due = site.steady() + auditing.PERIOD
        self._refused: dict[bytes, float] = {}
        self._work: list[Manifest] = []
        self._since: dict[bytes, float] = {}  # when an object was first seen to lack shards
        self._looked_at = site.steady()
        self._unnoted = 0  # shards made again that the ledger does not have yet
        self._noted_at = -NOTE_SECONDS
        self._rate = TokenBucket(REPAIR_RATE, REPAIR_RATE)

    async def step(self) -> None:
        """Do what is due."""
        await self._clean()
        await self.tell_offer()
        await asyncio.gather(*(self._learn(name, each) for name, each in self._at.directory.holders.items()))
        await self._audit_due()
        await self._repair()
        self._note()

    async def tell_offer(self) -> None:
        """Tell our offer if it changed, or as a sign of life."""
        at, now = self._at, self._at.steady()
        _, digest = await at.disk(at.shelf.digest)
        offer = Offer(at.limits.capacity, at.shelf.used, len(at.shelf.manifests), digest)
        if (offer != self._told or now - self._told_at >= OFFER_SECONDS) and await at.peers.tell(offer):
            self._told, self._told_at = offer, now

    async def audit(self) -> None:
        """Audit every neighbour now, and the next part of our own shards."""
        await asyncio.gather(*(self._challenge(name, each) for name, each in self._at.directory.holders.items()))
        await self._read_own()

    async def _clean(self) -> None:
        """Delete what is over."""
        at = self._at
        if at.steady() - self._cleaned_at < OFFER_SECONDS:
            return
        self._cleaned_at = at.steady()
        for it in [each for each in list(at.shelf.manifests.values()) if each.is_over(at.clock())]:
            await at.disk(at.shelf.delete, it.id)

    async def _learn(self, name: str, holder: Holder) -> None:
        """Ask a neighbour for its list if that changed, and for the manifests that we do not have."""
        at = self._at
        if holder.offer and at.directory.is_due(name, at.steady()):
            holder.asked = at.steady() + ASK_AGAIN
            answer = await at.peers.ask(name, frames.LIST)
            if not answer or answer.kind != frames.LISTED:
                return
            at.directory.hear_list(name, holder.offer.digest, frames.listed(answer.body), at.steady())
            holder.asked = at.steady() + LIST_SECONDS
            await at.disk(at.shelf.remember, name)
        unknown = [each for each in holder.held if not self._is_settled(each)]
        await asyncio.gather(*(self._learn_manifest(name, each) for each in unknown[:MANIFESTS_AT_ONCE]))

    def _is_settled(self, object_id: bytes) -> bool:
        """Whether we have a manifest, or do not want it."""
        shelf = self._at.shelf
        return object_id in shelf.manifests or self._refused.get(object_id, 0.0) > self._at.steady()

    async def _learn_manifest(self, name: str, object_id: bytes) -> None:
        at = self._at
        if object_id in at.shelf.tombs:
            await at.peers.ask(name, frames.FORGET, at.shelf.tombs[object_id])
            self._put_off(object_id)
            return
        answer = await at.peers.ask(name, frames.WANT_MANIFEST, object_id)
        try:
            if not answer or answer.kind != frames.MANIFEST:
                raise WireError(f"archive: {name} lists {object_id.hex()} and does not tell its manifest")
            it = at.manifest(answer.body)
            if it.id != object_id:
                raise WireError(f"archive: {name} tells another manifest than {object_id.hex()}")
            if why := at.refuses(it, here=False):
                raise WireError(f"archive: {why}")
            if not at.limits.may_write(name, len(it.frame), at.offered(name) or 0, at.steady()):
                raise WireError(f"archive: {name} has had written here what it may have written in a day")
            await at.disk(at.shelf.keep_manifest, it)
            at.directory.changed = True
        except (WireError, ReedmeshError) as fault:
            self._rejects.add(frames.topic(name, ""), fault)
            self._put_off(object_id)

    def _put_off(self, object_id: bytes) -> None:
        if len(self._refused) >= frames.MOST_LISTED:
            self._refused.clear()
        self._refused[object_id] = self._at.steady() + REFUSED_SECONDS

    async def _audit_due(self) -> None:
        now, due = self._at.steady(), []
        for name, holder in self._at.directory.holders.items():
            if now >= holder.due:
                if holder.due:
                    due.append((name, holder))
                first = auditing.PERIOD * self._dice.random()  # neighbours are asked at different times
                holder.due = now + (auditing.PERIOD if holder.due else first)
        await asyncio.gather(*(self._challenge(*each) for each in due))
        if now >= self._own_due:
            self._own_due = now + auditing.PERIOD
            await self._read_own()

    async def _challenge(self, name: str, holder: Holder) -> None:
        at = self._at
        there = {each: holder.mask(each) for each in holder.held}
        it = auditing.challenge(name, there, at.shelf.manifests, self._dice)
        if not it:
            self._judge_empty(name, holder)
            return
        answered, shard = await self._objects.fetch(name, it.manifest, it.block, it.index)
        now = at.steady()
        if shard is not None:
            at.directory.passed(name, now)
        elif answered:
            log.warning("archive: %s does not have shard %d of %r, which it lists", name, it.index, it.manifest.label)
            at.directory.failed(name, it.manifest.id, it.index, now)
        elif at.directory.missed(name, now):
            log.error("archive: %s missed %d audits in a row: its shards are re-made elsewhere", name, MISSES)

    def _judge_empty(self, name: str, holder: Holder) -> None:
        """Of a neighbour that cannot be asked for a shard: one without any has lost none, and may be given some."""
        at = self._at
        if holder.offer and holder.known != holder.offer.digest:
            at.directory.missed(name, at.steady())  # it does not tell its list
        elif holder.offer and not any(holder.held.values()):
            at.directory.passed(name, at.steady())

    async def _read_own(self) -> None:
        """Read back a part of our own shards."""
        at = self._at
        part = auditing.own_part(await at.disk(lambda: list(at.shelf.places())), self.audits)
        self.audits += 1
        for object_id, place in part:
            if await at.disk(at.shelf.check, object_id, place) is None:
                log.error("archive: shard %d of %s changed on our disk, and is re-made", place[1], object_id.hex())
                at.directory.changed = True

    def _note(self) -> None:
        """Enter in the ledger what was made again, once in a while: who makes others do it must not fill a disk."""
        now = self._at.steady()
        if self._unnoted and not self._work and now - self._noted_at >= NOTE_SECONDS:
            self._at.note(REMADE, "", b"", f"{self._unnoted} shards", self._unnoted)
            self._unnoted, self._noted_at = 0, now

    async def _repair(self) -> None:
        """Re-make shards of one object, if it is our turn and time."""
        at = self._at
        pause = LOOK_SOON if at.directory.changed or self._since else LOOK_AGAIN
        if at.steady() - self._looked_at >= pause:
            at.directory.changed, self._looked_at = False, at.steady()
            self._work = await asyncio.to_thread(self._due)  # of thousands of objects: nobody waits for that
        while self._work and self._rate.spend(at.steady()):
            it = self._work.pop(0)
            missing = at.missing(it) if it.id in at.shelf.manifests else []
            if not missing:
                continue
            try:
                placed = await self._objects.remake(it, missing)
                self.repaired += len(placed.holders)
                self._unnoted += len(placed.holders)
            except (ReedmeshError, WireError) as fault:
                log.warning("archive: %s", fault)

    def _due(self) -> list[Manifest]:
        """Objects that lacked shards for SETTLE seconds and are ours to mend, those with the least margin first."""
        at, now = self._at, self._at.steady()
        if not at.directory.is_known(at.steady(), at.shelf.members):
            return []
        alive = at.alive()
        lacking = [it for it in list(at.shelf.manifests.values()) if at.missing(it) and not it.is_over(at.clock())]
        self._since = {it.id: self._since.get(it.id, now) for it in lacking}
        lasting = [it for it in lacking if now - self._since[it.id] >= SETTLE]
        mine = [it for it in lasting if alive and repairer(it.id, alive) == at.name]
        return sorted(mine, key=at.margin)
