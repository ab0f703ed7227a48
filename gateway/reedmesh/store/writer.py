"""The thread that does all of a store's work, so that no event loop waits for a disk; it also handles a full disk."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from reedmesh.errors import DiskError
from reedmesh.store.database import takes_nothing
from reedmesh.store.store import Store

log = logging.getLogger(__name__)

RETRY = 5.0  # seconds until a disk that took nothing is tried again

T = TypeVar("T")


class Disk:
    """Does the work of one store, one piece after the other."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.trouble = store.trouble  # why the disk took nothing, the last time it was tried
        self._thread = ThreadPoolExecutor(1, "store")

    async def call(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do `work` there, as soon as the disk takes it; who may not wait for that uses `once`."""
        while True:
            try:
                return await self.once(work, *arguments)
            except DiskError:
                await asyncio.sleep(RETRY)

    async def once(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do `work` there; raises DiskError when the disk is full or broken, and then nothing was done.

        Shielded, because a call that is cancelled while it waits for its turn would be lost.
        """
        loop = asyncio.get_running_loop()
        try:
            result = await asyncio.shield(loop.run_in_executor(self._thread, self._do, work, arguments))
        except DiskError as error:
            if not self.trouble:
                log.error("%s; alerts go out all the same, and what is to be stored waits", error)
            self.trouble = str(error)
            raise
        if self.trouble and not self.store.trouble:
            log.warning("the disk takes data again")
        self.trouble = self.store.trouble
        return result

    def _do(self, work: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        """On the thread: windows make room for everything else."""
        for attempt in (1, 2):
            try:
                return work(*arguments)
            except sqlite3.OperationalError as error:
                if not takes_nothing(error):
                    raise
                if attempt == 2 or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_FULL or not self.store.shrink():
                    raise DiskError(f"the store: {error}") from error
        raise AssertionError

    async def flush(self) -> None:
        """Write the windows that wait; if the disk takes none they go on waiting."""
        if rows := self.store.windows.take_pending():
            try:
                await self.once(self.store.windows.write, rows)
            except DiskError:
                self.store.windows.put_back(rows)

    def close(self) -> None:
        """Finish what was begun and close the store; waits for the disk."""
        try:
            self._thread.submit(self.store.close).result()
        except sqlite3.Error as error:
            log.error("the store: what waited is lost: %s", error)
        self._thread.shutdown()
