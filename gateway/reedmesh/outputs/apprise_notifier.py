"""Calls people: new alerts as notifications, by whatever Apprise reaches (mail, chat, telephone, ...). An option.

What is to be told waits in the outbox, on disk, and is sent from a thread: nothing else waits for a mail server. Who is
called every minute for an hour stops reading: what comes within `seconds` of a call goes out together in the next one,
a flood is one line, and what is on the shelf calls nobody.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from reedmesh.alerts.alert import ANOMALY, BABBLING, FLOOD, NEW, SILENT, STRANGERS, Change
from reedmesh.config.settings import Notify
from reedmesh.errors import ConfigError, DiskError
from reedmesh.store.outbox import CALL
from reedmesh.store.writer import Disk

log = logging.getLogger(__name__)

MOST_LINES = 20  # of one call; the rest is a number
RETRY = 30.0  # seconds until a call that reached nobody is tried again ...
LONGEST_RETRY = 300.0  # ... and twice as many each time, until so many
MOST_ROWS = 1000  # of the outbox, in one call
MOST_CALLED = 1000  # calls remembered that went out before they were stored
Send = Callable[[str, str], bool]  # title, text -> whether it went out


class AppriseNotifier:
    """Of the gateway `name`. ways: one function for each URL, which may take its time. pause: waits so many seconds."""

    def __init__(
        self,
        name: str,
        settings: Notify,
        disk: Disk,
        ways: Sequence[Send],
        clock: Callable[[], float],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.sent = 0  # calls that reached somebody
        self.failed = 0  # attempts, of each way, that reached nobody
        self._name = name
        self._settings = settings
        self._disk = disk
        self._ways = ways
        self._clock = clock
        self._pause = pause
        self._threads = ThreadPoolExecutor(max(1, len(ways)), "calls")  # a name server must not wait for a mail server
        self._news = asyncio.Event()
        self._unstored: list[dict[str, Any]] = []
        self._called: list[tuple[str, float]] = []  # steps that were told before they were stored

    def wanted(self, change: Change) -> bool:
        """Whether people are to be called for it: a new alert, or one whose shelf ended; none of a flood's."""
        alert = change.alert
        begins = change.type == "new" or (change.what == "unshelved" and not change.by and alert.state == NEW)
        urgent = alert.priority <= self._settings.priority and alert.shelved_until is None and not alert.flood
        return begins and urgent and (alert.id, change.at) not in self._called

    def wake(self) -> None:
        """There may be something in the outbox."""
        self._news.set()

    def unstored(self, changes: Sequence[Change]) -> None:
        """The disk takes nothing; people are called all the same."""
        chosen = [change for change in changes if self.wanted(change)]
        self._called = [*self._called, *((each.alert.id, each.at) for each in chosen)][-MOST_CALLED:]
        self._unstored = [*self._unstored, *(each.message() for each in chosen)][-MOST_CALLED:]
        self.wake()

    def facts(self) -> dict[str, int]:
        """How it goes."""
        return {"sent": self.sent, "failed": self.failed}

    async def run(self) -> None:
        """For ever. After a call there is quiet for `seconds`; a call that failed is tried again."""
        wait = RETRY
        while True:
            await self._news.wait()
            self._news.clear()
            done = await self._call()
            wait = RETRY if done else min(LONGEST_RETRY, 2 * wait)
            await self._pause(self._settings.seconds if done else wait)
            if not done:
                self._news.set()

    async def _call(self) -> bool:
        """Tell everything that waits; False: it goes on waiting."""
        rows = await self._stored()
        waiting = [*self._unstored, *(json.loads(text) for _, text in rows)]
        if waiting:
            if not await self._tell(*text_of(self._name, waiting)):
                return False
            self._unstored = []
            if rows:
                await self._disk.call(self._disk.store.outbox.sent, [number for number, _ in rows])
            if len(rows) == MOST_ROWS:
                self._news.set()
        return True

    async def _stored(self) -> list[tuple[int, str]]:
        outbox = self._disk.store.outbox
        try:
            await self._disk.once(outbox.thin, self._clock(), CALL)
            return await self._disk.once(outbox.next, CALL, MOST_ROWS)
        except DiskError:
            return []

    async def _tell(self, title: str, text: str) -> bool:
        """By all ways at once; good when one of them got through."""
        run = asyncio.get_running_loop().run_in_executor
        took = await asyncio.gather(*(run(self._threads, _tried, way, title, text) for way in self._ways))
        self.failed += took.count(False)
        self.sent += any(took)
        if not all(took):
            log.error("%d of %d ways to call people failed", took.count(False), len(took))
        return any(took)


def text_of(gateway: str, messages: Sequence[dict[str, Any]]) -> tuple[str, str]:
    """Title and text of one call for these messages of alerts."""
    lines = [_line(each) for each in messages]
    more = [f"and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    title = f"{gateway}: {lines[0]}" if len(lines) == 1 else f"{gateway}: {len(lines)} alerts"
    return title, "\n".join([*lines[:MOST_LINES], *more])


def _line(message: dict[str, Any]) -> str:
    since = time.strftime("%H:%M:%S", time.localtime(message["since"]))
    kind, sensor = message["kind"], message["sensor"]
    excess = message["top_score"] / message["threshold"] if message["threshold"] else 0.0
    what = {
        ANOMALY: f"{sensor} is not as ever, {excess:.1f} x threshold",
        SILENT: f"{sensor} is silent",
        BABBLING: f"{sensor} floods the broker and is not listened to",
        STRANGERS: f"somebody unknown floods the broker of {sensor}",
        FLOOD: f"more than {message['threshold']:.0f} alerts in ten minutes",
    }
    return f"{what.get(kind, f'{sensor}: {kind}')}, priority {message['priority']}, since {since}"


def _tried(way: Send, title: str, text: str) -> bool:
    try:
        return bool(way(title, text))
    except Exception as error:  # noqa: BLE001 - a hundred services, each with libraries and faults of its own
        log.error("a call failed: %s", type(error).__name__)  # its text may hold the URL, and that a password
        return False


def ways(urls: Sequence[str]) -> list[Send]:
    """A function for each of Apprise's URLs; raises ConfigError."""
    try:
        import apprise
    except ImportError as error:
        raise ConfigError(f"[notify] needs Apprise: pip install 'reedmesh[notify]' ({error})") from error
    found: list[Send] = []
    for i, url in enumerate(urls):
        service = apprise.Apprise()
        if not service.add(url):
            raise ConfigError(f"notify.urls[{i}]: Apprise knows no such service: see its list, `apprise --details`")
        found.append(partial(_notify, service))
    return found


def _notify(service: Any, title: str, text: str) -> bool:
    return bool(service.notify(body=text, title=title))
