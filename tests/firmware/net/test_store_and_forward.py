"""Windows that matter outlive an outage: kept on the sensor, sent after it, and an alert of then on the gateway."""

import asyncio
import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reedmesh.alerts.debounce import Watcher
from reedmesh.config.settings import AlertRule
from reedmesh.protocol import wire
from tests.firmware import test_app
from tests.provisioning.test_flash import gateway
from tests.support import micropython
from tests.support.brokers import free_port, mosquitto
from tests.support.paths import SCRIPTS
from tests.support.timeouts import PATIENCE
from tools.simulate.recordings import simulate

WRITTEN = 8  # windows that are enough for a write: SOME of firmware/net/store_and_forward.py


def told(case: str, folder: Path) -> Any:
    return micropython.run_json(SCRIPTS / "outage_stories.py", case, folder)


class TestOnTheSensor:
    """firmware/net/store_and_forward.py, under MicroPython."""

    def test_what_may_not_have_arrived_is_sent_with_its_age(self, tmp_path: Path) -> None:
        said = told("memory", tmp_path)
        assert said.pop("files") == [], "a short outage costs no write to flash"
        assert said == {"arrived": 0, "was": 2, "sent": [[30, 2], [0, 3]], "waiting": 0, "dropped": 0, "writes": 0}

    def test_a_link_that_blinked_is_noticed(self, tmp_path: Path) -> None:
        assert told("blink", tmp_path)["sent"] == [[0, 1]]

    def test_a_restart_keeps_them_and_tells_their_age_where_it_is_known(self, tmp_path: Path) -> None:
        unknown, known = told("restart", tmp_path)
        assert unknown["was"] == 3 - 1 and unknown["sent"] == [[None, 1], [None, 2], [5, 3]]
        assert known["sent"] == [[95, 1], [95, 2], [5, 3]]
        assert known["waiting"] == 0 and known["files"] == ["late.json"] and known["writes"] == 2 * unknown["writes"]

    def test_without_a_restart_the_age_needs_no_clock(self, tmp_path: Path) -> None:
        assert told("same_boot", tmp_path)["sent"] == [[61, 1]]

    def test_flash_is_a_ring_and_its_writes_are_counted_for_life(self, tmp_path: Path) -> None:
        said = told("ring", tmp_path)
        assert said["waiting"] == said["count"] <= 128 and said["waiting"] + said["dropped"] == 40 * 16
        assert said["bytes"] <= 128 * (12 + wire.WINDOW_HEADER + 3) and said["ordered"]
        assert said["recovered"] == [said["waiting"], 40] and said["ever"] == 41

    def test_none_is_lost_when_the_link_breaks_off_again(self, tmp_path: Path) -> None:
        said = told("broken_off", tmp_path)
        assert said["was"] == 4 and said["sent"] == [1, 2, 1, 2, 3, 4] and said["waiting"] == 0

    def test_what_the_gateway_gave_no_receipt_for_is_sent_again(self, tmp_path: Path) -> None:
        said = told("unheard", tmp_path)
        assert said["was"] == 2 and said["sent"] == [1, 1, 2] and said["waiting"] == 0

    def test_a_sensor_with_a_key_forgets_nothing_on_a_forged_receipt(self, tmp_path: Path) -> None:
        assert told("forged", tmp_path) == [1, 1, 0, 0]

    def test_flash_is_written_once_a_minute_at_most(self, tmp_path: Path) -> None:
        assert told("often", tmp_path) == [False, False, True, True, False, True]

    def test_a_power_cut_at_any_write_leaves_what_was_kept_before_or_after(self) -> None:
        said = micropython.run_json(SCRIPTS / "power_cut_outage.py", heap="16m")
        assert said["cuts"] > 100 and said["odd"] == said["broken"] == 0, said
        assert 64 < said["kept"] <= 128

    def test_a_flash_that_fails_or_was_damaged_stops_nothing(self, tmp_path: Path) -> None:
        assert told("flash_fails", tmp_path)["sent"] == [[0, 1]]
        assert told("damaged", tmp_path)["sent"] == []


