"""Objects put into the archive, got out of it, and their shards re-made: the path of an object, top to bottom."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from reedmesh.archive import coded, frames
from reedmesh.archive.coded import Place, Wanted
from reedmesh.archive.collecting import Collecting
from reedmesh.archive.manifest import Manifest
from reedmesh.archive.placement import MOST_SHARDS, candidates, ranked
from reedmesh.archive.site import Site
from reedmesh.errors import RefusedError, WireError
from reedmesh.provenance.ledger import ARCHIVED


@dataclass
class Placed:
    """What came of placing shards: holders by index, and why others took none."""

    manifest: Manifest
    holders: dict[int, str] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)


class Objects:
    """Of one gateway."""

    def __init__(self, site: Site) -> None:
        self._at = site

    async def put(self, content: bytes, wanted: Wanted) -> Placed:
        """Code an object and hand its shards out, one to each holder.

        Raises RefusedError where the loss of one more holder would leave too few; what holders refuse for want of space
        is made and offered again later, as what is lost is.
        """
        at = self._at
        names = at.alive()
        if not at.limits.capacity:
            raise RefusedError("archive: who offers no space may place nothing: [archive] megabytes")
        if at.directory.holders and names == [at.name]:
            raise RefusedError("archive: no other gateway is heard that takes part: `reedmesh archive list`")
        it, shards = await asyncio.to_thread(
            coded.code, content, wanted, at.name, at.key, len(names), int(at.clock()), at.federation
        )
        if why := at.refuses(it, here=False):
            raise RefusedError(f"archive: {why}")
        await at.disk(at.shelf.keep_manifest, it)
        placed = await self.place(it, shards, {}, most=1)
        needed = min(it.shape.k + 1, it.n)
        if len(placed.holders) < needed:
            await at.disk(at.shelf.delete, it.id)
            raise RefusedError(f"archive: {needed} shards must be kept, {_told(placed)}")
        at.note(ARCHIVED, "", it.id, it.label, len(content))
        return placed

    async def get(self, object_id: bytes) -> bytes:
        """The content of an object; raises RefusedError where too few shards can be had."""
        it = self._at.shelf.manifests.get(object_id)
        if not it:
            raise RefusedError(f"archive: no object {object_id.hex()}")
        shards: dict[Place, bytes] = {}
        for block in range(it.shape.blocks):
            shards |= await self._block(it, block)
        return await asyncio.to_thread(coded.decode, it, shards)

    async def remake(self, it: Manifest, indices: list[int]) -> Placed:
        """Make shards of an object once more and hand them out; raises RefusedError and WireError."""
        content = await self.get(it.id)
        shards = await asyncio.to_thread(coded.again, it, content, indices)
        held = {name: mask.bit_count() for name, mask in self._at.masks(it).items()}
        return await self.place(it, shards, held)

    async def place(
        self, it: Manifest, shards: Mapping[Place, bytes | memoryview], held: dict[str, int], most: int = MOST_SHARDS
    ) -> Placed:
        """Hand out shards, each to the best holder that takes it.

        held: shards that holders have already; most: that one may have.
        """
        names = {name for name in self._at.alive() if self._at.directory.is_trusted(name, it.id)}
        found = Placed(it)
        waiting = sorted({index for _, index in shards})
        while waiting:
            chosen: dict[int, str] = {}
            for index in waiting:
                free = [name for name in candidates(it.id, names, held) if held.get(name, 0) < most]
                if free:
                    chosen[index] = free[0]
                    held[free[0]] = held.get(free[0], 0) + 1
            if not chosen:
                break
            said = await asyncio.gather(*(self._hand_over(it, shards, *each) for each in chosen.items()))
            refused = {index: why for index, why in zip(chosen, said, strict=True) if why}
            found.holders |= {index: name for index, name in chosen.items() if index not in refused}
            found.refusals |= {chosen[index]: why for index, why in refused.items()}
            for index in refused:
                names.discard(chosen[index])
                held[chosen[index]] -= 1
            waiting = [index for index in waiting if index not in found.holders]
        return found

    async def fetch(self, gateway: str, it: Manifest, block: int, index: int) -> tuple[bool, bytes | None]:
        """Whether a holder answers, and its shard, if that is right."""
        at = self._at
        if gateway == at.name:
            return True, await at.disk(at.shelf.check, it.id, (block, index))
        answer = await at.peers.ask(gateway, frames.WANT_SHARD, frames.pack_place(it.id, block, index))
        right = answer and answer.kind == frames.SHARD and coded.is_right(it, (block, index), answer.body)
        return answer is not None, answer.body if answer and right else None

    async def _hand_over(self, it: Manifest, shards: Mapping[Place, bytes | memoryview], index: int, name: str) -> str:
        """Why a holder does not take the shards `index` of all blocks; "" if it does."""
        at = self._at
        blocks = range(it.shape.blocks)
        try:
            if name == at.name:
                if why := at.refuses(it, here=True):
                    return why
                for block in blocks:
                    await at.disk(at.shelf.keep, it, (block, index), shards[block, index])
                return ""
            for block in blocks:
                body = frames.pack_put(it.frame, block, index, shards[block, index])
                answer = await at.peers.ask(name, frames.PUT, body)
                if not answer or answer.kind != frames.KEPT:
                    return frames.reason(answer.body) if answer and answer.kind == frames.REFUSED else "no answer"
        except (RefusedError, WireError, OSError) as error:
            return str(error)
        at.directory.kept(name, it.id, index, at.steady())
        return ""

    async def _block(self, it: Manifest, block: int) -> dict[Place, bytes]:
        """k right shards of a block, from whoever gives them first."""
        collecting = Collecting(self._at, self.fetch, it, block, self._sources(it))
        try:
            return await collecting.run()
        finally:
            collecting.close()

    def _sources(self, it: Manifest) -> list[tuple[str, int]]:
        """Who may have which shard: we ourselves first, then who answers, who was slow, and who counts as lost."""
        at = self._at
        there, now = at.masks(it), at.steady()
        lost = {name: each.mask(it.id) for name, each in at.directory.holders.items() if name not in there}
        slow = {name for name, each in at.directory.holders.items() if each.slow_until > now}
        order = sorted(ranked(it.id, there), key=lambda name: (name in slow, name != at.name)) + ranked(it.id, lost)
        masks = there | lost
        return [(name, index) for name in order for index in range(it.n) if masks[name] >> index & 1]


def _told(placed: Placed) -> str:
    told = "; ".join(f"{name}: {why}" for name, why in placed.refusals.items())
    return f"{len(placed.holders)} were: {told or 'there are too few gateways'}"
