"""Collects k shards of a block: who does not answer soon is waited for no longer than others take to step in."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from reedmesh.archive.coded import Place
from reedmesh.archive.manifest import Manifest
from reedmesh.archive.site import Site
from reedmesh.errors import RefusedError

HEDGE_SECONDS = 0.5  # without an answer, after which somebody else is asked as well
SLOW_SECONDS = 60.0  # that who let us wait so long is asked last

Fetch = Callable[[str, Manifest, int, int], Awaitable[tuple[bool, bytes | None]]]
Source = tuple[str, int]  # holder and index


class Collecting:
    """Of one block of an object. sources: who may have which shard, the best first."""

    def __init__(self, site: Site, fetch: Fetch, it: Manifest, block: int, sources: Sequence[Source]) -> None:
        self._at, self._fetch, self._it, self._block = site, fetch, it, block
        self._sources = list(sources)
        self._found: dict[Place, bytes] = {}
        self._asked: dict[asyncio.Task[tuple[bool, bytes | None]], Source] = {}

    async def run(self) -> dict[Place, bytes]:
        """k right shards by their places; raises RefusedError where so many cannot be had."""
        k = self._it.shape.k
        self._ask(k)
        while len(self._found) < k:
            if not self._asked:
                told = f"{len(self._found)} shards of block {self._block} can be had, {k} are needed"
                raise RefusedError(f"archive: {self._it.label!r}: {told}")
            done, _ = await asyncio.wait(self._asked, timeout=HEDGE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                self._note_slow()
            for task in done:
                _, index = self._asked.pop(task)
                shard = task.result()[1]
                if shard is not None:
                    self._found[self._block, index] = shard
            self._ask(k - len(self._found) - (len(self._asked) if done else 0))
        return self._found

    def close(self) -> None:
        """Ask nobody any more."""
        for task in self._asked:
            task.cancel()

    def _ask(self, count: int) -> None:
        """Ask so many more sources, each for a shard that is neither here nor asked for."""
        for source in list(self._sources):
            name, index = source
            if count <= 0:
                return
            if (self._block, index) in self._found or any(asked == index for _, asked in self._asked.values()):
                continue
            self._sources.remove(source)
            task = asyncio.ensure_future(self._fetch(name, self._it, self._block, index))
            self._asked[task] = source
            count -= 1

    def _note_slow(self) -> None:
        holders, until = self._at.directory.holders, self._at.steady() + SLOW_SECONDS
        for name, _ in self._asked.values():
            if name in holders:
                holders[name].slow_until = until
