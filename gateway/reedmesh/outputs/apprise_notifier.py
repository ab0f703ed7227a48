"""Notifies people by anything Apprise reaches (mail, chat, telephone), as `alerts/escalation.py` decides. Optional.

What is due is kept on disk until it went out, and is sent from a thread: nothing else waits for a mail server. Whoever
is called every minute for an hour stops reading: what comes within `seconds` of a call goes out together in the next
one. A call that fails is tried again, after twice as long each time. What came of it is in the alert's journal.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from reedmesh.alerts import words
from reedmesh.alerts.alert import Alert
from reedmesh.alerts.escalation import AGAIN, ENDED, LONGEST, SECOND, Call, Contact, Escalation
from reedmesh.config.settings import Notify
from reedmesh.errors import ConfigError, DiskError
from reedmesh.store.calls import Entry
from reedmesh.store.writer import Disk

log = logging.getLogger(__name__)

MOST_LINES = 20  # of one call; the rest is a number
RETRY = 30.0  # seconds until a call that reached nobody is tried again ...
LONGEST_RETRY = 300.0  # ... and twice as many each time, at most
LOOK = 1.0  # seconds between two looks at what became due by time alone
FIRST, SECOND_CONTACT = "first", "second"  # names of the contacts of [notify] itself
Send = Callable[[str, str], bool]  # title, text -> whether it went out


class AppriseNotifier:
    """Of the gateway `name`. alerts: gives those that are open. ways: of each contact, a function for each URL.

    pause: sleeps, in seconds. steps: seconds by which the clock was set since the last call.
    """

    def __init__(
        self,
        name: str,
        settings: Notify,
        disk: Disk,
        alerts: Callable[[], Sequence[Alert]],
        ways: Mapping[str, Sequence[Send]],
        clock: Callable[[], float],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        steps: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.sent = 0  # calls that reached somebody
        self.failed = 0  # attempts, of each way, that reached nobody
        self.trouble = ""  # why the last attempt reached nobody; "" when it reached somebody
        self._name = name
        self._settings = settings
        self._disk = disk
        self._alerts = alerts
        self._ways = {contact: list(found) for contact, found in ways.items()}
        self._clock = clock
        self._pause = pause
        self._steps = steps
        chosen = [each for each in contacts(settings) if each.name in self._ways]
        self._escalation = Escalation(chosen, 60 * settings.again, disk.store.calls.all())
        threads = max(1, sum(map(len, self._ways.values())))
        self._threads = ThreadPoolExecutor(threads, "calls")  # a name server must not wait for a mail server
        self._due = {contact: asyncio.Event() for contact in self._ways}
        self._news = asyncio.Event()
        self._failed: set[Call] = set()  # calls whose failure is in the journal already
        self._last: dict[str, Alert] = {}  # alerts that somebody was called for, as they were last seen

    def wake(self) -> None:
        """Alerts changed: look at once."""
        self._news.set()

    def facts(self) -> dict[str, Any]:
        """Counts of notifications, and the last trouble, for the status."""
        waiting = sum(len(self._escalation.waiting(each)) for each in self._ways)
        return {"sent": self.sent, "failed": self.failed, "waiting": waiting, "trouble": self.trouble}

    async def run(self) -> None:
        """Look for what is due and call, for each contact apart."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look())
            for contact in self._ways:
                tasks.create_task(self._serve(contact))

    async def _look(self) -> None:
        while True:
            open_ones = {each.id: each for each in self._alerts()}
            if due := [*self._moved(), *self._escalation.look(open_ones, self._clock())]:
                await self._keep(due)
            known = {call.alert for call in self._escalation.calls.values()}
            self._last = {name: open_ones.get(name) or self._last[name] for name in known & {*open_ones, *self._last}}
            for contact, event in self._due.items():
                if self._escalation.waiting(contact):
                    event.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await self._news.wait()
            self._news.clear()

    def _moved(self) -> list[Call]:
        """All calls, if the clock was set: what is due after some time is due after as long as it was meant to be."""
        step = self._steps()
        if not step:
            return []
        self._escalation.move(step)
        return list(self._escalation.calls.values())

    async def _serve(self, contact: str) -> None:
        """After a call there is quiet for `seconds`; a call that failed is tried again."""
        wait, event = RETRY, self._due[contact]
        while True:
            await event.wait()
            event.clear()
            calls = self._escalation.waiting(contact)
            if not calls:
                continue
            done = await self._call(contact, calls)
            await self._pause(self._settings.seconds if done else wait)
            wait = RETRY if done else min(LONGEST_RETRY, 2 * wait)
            event.set()

    async def _call(self, contact: str, calls: list[Call]) -> bool:
        """Tell everything that waits; False: it goes on waiting."""
        found = [(each, await self._alert(each)) for each in calls]
        lines = [_line(call, alert, self._settings.language) for call, alert in found if alert]
        took = await self._tell(contact, *text_of(self._name, lines)) if lines else [True]
        await self._note(calls, any(took), all(took))
        return any(took)

    async def _note(self, calls: list[Call], reached: bool, complete: bool) -> None:
        """Remember what came of it, in the journals too; a failure once for each call."""
        now = self._clock()
        gone = [] if reached else [each for each in calls if each.why == ENDED and now - each.at > LONGEST]
        told = calls if reached else [each for each in calls if each not in self._failed or each in gone]
        self._failed = self._failed - set(calls) if reached else (self._failed | set(calls)) - set(gone)
        what, result = ("called" if reached else "call failed"), _result(reached, complete)
        journal = [Entry(each.alert, now, what, _reason(each, result)) for each in told]
        for each in gone:
            self._escalation.drop(each)
        done = [(each, self._escalation.sent(each)) for each in calls] if reached else []
        over = [*gone, *(each for each, after in done if not after)]
        await self._keep([after for _, after in done if after], over, journal)

    async def _keep(self, calls: Sequence[Call], over: Sequence[Call] = (), journal: Sequence[Entry] = ()) -> None:
        """Write it down; when the disk takes nothing people are called all the same."""
        with contextlib.suppress(DiskError):
            await self._disk.once(self._disk.store.calls.save, calls, over, journal)

    async def _alert(self, call: Call) -> Alert | None:
        """As it is now; one that is over as the store has it, or else as it was last seen."""
        if stands := next((each for each in self._alerts() if each.id == call.alert), None):
            return stands
        with contextlib.suppress(DiskError):
            if stored := await self._disk.once(self._disk.store.alerts.find, call.alert):
                return stored
        return self._last.get(call.alert)

    async def _tell(self, contact: str, title: str, text: str) -> list[bool]:
        """By all ways of the contact at once; good when one of them got through."""
        run, ways = asyncio.get_running_loop().run_in_executor, self._ways[contact]
        took = await asyncio.gather(*(run(self._threads, _tried, way, title, text) for way in ways))
        self.failed += took.count(False)
        self.sent += any(took)
        self.trouble = "" if any(took) else f"{contact}: none of {len(took)} ways took the last call"
        if not all(took):
            log.error("%d of %d ways to call %s failed", took.count(False), len(took), contact)
        return list(took)


