"""The real gateway tells a real notify socket what systemd must know, and falls silent when any part of it hangs."""

import signal
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.publish as paho
import pytest

from tests.support import systemd
from tests.support.brokers import free_port, mosquitto
from tests.support.systemd import Manager
from tests.support.timeouts import PATIENCE

WATCHDOG = 2.0  # seconds; 30 in the unit

# What a fault would do, done on purpose: each ends the progress of one part and leaves the others as they are.
DEAF = """
import asyncio
from reedmesh.service import gateway
async def hang(channel, *rest):
    async for message in channel.messages():
        await asyncio.Event().wait()
gateway.watch = hang
"""
BUSY = """
import time
from reedmesh.service import gateway
async def hang(channel, *rest):
    async for message in channel.messages():
        print("hangs", flush=True)
        time.sleep(1000)
gateway.watch = hang
"""
WORN_OUT = """
import threading
from reedmesh.store.outbox import Outbox
Outbox.next = lambda outbox, *rest: threading.Event().wait()
"""
LOST = """
import asyncio
from reedmesh.links.mqtt_link import Link
async def join(link, client):
    await asyncio.Event().wait()
Link._join = join
from reedmesh.service import watchdog
watchdog.LONGEST_WAIT = 0.1
watchdog.READY_SECONDS = 0.1
"""


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with systemd.manager(tmp_path) as it:
        yield it


def config(folder: Path, port: int) -> Path:
    path = folder / "reedmesh.toml"
    path.write_text(f'name = "gw"\nstate = "{folder}/state"\n[broker]\nport = {port}\n')
    return path


def test_it_is_ready_with_its_broker_beats_and_says_that_it_stops(tmp_path: Path, manager: Manager) -> None:
    with mosquitto(tmp_path, free_port()) as port, systemd.process(manager, config(tmp_path, port), WATCHDOG) as it:
        manager.until("READY=1")
        assert "WATCHDOG=1" not in manager.told
        manager.until("STATUS=judging")
        for _ in range(3):
            manager.until("WATCHDOG=1")
        it.send_signal(signal.SIGTERM)
        manager.until("STOPPING=1")
        assert it.wait(PATIENCE) == 0


def test_without_a_broker_it_is_ready_all_the_same_and_says_what_is_amiss(tmp_path: Path, manager: Manager) -> None:
    breaks = "from reedmesh.service import watchdog\nwatchdog.READY_SECONDS = 0.5"
    port = free_port()
    with systemd.process(manager, config(tmp_path, port), WATCHDOG, breaks):
        manager.until("READY=1")
        manager.until("STATUS=.*cannot be reached")
        for _ in range(int(3 * WATCHDOG)):
            manager.until("WATCHDOG=1")  # a restart would not bring the broker back
        with mosquitto(tmp_path, port):
            manager.until("STATUS=judging")


@pytest.mark.parametrize(
    ("fault", "part"),
    [(DEAF, "judging"), (BUSY, None), (WORN_OUT, "outbox"), (LOST, "link")],
    ids=["judging", "everything", "outbox", "link"],
)
def test_a_part_that_hangs_silences_the_watchdog(
    tmp_path: Path, manager: Manager, fault: str, part: str | None
) -> None:
    with (
        mosquitto(tmp_path, free_port()) as port,
        systemd.process(manager, config(tmp_path, port), WATCHDOG, fault) as it,
    ):
        manager.until("READY=1")
        paho.single("reedmesh/gw/press/hello", b"junk", qos=0, port=port)  # what the path shall hang on
        if part:
            manager.until(f"STATUS=stuck: {part}$")
        else:  # the whole loop hangs, and can say nothing
            assert it.stdout and it.stdout.readline() == "hangs\n"
            manager.forget()
        assert manager.quiet("WATCHDOG=1", 2 * WATCHDOG)


def test_settings_are_reloaded_in_place_and_wrong_ones_change_nothing(tmp_path: Path, manager: Manager) -> None:
    with mosquitto(tmp_path, free_port()) as port:
        path = config(tmp_path, port)
        good = path.read_text()
        with systemd.process(manager, path, WATCHDOG) as it:
            manager.until("STATUS=judging")
            path.write_text(good + "[alerts]\nof = 900\noff = 0\n")
            it.send_signal(signal.SIGHUP)
            manager.until("RELOADING=1\nMONOTONIC_USEC=[0-9]+")
            manager.until("STATUS=.*not reloaded")
            manager.until("READY=1")
            manager.until("WATCHDOG=1")
            log = (tmp_path / "gateway.log").read_text()
            assert '"alerts.of" must be at least 1 and at most 64' in log and '"alerts.off" must be' in log

            path.write_text('family = "nonesuch"\n' + good)  # well formed, but nothing that could be started
            it.send_signal(signal.SIGHUP)
            manager.until("RELOADING=1")
            manager.until("STATUS=.*not reloaded")
            manager.until("WATCHDOG=1")

            path.write_text(good.replace('"gw"', '"renamed"'))
            it.send_signal(signal.SIGHUP)
            manager.until("RELOADING=1")
            manager.until("READY=1")
            manager.until("WATCHDOG=1")
            assert "gateway renamed begins" in (tmp_path / "gateway.log").read_text()
            it.send_signal(signal.SIGTERM)
            assert it.wait(PATIENCE) == 0


AT_WORK = """
import time
from reedmesh.updates.scheduler import TrainingScheduler
from reedmesh.updates.worker import worker_process
async def learn(scheduler):
    async with worker_process() as work:
        await work(time.sleep, 1000)
TrainingScheduler.run = learn
"""


def workers(process: int) -> list[int]:
    """Processes that learn for it."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(each) for each in children if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()]


def test_ten_reloads_in_a_row_while_it_learns_leave_one_process_and_one_worker(
    tmp_path: Path, manager: Manager
) -> None:
    with (
        mosquitto(tmp_path, free_port()) as port,
        systemd.process(manager, config(tmp_path, port), 30.0, AT_WORK) as it,
    ):
        manager.until("STATUS=judging")
        seen: set[int] = set()
        for _ in range(10):
            manager.until_true(lambda: bool(set(workers(it.pid)) - seen))  # noqa: B023
            assert len(workers(it.pid)) == 1
            seen |= set(workers(it.pid))
            for _ in range(20):  # people who do not trust their first; some come before the program is there again
                it.send_signal(signal.SIGHUP)
                manager.next(patience=0.05)
            assert it.poll() is None
        manager.until_true(lambda: bool(set(workers(it.pid)) - seen))
        seen |= set(workers(it.pid))
        files = len(list(Path(f"/proc/{it.pid}/fd").iterdir()))
        assert files < 60
        assert not [each for each in seen - set(workers(it.pid)) if Path(f"/proc/{each}/cmdline").exists()]
        it.send_signal(signal.SIGTERM)
        assert it.wait(PATIENCE) == 0
