"""Heads of ledgers: ours is told as it changes, our neighbours' are held against what each said before.

A neighbour whose head belies an earlier one has rewritten its past, or was put back from a backup. It is logged and
entered in our own ledger; nothing else follows from it.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from reedmesh.identity.keyring import Keyring
from reedmesh.protocol.wire import WireError
from reedmesh.provenance import ledger
from reedmesh.provenance.ledger import Checkpoint
from reedmesh.store import ledger_table
from reedmesh.store.writer import Disk

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
QUEUE = 100  # heads that wait to be looked at; a neighbour says its newest again

Say = Callable[[bytes], None]


class CheckpointExchange:
    """Of the gateway whose state directory is `state`; `keyring` has the keys of its neighbours."""

    def __init__(self, disk: Disk, state: Path, keyring: Keyring) -> None:
        self._disk = disk
        self._state = state
        self._keyring = keyring
        self._heard: asyncio.Queue[Checkpoint] = asyncio.Queue(QUEUE)
        self._said = -1

    def hear(self, gateway: str, frame: bytes) -> None:
        """A neighbour's head, to be looked at soon; raises WireError for what is none of its."""
        head = ledger.unpack_checkpoint(frame, self._keyring.of(gateway))
        if head.name != gateway:
            raise WireError(f"head of {head.name} among what {gateway} says")
        if self._heard.full():
            raise WireError(f"{QUEUE} heads wait already")
        self._heard.put_nowait(head)

    async def run(self, say: Say) -> None:
        """Tell and compare, for ever. say: has brokers hold a frame from now on."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell(say))
            tasks.create_task(self._compare())

    async def _tell(self, say: Say) -> None:
        while True:
            head = await self._disk.call(self._news)
            if head:
                say(ledger.pack_checkpoint(head))
                self._said = head.number
            await asyncio.sleep(LOOK_SECONDS)

    def _news(self) -> Checkpoint | None:
        """On the store's thread: our head, if it was not told yet; what will be told is noted first."""
        store = self._disk.store
        if not store.ledger or store.ledger.last()[0] <= self._said:
            return None
        if head := store.ledger.head():
            ledger_table.publish(self._state, head)
        return head

    async def _compare(self) -> None:
        while True:
            head = await self._heard.get()
            try:
                await self._hold_against(head)
            except Exception as fault:
                log.error("head %d of %s is not kept", head.number, head.name, exc_info=fault)

    async def _hold_against(self, head: Checkpoint) -> None:
        known = self._disk.store.ledger
        at = await self._disk.call(known.witness, head) if known else None
        if at is not None:
            log.error("%s changed its past: entry %d of its ledger is not what it was; `ledger verify`", head.name, at)
