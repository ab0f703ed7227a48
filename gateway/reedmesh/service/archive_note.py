"""Enters in the ledger what this gateway put into the archive, and what it made again."""

import asyncio
import contextlib

from reedmesh.errors import DiskError
from reedmesh.provenance.ledger import Entry
from reedmesh.store.writer import Disk


class ArchiveNote:
    """Of one gateway; entries are made beside what they tell of, and a full disk loses them."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, kind: str, gateway: str, object_id: bytes, reason: str, count: int) -> None:
        """Enter an event. gateway: that was lost; object_id: b"" for none; count: shards or bytes."""
        entry = Entry(kind, gateway, sha256=object_id.hex(), sequence=count, reason=reason)
        task = asyncio.get_running_loop().create_task(self._enter(entry))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _enter(self, entry: Entry) -> None:
        with contextlib.suppress(DiskError):
            await self._disk.once(self._disk.store.enter, entry)
