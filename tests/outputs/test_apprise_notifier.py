"""People are called for new alerts: once, together, not for what is shelved, and whatever the mail server does."""

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

from reedmesh.alerts.alert import FLOOD, SILENT, Alert, Change
from reedmesh.config.settings import Notify
from reedmesh.errors import ConfigError
from reedmesh.links.message import Message
from reedmesh.outputs import apprise_notifier as calling
from reedmesh.outputs.alert_publisher import AlertPublisher
from reedmesh.outputs.apprise_notifier import MOST_LINES, AppriseNotifier, Send, text_of, ways
from reedmesh.store.store import Store
from reedmesh.store.writer import Disk
from tests.support.timeouts import PATIENCE

ALERT = Alert("press-1", "press", "new", 10.0, None, 5.0, 1.0, 5.0)
WANTS = Notify(urls=("json://x",), priority=2, seconds=1.0)


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
    """An announcer with calls, at work."""

    def __init__(self, folder: Path, *phones: Send, pause: Callable[[float], Any] = asyncio.sleep) -> None:
        self.disk = Disk(Store(folder))
        self.calls = AppriseNotifier("hall1", WANTS, self.disk, phones, lambda: 20.0, pause)
        self.alert_publisher = AlertPublisher(
            self.disk, "alert", lambda: Message("alerts", b""), lambda: 20.0, self.calls
        )

    async def put(self, *changes: Change) -> None:
        for each in changes:
            self.alert_publisher.put(each)
        await self.alert_publisher.settled()

    async def empty(self) -> None:
        while await self.waiting():
            await asyncio.sleep(0.01)

    async def waiting(self) -> int:
        return await self.disk.once(self.disk.store.outbox.waiting, "call")


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
    monkeypatch.setattr(calling, "RETRY", 0.05)
    monkeypatch.setattr(calling, "LONGEST_RETRY", 0.1)


def test_what_calls_people_and_what_does_not(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    wanted = desk.calls.wanted
    assert wanted(change()) and wanted(change(kind=SILENT)) and wanted(change(kind=FLOOD))
    assert (
        not wanted(change(top_score=1.1)) and not wanted(change(shelved_until=99.0)) and not wanted(change(flood="f"))
    )
    assert not wanted(replace(change(), type="end", what="cleared"))
    over = Change("update", ALERT, "unshelved", 50.0)
    assert wanted(over) and not wanted(replace(over, by="Ana"))
    assert not wanted(replace(over, alert=replace(ALERT, state="acknowledged")))
    desk.disk.close()


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
            assert "press is not as ever, 5.0 x threshold, priority 1" in phone.heard[0][0]
            title, text = phone.heard[1]
            assert title == "hall1: 3 alerts" and [line.split()[0] for line in text.splitlines()] == [
                "saw",
                "mill",
                "fan",
            ]
            await until(lambda: desk.calls.facts() == {"sent": 2, "failed": 0})
            await desk.empty()

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
            assert len(desk.disk.store.open_alerts()) == 101 and await desk.waiting() == 101
            hanging.set()
            await until(lambda: bool(phone.heard))
            assert phone.heard[0][0] == "hall1: 101 alerts" and desk.calls.failed == 2

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
            desk.calls.wake()
            await until(lambda: len(phone.heard) == 1)
            assert "press" in phone.heard[0][0]

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
            await until(lambda: desk.calls.facts() == {"sent": 2, "failed": 2})
            assert good.tried == bad.tried == 2

    asyncio.run(story())


def test_on_a_full_disk_people_are_called_once_all_the_same(tmp_path: Path) -> None:
    async def story() -> None:
        phone = Phone()
        async with at_work(Desk(tmp_path, phone)) as desk:
            pages = desk.disk.store.db.execute("pragma page_count").fetchone()[0]
            desk.disk.store.db.execute(f"pragma max_page_count = {pages}")
            count = 0
            while not desk.alert_publisher.unsaved:
                count += 1
                await desk.put(change(f"press{count}"))
            desk.disk.store.db.execute("pragma max_page_count = 100000")
            desk.alert_publisher.remind()
            await desk.alert_publisher.settled()
            told = lambda: [line.split()[0] for title, text in phone.heard for line in text.splitlines()]  # noqa: E731
            await until(lambda: len(told()) >= min(count, MOST_LINES))
            assert desk.alert_publisher.unsaved == 0 and len(set(told())) == len(told())
            await desk.empty()

    asyncio.run(story())


def test_a_long_list_is_cut_and_says_so() -> None:
    title, text = text_of("hall1", [change(f"press{i}").message() for i in range(MOST_LINES + 30)])
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
