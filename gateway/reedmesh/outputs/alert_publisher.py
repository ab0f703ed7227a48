"""Alert -> disk -> broker: every change of an alert is stored, then published until the broker has it.

When the disk takes nothing it is published all the same, and stored later: people matter more than records.
"""

import asyncio
import json
import logging
from collections.abc import Callable

from reedmesh.alerts import words
from reedmesh.alerts.alert import Change
from reedmesh.errors import DiskError
from reedmesh.links.message import Message, Publisher
from reedmesh.store.writer import Disk

log = logging.getLogger(__name__)

MOST_UNSAVED = 10_000  # changes kept in memory for a disk that takes nothing; then the oldest are forgotten


class AlertPublisher:
    """Tells of alerts on `topic`, and after each batch what `snapshot` gives. told: is called when alerts changed."""

    def __init__(
        self,
        disk: Disk,
        topic: str,
        snapshot: Callable[[], Message],
        clock: Callable[[], float],
        told: Callable[[], None] = lambda: None,
    ) -> None:
        self._disk = disk
        self._store = disk.store
        self._topic = topic
        self._snapshot = snapshot
        self._clock = clock
        self.turns = 0  # batches that were gone through
        self.waiting = 0  # messages that the broker did not take
        self._wake = told
        self._stored = asyncio.Event()
        self._inbox: asyncio.Queue[Change | asyncio.Future[None] | None] = asyncio.Queue()
        self._unsaved: list[Change] = []
        self._told: dict[str, None] = {}  # messages that are out, and that the disk does not know to be; oldest first

    @property
    def unsaved(self) -> int:
        """Changes that wait for the disk."""
        return len(self._unsaved)

    def put(self, change: Change | None) -> None:
        """Tell of `change`; None: just see to what waits, the broker is back."""
        self._inbox.put_nowait(change)

    def remind(self) -> None:
        """Try the disk again, if anything waits for it."""
        if self._unsaved:
            self.put(None)

    async def settled(self) -> None:
        """Wait until every change put so far is on disk, or out."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._inbox.put_nowait(done)
        await done

    async def run(self, publisher: Publisher) -> None:
        """Store and tell, until cancelled; what is to be stored does not wait for a broker that is slow to answer."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep(publisher))
            tasks.create_task(self._tell(publisher))

    async def _tell(self, publisher: Publisher) -> None:
        while True:
            await self._stored.wait()
            self._stored.clear()
            await self._empty_outbox(publisher)
            self.turns += 1

    async def _keep(self, publisher: Publisher) -> None:
        """A flood goes in batches, each in one commit."""
        while True:
            batch = [await self._inbox.get()]
            while not self._inbox.empty():
                batch.append(self._inbox.get_nowait())
            await self._save(publisher, [each for each in batch if isinstance(each, Change)])
            for each in batch:
                if isinstance(each, asyncio.Future) and not each.done():
                    each.set_result(None)
            self._stored.set()

    async def _save(self, publisher: Publisher, changes: list[Change]) -> None:
        for change in changes:
            log.warning(_in_words(change))
        self._unsaved = [*self._unsaved, *changes][-MOST_UNSAVED:]
        if not self._unsaved:
            return
        try:
            await self._disk.once(self._store.alerts.save, self._unsaved)
            self._unsaved = []
        except DiskError:
            await self._tell_unstored(publisher, changes)
        self._wake()

    async def _tell_unstored(self, publisher: Publisher, changes: list[Change]) -> None:
        for text in (json.dumps(change.message()) for change in changes):
            await self._publish(publisher, text)
        if changes:
            await publisher.publish(self._snapshot())

    async def _publish(self, publisher: Publisher, text: str) -> bool:
        """Whether the message is out, now or before."""
        if text in self._told:
            return True
        if not await publisher.publish(Message(self._topic, text.encode(), qos=1)):
            return False
        self._told[text] = None
        while len(self._told) > MOST_UNSAVED:
            del self._told[next(iter(self._told))]
        return True

    async def _empty_outbox(self, publisher: Publisher) -> None:
        """Publish what waits, in order; what cannot be sent now waits for the next greeting."""
        try:
            while waiting := await self._disk.once(self._store.outbox.next):
                sent = await self._send(publisher, waiting)
                self.turns += 1
                await self._disk.once(self._store.outbox.sent, [number for number, _ in sent])
                for _, text in sent:
                    self._told.pop(text, None)
                if len(sent) < len(waiting):
                    await self._disk.once(self._store.outbox.thin, self._clock())
                    self.waiting = await self._disk.once(self._store.outbox.waiting)
                    return
                await publisher.publish(self._snapshot())
            self.waiting = 0
        except DiskError:
            return  # tried again with the next change, and by `remind`

    async def _send(self, publisher: Publisher, waiting: list[tuple[int, str]]) -> list[tuple[int, str]]:
        """Those that are out; none goes out twice because the disk takes nothing."""
        sent: list[tuple[int, str]] = []
        for each in waiting:
            if not await self._publish(publisher, each[1]):
                break
            sent.append(each)
        return sent


def _in_words(change: Change) -> str:
    alert, who = change.alert, f" by {change.by}" if change.by else ""
    return f"{alert.sensor}: {alert.kind} alert {change.what}{who}: {words.amounts(alert.table())}"