class TestOnTheGateway:
    """alert.py: what late windows make of an alert."""

    RULE = AlertRule(on=4, of=6, off=12)

    def late(self, *numbers: int, score: float = 5.0, boot: int = 1) -> tuple[Watcher, list[Any]]:
        watcher = Watcher("press", self.RULE)
        return watcher, [watcher.judge_late(score, 1.0, (boot, number), 100.0 + number, 900.0) for number in numbers]

    def test_enough_of_them_are_an_alert_of_then_that_calm_windows_clear(self) -> None:
        watcher, changes = self.late(1, 2, 3, 5)
        assert [bool(change) for change in changes] == [False, False, False, True]
        assert (changes[3].type, changes[3].at, changes[3].alert.since) == ("new", 900.0, 105.0)
        assert "heard late" in changes[3].text
        ends = [watcher.judge(0.1, 1.0, 901.0 + i) for i in range(self.RULE.off)]
        assert ends[-1] and ends[-1].type == "end" and not any(ends[:-1])

    def test_few_and_far_between_are_none(self) -> None:
        assert not any(self.late(1, 3, 8, 13, 15, 20)[1]), "between them the machine was calm"
        assert not any(self.late(1, 2, 3, 4, score=0.9)[1]), "this gateway's model finds them normal"

    def test_windows_of_different_starts_do_not_add_up(self) -> None:
        watcher, _ = self.late(1, 2, 3)
        assert watcher.judge_late(5.0, 1.0, (2, 4), 1.0, 2.0) is None

    def test_an_open_alert_only_worsens(self) -> None:
        watcher, changes = self.late(1, 2, 3, 4, 5, 6, 7)
        assert sum(map(bool, changes)) == 1
        worse = watcher.judge_late(50.0, 1.0, (1, 8), 1.0, 900.0)
        assert worse and worse.type == "update" and worse.alert.worst == 50.0


def test_what_a_machine_did_while_the_broker_was_away_is_an_alert_of_then(tmp_path: Path) -> None:
    """Real sensor, broker and gateway. The sensor restarts in the middle, too, so that flash must have kept them."""
    recording = simulate()
    fault = recording.windows(0, "test", recording.faults(0)[0])

    async def story() -> None:
        port = free_port()
        async with test_app.listening(port, tmp_path) as it, asyncio.timeout(PATIENCE):
            try:
                with mosquitto(tmp_path, port), gateway(tmp_path, port):
                    it.start()
                    await it.up()
                    feeding = asyncio.create_task(fed(it, test_app.NORMAL))
                    await it.until("state", lambda said: said["state"] == "watching")
                    feeding.cancel()
                    await it.until("hello", lambda said: said["model"])
                kept = await outage(it, fault)
                it.heard.clear()
                with mosquitto(tmp_path, port), gateway(tmp_path, port):
                    feeding = asyncio.create_task(fed(it, test_app.NORMAL, 0.2))
                    state = await it.until("state", lambda said: said.get("late", 0) >= kept and said["alert"])
                    assert state["online"] and state["disagreements"] == 0
                    hello = await it.until("hello", lambda said: said["late"]["waiting"] == 0)
                    assert hello["late"]["dropped"] == 0
                    await it.until("state", lambda said: said["late"] and not said["alert"])
                    feeding.cancel()
            finally:
                it.kill()

    asyncio.run(story())


async def outage(it: test_app.Sensor, fault: np.ndarray) -> int:
    """The broker is away; the machine fails, and the sensor restarts. Returns how many windows it should have kept."""
    late, record = it.folder / "late.new", 12 + wire.WINDOW_HEADER + test_app.FAMILY.recipe.length
    it.feed(fault[:10])
    while not late.exists() or late.stat().st_size < WRITTEN * record:
        await asyncio.sleep(0.05)
    it.kill()
    kept = late.stat().st_size // record
    it.start()
    return kept


async def fed(it: test_app.Sensor, windows: np.ndarray, pause: float = 0.03) -> None:
    while True:
        for window in windows:
            with suppress(BlockingIOError):
                it.feed(window[None])
            await asyncio.sleep(pause)


class TestTime:
    """firmware/net/ntp.py, under MicroPython, asking a server that answers as it is told to."""

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({}, "1800000000"),
            ({"seconds": 100}, str(2**32 + 100 - 2208988800)),  # after 2036, when the count begins anew
            ({"nonce": b"not ours"}, "no time"),
            ({"leap": 3}, "no time"),
            ({"stratum": 0}, "no time"),
            ({"mode": 3}, "no time"),
            ({"cut": 47}, "no time"),
        ],
    )
    def test_only_a_good_answer_is_believed(self, change: dict[str, Any], expected: str) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            server.settimeout(PATIENCE)
            answering = threading.Thread(target=answer, args=(server, change))
            answering.start()
            waits = 300 if expected == "no time" else int(1000 * PATIENCE)  # ms: a good answer may take its time
            said = micropython.run(SCRIPTS / "clock_ask.py", server.getsockname()[1], waits)
            answering.join()
        assert said.startswith(expected), said

    def test_no_server_is_no_time(self) -> None:
        assert micropython.run(SCRIPTS / "clock_ask.py", free_port(), 300).startswith("no time")


def answer(server: socket.socket, change: dict[str, Any]) -> None:
    """One NTP answer (RFC 5905, figure 8)."""
    asked, sender = server.recvfrom(100)
    assert len(asked) == 48 and asked[0] == 0x23
    first = change.get("leap", 0) << 6 | 4 << 3 | change.get("mode", 4)
    head = struct.pack("!BBBb20x", first, change.get("stratum", 2), 6, -20)
    seconds = change.get("seconds", 1800000000 + 2208988800)
    packet = head + change.get("nonce", asked[40:48]) + bytes(8) + struct.pack("!II", seconds, 0)
    server.sendto(packet[: change.get("cut", 48)], sender)
