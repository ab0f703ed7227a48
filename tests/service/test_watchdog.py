"""What systemd is told, what counts as getting on, and how log lines reach the journal."""

import asyncio
import io
import logging
import os
import re
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from reedmesh.links.memory_link import MemoryBroker
from reedmesh.links.message import Message
from reedmesh.service import journal
from reedmesh.service.systemd import ServiceNotifier
from reedmesh.service.watchdog import Part, Watchdog
from tests.support import systemd
from tests.support.timeouts import PATIENCE


def test_the_protocol_is_that_of_sd_notify(tmp_path: Path) -> None:
    with systemd.manager(tmp_path) as manager:
        environment = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}
        notifier = ServiceNotifier(environment)
        assert environment == {} and notifier.watchdog == 30.0  # nobody we start speaks for us
        notifier.ready()
        notifier.alive()
        notifier.status("two\nlines" + 300 * "x")
        notifier.stopping()
        assert [manager.next(), manager.next()] == ["READY=1", "WATCHDOG=1"]
        status = manager.next()
        assert status and status.startswith("STATUS=two linesxxx") and len(status) == len("STATUS=") + 200
        assert manager.next() == "STOPPING=1"
        assert notifier.handed_on() == {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "30000000"}


def test_a_socket_may_have_an_abstract_name() -> None:
    name = f"reedmesh-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind("\0" + name)
        server.settimeout(PATIENCE)
        notifier = ServiceNotifier({"NOTIFY_SOCKET": "@" + name})
        notifier.ready()
        assert server.recv(100) == b"READY=1"
        assert notifier.handed_on() == {"NOTIFY_SOCKET": "@" + name}


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nowhere/to/be/found"}, {"WATCHDOG_USEC": "x"}])
def test_nobody_who_listens_is_no_trouble(environment: dict[str, str]) -> None:
    notifier = ServiceNotifier(environment)
    notifier.ready()
    assert notifier.watchdog == 0.0


def test_a_watchdog_of_another_process_is_not_ours() -> None:
    assert ServiceNotifier({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}).watchdog == 0.0


def test_a_part_is_late_when_its_count_stands_still() -> None:
    counts: list[int | None] = [1]
    part = Part(lambda: counts[-1], patience=10)
    assert part.late(100) == 0 and part.late(109) == 0 and part.late(111) == 1
    counts.append(2)
    assert part.late(112) == 0
    counts.append(None)  # there is nothing it could do
    assert part.late(1000) == 0 and part.late(2000) == 0
    counts.append(2)
    assert part.late(2005) == 0 and part.late(2011) == 0 and part.late(2016) > 0


class Journal(io.StringIO):
    """A stream that is a file, as far as anybody can tell."""

    def __init__(self, fileno: int) -> None:
        super().__init__()
        self._fileno = fileno

    def fileno(self) -> int:
        return self._fileno


def logged(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, is_journal: bool) -> str:
    """What a few lines look like on `stream`."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    at = os.fstat(stream.fileno())
    monkeypatch.setenv("JOURNAL_STREAM", f"{at.st_dev}:{at.st_ino if is_journal else at.st_ino + 1}")
    try:
        journal.set_up(verbose=False, stream=stream)
        logging.error("an error")
        logging.info("of %d words", 3)
        logging.debug("unheard")
        try:
            raise ValueError("two\nlines")
        except ValueError:
            logging.exception("trace")
        for i in range(100):
            logging.warning("again %d", i)
    finally:
        logging.basicConfig(handlers=before, level=level, force=True)
    return stream.getvalue()


def test_the_journal_gets_levels_and_a_terminal_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "log").open("w") as file:
        lines = logged(Journal(file.fileno()), monkeypatch, is_journal=True).splitlines()
        assert lines[:3] == ["<3>an error", "<6>of 3 words", "<3>trace"]
        assert all(re.match("<[0-7]>", line) for line in lines) and "<3>lines" in lines
        words = logged(Journal(file.fileno()), monkeypatch, is_journal=False).splitlines()
        assert words[:2] == ["ERROR an error", "INFO of 3 words"]


def test_a_line_that_repeats_itself_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "log").open("w") as file:
        text = logged(Journal(file.fileno()), monkeypatch, is_journal=True)
    assert text.count("<4>again") == journal.MOST
    assert text.splitlines()[-1].endswith("(more like it are counted for 60 s and not logged)")

    now = [0.0]
    repeats = journal.RepeatFilter(lambda: now[0])

    def again() -> logging.LogRecord:
        return logging.LogRecord("x", logging.INFO, "x.py", 1, "%d", (7,), None)

    passed = sum(repeats.filter(again()) for _ in range(journal.MOST + 70))
    now[0], last = journal.PERIOD, again()
    assert passed == journal.MOST and repeats.filter(last)
    assert last.getMessage() == "7 (and 70 more like it were not logged)"


def test_a_beat_goes_through_the_path_and_no_further_than_the_heart() -> None:
    async def story() -> None:
        beat = Message("reedmesh/gw/beat", b"")
        link = MemoryBroker().link("reedmesh/gw/#")
        watchdog = Watchdog(link, beat.topic, SimpleNamespace(attempts=0, reconnects=0), lambda: 0, ServiceNotifier({}))
        messages = watchdog.messages()
        waiting = asyncio.ensure_future(anext(messages))
        await asyncio.sleep(0)  # until it listens
        await watchdog.publish(beat)
        await watchdog.publish(Message("reedmesh/gw/press/window", b""))
        assert (await waiting).topic == "reedmesh/gw/press/window" and watchdog.judged == 1
        waiting = asyncio.ensure_future(anext(messages))
        await asyncio.sleep(0)
        assert watchdog.judged == 2
        waiting.cancel()

    asyncio.run(story())