def contacts(settings: Notify) -> list[Contact]:
    """The contacts in the settings: the first, the second, and those of the routes."""
    first = Contact(FIRST, settings.priority, quiet=settings.quiet)
    second = Contact(SECOND_CONTACT, settings.priority, quiet=settings.quiet, after=60 * settings.escalate)
    routes = [
        Contact(f"route {i}", each.priority, each.sensors, each.hours, settings.quiet)
        for i, each in enumerate(settings.route)
    ]
    return [first, second, *routes]


def ways_of(settings: Notify) -> dict[str, list[Send]]:
    """For each contact a function for each of its URLs; those without any are left out. Raises ConfigError."""
    urls = {FIRST: ("notify.urls", settings.urls), SECOND_CONTACT: ("notify.second", settings.second)}
    urls |= {f"route {i}": (f"notify.route[{i}].urls", each.urls) for i, each in enumerate(settings.route)}
    return {name: ways(found, key) for name, (key, found) in urls.items() if found}


def text_of(gateway: str, lines: Sequence[str]) -> tuple[str, str]:
    """Title and text of one call with these lines."""
    more = [f"and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    title = f"{gateway}: {lines[0]}" if len(lines) == 1 else f"{gateway}: {len(lines)} alerts"
    return title, "\n".join([*lines[:MOST_LINES], *more])


def _line(call: Call, alert: Alert, language: str) -> str:
    """One alert of a call, such as "press: no window for 75 s, priority 2, since 14:03:22"."""
    since = time.strftime("%H:%M:%S", time.localtime(alert.since))
    said = words.sentence(alert.table(), language)
    if call.why == ENDED:
        until = time.strftime("%H:%M:%S", time.localtime(alert.until or call.at))
        return f"over: {said}; it lasted from {since} to {until}" + (f"; {alert.verdict}" if alert.verdict else "")
    why = {AGAIN: "still not acknowledged: ", SECOND: "nobody acknowledged it: "}.get(call.why, "")
    return f"{why}{said}, priority {alert.priority}, since {since}"


def _result(reached: bool, complete: bool) -> str:
    if not reached:
        return "reached nobody, and is tried again"
    return "delivered" if complete else "delivered by some of its ways"


def _reason(call: Call, result: str) -> str:
    what = {ENDED: "it ended", AGAIN: "still not acknowledged"}.get(call.why, f"priority {call.priority}")
    who = f"{call.contact} contact" if call.contact in (FIRST, SECOND_CONTACT) else call.contact
    return f"{who}: {what}: {result}"


def _tried(way: Send, title: str, text: str) -> bool:
    try:
        return bool(way(title, text))
    except Exception as error:  # noqa: BLE001 - a hundred services, each with libraries and faults of its own
        log.error("a call failed: %s", type(error).__name__)  # its text may hold the URL, and that a password
        return False


def ways(urls: Sequence[str], key: str = "notify.urls") -> list[Send]:
    """A function for each of Apprise's URLs; raises ConfigError that names `key`."""
    try:
        import apprise
    except ImportError as error:
        raise ConfigError(f"[notify] needs Apprise: pip install 'reedmesh[notify]' ({error})") from error
    found: list[Send] = []
    for i, url in enumerate(urls):
        service = apprise.Apprise()
        if not service.add(url):
            raise ConfigError(f"{key}[{i}]: Apprise knows no such service: see its list, `apprise --details`")
        found.append(partial(_notify, service))
    return found


def _notify(service: Any, title: str, text: str) -> bool:
    return bool(service.notify(body=text, title=title))
