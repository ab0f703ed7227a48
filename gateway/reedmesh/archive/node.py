"""The archive of one gateway: hears its neighbours, answers them, and keeps what it was given."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

from reedmesh.archive import frames
from reedmesh.archive.answering import Answering
from reedmesh.archive.directory import Directory, Holder
from reedmesh.archive.keeper import Keeper
from reedmesh.archive.limits import Limits
from reedmesh.archive.manifest import DAY, Manifest
from reedmesh.archive.objects import Objects
from reedmesh.archive.peers import KeysOf, Peers, Say
from reedmesh.archive.shelf import FOLDER, Shelf
from reedmesh.archive.site import Note, Site, unnoted
from reedmesh.errors import WireError
from reedmesh.identity.keys import Key
from reedmesh.links.message import Message
from reedmesh.links.rejects import Rejects
from reedmesh.protocol import wire

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class Archive:
    """Of the gateway `name`, in its directory `state`. capacity: bytes of shards that it keeps.

    keys_of: keys that a neighbour signs with now; ever: all it had that were not revoked. clock: s since 1970; steady:
    s of a clock that nobody sets.
    """

    def __init__(
        self,
        name: str,
        key: Key,
        neighbours: Collection[str],
        keys_of: KeysOf,
        ever: KeysOf,
        state: Path,
        capacity: int,
        federation: str,
        clock: Callable[[], float],
        steady: Callable[[], float],
        note: Note = unnoted,
        dice: Random | None = None,
    ) -> None:
        self.rejects = Rejects()
        peers = Peers(name, key, federation, keys_of, clock)
        shelf, directory = Shelf(state / FOLDER), Directory(name, neighbours, steady())
        self.site = Site(name, key, federation, ever, shelf, directory, Limits(capacity), peers, clock, steady, note)
        self.objects = Objects(self.site)
        self.answering = Answering(self.site, self.rejects)
        self.keeper = Keeper(self.site, self.objects, self.rejects, dice or SystemRandom())

    def take(self, message: Message) -> None:
        """Take a neighbour's message; one that cannot be used is counted and dropped."""
        try:
            self.hear(message)
        except Exception as fault:  # noqa: BLE001 - nothing that a neighbour says may end this
            self.rejects.add(message.topic, fault)

    def hear(self, message: Message) -> None:
        """As `take`; raises WireError for what cannot be used."""
        gateway, *rest = wire.split_topic(message.topic)
        directory, now = self.site.directory, self.site.steady()
        if rest[:1] != ["archive"] or gateway not in directory.holders:
            raise WireError(f"nothing is expected on {message.topic}")
        if not message.payload:
            return  # a retained message was taken back
        it = self.site.peers.hear(gateway, message.payload)
        if it and it.kind == frames.OFFER:
            directory.hear_offer(gateway, it.time, frames.offer(it.body), now)
            return
        directory.hear(gateway, now)
        if it:
            self.answering.take(it)

    async def run(self, say: Say) -> None:
        """Answer and keep until cancelled. say: publishes on our own broker."""
        self.site.peers.say = say
        await self.site.disk(self.site.shelf.load)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.answering.run())
            tasks.create_task(self._keep())

    async def _keep(self) -> None:
        while True:
            try:
                await self.keeper.step()
            except OSError as error:  # the disk may take it again later
                log.error("archive: %s", error)
            await asyncio.sleep(LOOK_SECONDS)

    def table(self, most: int) -> dict[str, Any]:
        """For people and pages: holders, and `most` objects, first those that lack shards, then the newest."""
        site, now = self.site, self.site.steady()
        objects = sorted(site.shelf.manifests.values(), key=lambda it: (not site.missing(it), -it.made))
        holders = {name: _holder(each, now) for name, each in site.directory.holders.items()}
        for name, each in holders.items():
            each["lost"] = site.directory.is_lost(name, now)
        return {
            "capacity": site.limits.capacity,
            "used": site.shelf.used,
            "damaged": site.shelf.damaged,
            "repaired": self.keeper.repaired,
            "count": len(objects),
            "margins": self._margins(objects),
            "objects": [self._object(it) for it in objects[:most]],
            "holders": holders,
        }

    def _margins(self, objects: list[Manifest]) -> dict[str, int]:
        """How many objects have each margin."""
        found = Counter(self.site.margin(it) for it in objects)
        return {str(margin): count for margin, count in sorted(found.items())}

    def _object(self, it: Manifest) -> dict[str, Any]:
        return {
            "id": it.id.hex(),
            "label": it.label,
            "owner": it.owner,
            "kind": it.kind,
            "bytes": it.shape.length,
            "made": it.made,
            "until": it.until * DAY,
            "k": it.shape.k,
            "n": it.n,
            "missing": len(self.site.missing(it)),
            "margin": self.site.margin(it),
            "holders": sorted(self.site.masks(it)),
        }


def _holder(it: Holder, now: float) -> dict[str, Any]:
    offer = it.offer
    return {
        "offers": offer.capacity if offer else 0,
        "used": offer.used if offer else 0,
        "shards": sum(mask.bit_count() for mask in it.held.values()),
        "heard": round(now - it.heard),
        "audited": None if it.audited is None else round(now - it.audited),
        "passed": it.passed,
        "failed": it.failed,
        "misses": it.misses,
    }
