"""People are called once per priority that an alert reaches, together, and whatever the mail server does."""

import asyncio
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reedmesh.alerts.alert import Alert, Change, end
from reedmesh.config.settings import Notify
from reedmesh.errors import ConfigError
from reedmesh.links.message import Message
from reedmesh.outputs import apprise_notifier
from reedmesh.outputs.alert_publisher import AlertPublisher
from reedmesh.outputs.apprise_notifier import MOST_LINES, AppriseNotifier, Send, text_of, ways
from reedmesh.store.store import Store
from reedmesh.store.writer import Disk
from tests.support.timeouts import PATIENCE

ALERT = Alert("press-1", "press", "new", 10.0, None, 5.0, 1.0, 5.0)
WANTS = Notify(urls=("json://x",), priority=2, seconds=1.0, again=0.0)


def change(name: str = "press", **other: Any) -> Change:
    alert = replace(ALERT, id=f"{name}-1", sensor=name, **other)
    return Change("new", alert, "raised", 10.0)


class Broker:
    """Takes everything."""

    async def publish(self, message: Message) -> bool:
        return True


class Phone:
    """A way to call people, which may be engaged."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.tried = 0
        self.answers: Callable[[], bool] = lambda: True

    def __call__(self, title: str, text: str) -> bool:
        self.tried += 1
        if not self.answers():
            return False
        self.heard.append((title, text))
        return True


class Desk:
    """An alert_publisher with calls, at work on the alerts that were put."""

    def __init__(
        self,
        folder: Path,
        *phones: Send,
        pause: Callable[[float], Any] = asyncio.sleep,
        wants: Notify = WANTS,
        steps: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.disk = Disk(Store(folder))
        self.open = {each.id: each for each in self.disk.store.alerts.open()}
        self.now = 20.0
        alerts = lambda: list(self.open.values())  # noqa: E731
        self.calls = AppriseNotifier(
            "hall1", wants, self.disk, alerts, {"first": phones}, lambda: self.now, pause, steps
        )
        made = Message("alerts", b"")
        self.alert_publisher = AlertPublisher(self.disk, "alert", lambda: made, lambda: self.now, self.calls.wake)

    async def put(self, *changes: Change) -> None:
        for each in changes:
            self.alert_publisher.put(each)
            self.open[each.alert.id] = each.alert
            if not each.alert.open:
                del self.open[each.alert.id]
        await self.alert_publisher.settled()

    def waiting(self) -> int:
        return int(self.calls.facts()["waiting"])

    async def journal(self, alert: str = "press-1") -> list[tuple[str, str]]:
        steps = await self.disk.once(self.disk.store.history.journal, alert)
        return [(each["what"], each["text"]) for each in steps]


@asynccontextmanager
async def at_work(desk: Desk) -> Any:
    tasks = [asyncio.create_task(desk.alert_publisher.run(Broker())), asyncio.create_task(desk.calls.run())]
    try:
        async with asyncio.timeout(PATIENCE):
            yield desk
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        desk.disk.close()


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apprise_notifier, "RETRY", 0.05)
    monkeypatch.setattr(apprise_notifier, "LONGEST_RETRY", 0.1)


def test_a_slow_fault_calls_at_each_priority_it_reaches_and_when_it_ends(tmp_path: Path) -> None:
    async def story() -> None:
        phone = Phone()
        async with at_work(Desk(tmp_path, phone, pause=lambda _: asyncio.sleep(0))) as desk:
            for factor in (1.1, 1.9, 2.0, 2.5, 3.9, 4.0, 20.0):
                now = Change("update", replace(ALERT, worst=factor), "worsened", 11.0)
                await desk.put(now)
                want = 0 if factor < 2 else 1 if factor < 4 else 2
                await until(lambda: desk.calls.sent == want)  # noqa: B023
            await desk.put(end(now.alert, "cleared", 90.0))
            await until(lambda: desk.calls.sent == 3)
            first, second, last = [title for title, _ in phone.heard]
            assert "2.0 × threshold, priority 2" in first and "4.0 × threshold, priority 1" in second
            assert last.startswith("hall1: over: press") and "20.0 × threshold" in last
            while len(steps := await desk.journal()) < 11:
                await asyncio.sleep(0.01)
            assert [text for what, text in steps if what == "called"] == [
                "first contact: priority 2: delivered",
                "first contact: priority 1: delivered",
                "first contact: it ended: delivered",
            ]
            assert desk.disk.store.calls.all() == []

    asyncio.run(story())


def test_a_call_is_repeated_while_nobody_acknowledges(tmp_path: Path) -> None:
    async def story() -> None:
        phone = Phone()
        wants = replace(WANTS, again=10.0)
        async with at_work(Desk(tmp_path, phone, pause=lambda _: asyncio.sleep(0), wants=wants)) as desk:
            await desk.put(change())
            await until(lambda: desk.calls.sent == 1)
            desk.now += 601.0
            desk.calls.wake()
            await until(lambda: desk.calls.sent == 2)
            assert phone.heard[1][0].startswith("hall1: still not acknowledged: press")
            await desk.put(Change("update", replace(ALERT, state="acknowledged", by="Ana"), "acknowledged", 30.0))
            desk.now += 6000.0
            await desk.put(end(replace(ALERT, state="acknowledged"), "cleared", desk.now))
            await until(lambda: desk.calls.sent == 3)
            assert "over: press" in phone.heard[2][0]

    asyncio.run(story())


def test_a_clock_that_jumps_repeats_no_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apprise_notifier, "LOOK", 0.01)

    async def story() -> None:
        phone, jump = Phone(), [0.0]
        wants = replace(WANTS, again=10.0)
        desk = Desk(tmp_path, phone, pause=lambda _: asyncio.sleep(0), wants=wants, steps=lambda: jump.pop(0))
        jump.extend([0.0] * 10_000)
        async with at_work(desk):
            await desk.put(change())
            await until(lambda: desk.calls.sent == 1)
            looks = len(jump)
            desk.now += 7200.0
            jump[0] = 7200.0
            await until(lambda: len(jump) < looks - 5)
            assert desk.calls.sent == 1
            desk.now += 601.0
            await until(lambda: desk.calls.sent == 2)
            [kept] = desk.disk.store.calls.all()
            assert kept.first == 20.0 + 7200.0  # on disk, too

    asyncio.run(story())


def test_the_first_is_told_at_once_and_what_follows_together(tmp_path: Path) -> None:
    async def story() -> None:
        phone, over, pauses = Phone(), asyncio.Event(), []

        async def quiet(seconds: float) -> None:
            pauses.append(seconds)
            await over.wait()

        async with at_work(Desk(tmp_path, phone, pause=quiet)) as desk:
            await desk.put(change("press"))
            await until(lambda: len(phone.heard) == 1)
            await desk.put(change("saw"))
            await desk.put(change("mill"), change("fan"))
            assert len(phone.heard) == 1 and pauses == [WANTS.seconds]
            over.set()
            await until(lambda: len(phone.heard) == 2)
            assert "press behaves unlike it did when it was learnt, 5.0 × threshold, priority 1" in phone.heard[0][0]
            title, text = phone.heard[1]
            assert title == "hall1: 3 alerts" and [line.split()[0] for line in text.splitlines()] == [
                "saw",
                "mill",
                "fan",
            ]
            await until(lambda: desk.calls.facts() == {"sent": 2, "failed": 0, "waiting": 0, "trouble": ""})

    asyncio.run(story())


def test_a_mail_server_that_fails_or_hangs_holds_nothing_up_and_is_tried_again(tmp_path: Path) -> None:
    async def story() -> None:
        phone, hanging = Phone(), threading.Event()
        phone.answers = lambda: bool(hanging.wait(PATIENCE)) and phone.tried > 2
        async with at_work(Desk(tmp_path, phone)) as desk:
            await desk.put(change("press"))
            await until(lambda: phone.tried == 1)
            for i in range(100):
                await desk.put(change(f"saw{i}"))  # stored and published meanwhile
            assert len(desk.disk.store.alerts.open()) == 101
            await until(lambda: desk.waiting() == 101)
            hanging.set()
            await until(lambda: bool(phone.heard))
            assert phone.heard[0][0] == "hall1: 101 alerts" and desk.calls.failed == 2
            while len(steps := await desk.journal()) < 3:
                await asyncio.sleep(0.01)
            assert [what for what, _ in steps] == ["raised", "call failed", "called"]

    asyncio.run(story())


def test_a_call_outlives_a_restart(tmp_path: Path) -> None:
    async def story() -> None:
        dead = Phone()
        dead.answers = lambda: False
        async with at_work(Desk(tmp_path, dead)) as desk:
            await desk.put(change("press"))
            await until(lambda: dead.tried > 0)
        phone = Phone()
        async with at_work(Desk(tmp_path, phone)) as desk:
            await until(lambda: len(phone.heard) == 1)
            assert "press" in phone.heard[0][0]

    asyncio.run(story())


def test_a_gateway_that_ends_between_alert_and_call_calls_once_after_its_start(tmp_path: Path) -> None:
    async def story() -> None:
        before, phone = Desk(tmp_path), Phone()
        publishing = asyncio.create_task(before.alert_publisher.run(Broker()))
        await before.put(change())  # stored; it ends before anybody looks what is due
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)
        before.disk.close()
        for _ in range(3):  # starts
            async with at_work(Desk(tmp_path, phone, pause=lambda _: asyncio.sleep(0))) as desk:
                await until(lambda: bool(phone.heard) and desk.waiting() == 0)
                await until(lambda: [each.sent for each in desk.disk.store.calls.all()] == [True])
        assert len(phone.heard) == 1

    asyncio.run(story())


def test_one_way_that_fails_does_not_repeat_the_call_on_the_others(tmp_path: Path) -> None:
    async def story() -> None:
        good, bad = Phone(), Phone()
        bad.answers = lambda: bool(1 / 0)
        async with at_work(Desk(tmp_path, good, bad)) as desk:
            await desk.put(change("press"))
            await until(lambda: len(good.heard) == 1)
            await desk.put(change("saw"))
            await until(lambda: len(good.heard) == 2)
            await until(lambda: (desk.calls.sent, desk.calls.failed) == (2, 2))
            assert good.tried == bad.tried == 2

    asyncio.run(story())


def test_on_a_full_disk_people_are_called_once_all_the_same(tmp_path: Path) -> None:
    async def story() -> None:
        phone = Phone()
        async with at_work(Desk(tmp_path, phone)) as desk:
            pages = desk.disk.store._db.execute("pragma page_count").fetchone()[0]
            desk.disk.store._db.execute(f"pragma max_page_count = {pages}")
            count = 0
            while not desk.alert_publisher.unsaved:
                count += 1
                await desk.put(change(f"press{count}"))
            desk.disk.store._db.execute("pragma max_page_count = 100000")
            desk.alert_publisher.remind()
            await desk.alert_publisher.settled()
            told = lambda: [line.split()[0] for title, text in phone.heard for line in text.splitlines()]  # noqa: E731
            await until(lambda: len(told()) >= min(count, MOST_LINES))
            assert desk.alert_publisher.unsaved == 0 and len(set(told())) == len(told())

    asyncio.run(story())


def test_a_long_list_is_cut_and_says_so() -> None:
    title, text = text_of("hall1", [f"press{i}" for i in range(MOST_LINES + 30)])
    assert (
        title == "hall1: 50 alerts"
        and text.splitlines()[-1] == "and 30 more"
        and len(text.splitlines()) == MOST_LINES + 1
    )


@contextmanager
def web() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """A service that takes JSON on loopback."""
    heard: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, heard
        server.shutdown()
        thread.join()


@pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")  # Apprise's affair
def test_apprise_itself_takes_it_to_where_the_url_says() -> None:
    with web() as (port, heard):
        good, gone = ways([f"json://127.0.0.1:{port}/alerts", "json://127.0.0.1:1/nobody"])
        assert good("hall1: press", "press is not as ever") and not gone("title", "text")
    assert (heard[0]["title"], heard[0]["message"]) == ("hall1: press", "press is not as ever")


@pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")
def test_a_url_of_no_service_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigError, match=r"notify\.urls\[1\]") as caught:
        ways(["json://127.0.0.1", "nonsense://user:sesame@x"])
    assert "sesame" not in str(caught.value)
