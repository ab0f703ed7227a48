"""What the parts of a gateway's archive share: who it is, its disk, its neighbours."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from reedmesh.archive import manifest as manifests
from reedmesh.archive.directory import Directory
from reedmesh.archive.limits import Limits
from reedmesh.archive.manifest import Manifest
from reedmesh.archive.peers import KeysOf, Peers
from reedmesh.archive.shelf import Shelf
from reedmesh.errors import WireError
from reedmesh.identity.keys import Key

T = TypeVar("T")
Note = Callable[[str, str, bytes, str, int], None]  # for the ledger: kind, gateway, id of an object, reason, count


def unnoted(_kind: str, _gateway: str, _object_id: bytes, _reason: str, _count: int) -> None:
    """For who keeps no ledger."""


@dataclass(frozen=True)
class Site:
    """As seen by the gateway `name`. clock: s since 1970; steady: s of a clock that nobody sets.

    ever: all keys that a gateway had and that were not revoked: manifests are older than the keys of today.
    """

    name: str
    key: Key
    federation: str
    ever: KeysOf
    shelf: Shelf
    directory: Directory
    limits: Limits
    peers: Peers
    clock: Callable[[], float]
    steady: Callable[[], float]
    note: Note = unnoted
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "archive"))

    async def disk(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do `work` on the one thread that touches the shelf; raises what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def close(self) -> None:
        """End that thread, after what it was given."""
        self._thread.shutdown()

    def manifest(self, frame: bytes) -> Manifest:
        """The manifest in `frame`, signed by its owner; raises WireError, also for one whose day has come."""
        it = manifests.unpack(frame)
        if it.id in self.shelf.manifests:
            return self.shelf.manifests[it.id]
        if not manifests.is_by(it, self.ever(it.owner), self.federation):
            raise WireError(f"archive: {it.label!r} is not signed by {it.owner}, or {it.owner} is not trusted here")
        if it.is_over(self.clock()) or it.id in self.shelf.tombs:
            raise WireError(f"archive: {it.label!r} of {it.owner} is not kept any more")
        return it

    def offered(self, gateway: str) -> int | None:
        """Bytes that a gateway offers, None if none."""
        if gateway == self.name:
            return self.limits.capacity or None
        holder = self.directory.holders.get(gateway)
        return holder.offer.capacity or None if holder and holder.offer else None

    def refuses(self, it: Manifest, here: bool) -> str:
        """Why an object is not taken, "" if it is; what is known already was admitted once."""
        shelf, known = self.shelf, list(self.shelf.manifests.values())
        if it.id in shelf.manifests and not here:
            return ""
        offered = it.coded if it.id in shelf.manifests else self.offered(it.owner)
        known = [] if it.id in shelf.manifests else known
        return self.limits.refuses(it, offered, known, shelf.used, here)

    def alive(self) -> list[str]:
        """Gateways that can hold shards now, ours among them."""
        return self.directory.alive(self.steady()) + ([self.name] if self.limits.capacity else [])

    def masks(self, it: Manifest) -> dict[str, int]:
        """Who holds which shards of an object, as bits, and is not lost."""
        return self.directory.masks(it.id, self.shelf.mask(it.id), self.steady())

    def missing(self, it: Manifest) -> list[int]:
        """Shards of an object that nobody who is there holds."""
        return self.directory.missing(it, self.shelf.mask(it.id), self.steady())

    def margin(self, it: Manifest) -> int:
        """How many more holders of an object may be lost; -1: it cannot be read."""
        return self.directory.margin(it, self.shelf.mask(it.id), self.steady())
