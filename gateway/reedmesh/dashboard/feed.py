"""The dashboard's ears: listens to every broker and keeps the view. Says nothing on any of them."""

import asyncio
import logging
import secrets
import time
from collections.abc import Mapping, Sequence

from reedmesh.access import DASHBOARD
from reedmesh.broker import Link
from reedmesh.dashboard.fold import SUBSCRIPTIONS, connection, fold
from reedmesh.dashboard.view import View

log = logging.getLogger(__name__)

LOOK = 0.2  # seconds between two looks at the connections


class Feed:
    """What was heard on some brokers so far, in `view`."""

    def __init__(self, brokers: Sequence[tuple[str, int]], passwords: Mapping[tuple[str, int], str] = {}) -> None:
        client = f"dashboard-{secrets.token_hex(4)}"  # two clients of one name would keep throwing each other out
        self.view = View()
        self._links = [
            Link(*place, client, subscriptions=SUBSCRIPTIONS, login=(DASHBOARD, passwords.get(place, "")))
            for place in brokers
        ]

    async def run(self) -> None:
        """Listen until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for link in self._links:
                tasks.create_task(self._listen(link), name=f"listen {link.place}")
            tasks.create_task(self._look(), name="look")

    async def _listen(self, link: Link) -> None:
        async for message in link.messages():
            self.view = fold(self.view, link.place, message, time.time())

    async def _look(self) -> None:
        while True:
            for link in self._links:
                self.view = connection(self.view, link.place, link.connected, time.time())
            await asyncio.sleep(LOOK)
