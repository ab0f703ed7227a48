"""What keeps a board alive, under MicroPython: Wi-Fi, watchdog, safe mode; and the whole program among fakes."""

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from reedmesh.provisioning import image
from tests.firmware import test_app
from tests.support import micropython
from tests.support.micropython import binary
from tests.support.paths import SCRIPTS
from tests.support.timeouts import PATIENCE
from tools.simulate import factory


def told(case: str, folder: Path) -> Any:
    return micropython.run_json(SCRIPTS / "board_life.py", case, folder)


def test_wifi_is_switched_off_and_on_again_and_at_last_the_board_resets(tmp_path: Path) -> None:
    said = told("wifi_comes_and_goes", tmp_path)
    once = ["on", "connect hall", "disconnect", "off"]
    assert said == {"calls": 3 * once, "resets": ["no Wi-Fi in 10 attempts"], "failures": 10, "left": 0}


def test_rests_grow_and_differ(tmp_path: Path) -> None:
    first, fourth, last = told("rests", tmp_path)
    assert 250 <= first[0] < first[1] <= 500 and 2000 <= fourth[0] < fourth[1] <= 4000
    assert 30000 <= last[0] < last[1] <= 60000


def test_the_watchdog_is_fed_only_while_windows_and_link_go_on(tmp_path: Path) -> None:
    reset = ["no link for 15 min"]
    assert told("watchdog", tmp_path) == [True, False, True, 0, True, reset, True, False, True], (
        "slow windows have time"
    )


def test_a_board_that_starts_in_vain_goes_to_safe_mode_and_tells_why(tmp_path: Path) -> None:
    *starts, safe, kept, after_power_on, count, error, damaged = told("starts", tmp_path)
    assert starts == [False] * 5 + [True] and safe and kept and not after_power_on
    assert (count, error, damaged) == (1, "", 1)


def test_resets_that_the_firmware_chose_are_no_failures(tmp_path: Path) -> None:
    free, watchdog = told("chosen", tmp_path)
    assert (free["starts"], free["boots"], free["safe_mode"]) == (1, 21, False)
    assert (free["reset"], free["chosen"]) == ("hard", "no Wi-Fi in 10 attempts")
    assert (watchdog["starts"], watchdog["safe_mode"], watchdog["retry"]) == (6, True, 600) and not watchdog["chosen"]


def test_safe_mode_ends_by_itself(tmp_path: Path) -> None:
    waits, modes, early, starts, safe = told("leaves_safe_mode", tmp_path)
    assert waits == [600, 3600, 3600] and modes == [False, True, False, True]
    assert early and starts == 0 and not safe


def test_a_slow_sensor_proves_good_by_a_window_after_ten_minutes(tmp_path: Path) -> None:
    assert told("slow_windows", tmp_path) == [1, 0]


def test_a_brown_out_is_told_from_a_power_on_by_the_chip_s_register(tmp_path: Path) -> None:
    names = ["power-on", "hard", "watchdog", "deep-sleep", "soft", "unknown"]
    assert told("causes", tmp_path) == [*names, "power-on", "brown-out"]


def board(folder: Path, it: test_app.Sensor, fake: dict[str, str] | None = None, **changes: Any) -> Any:
    """The program as on a board: with an accelerometer, Wi-Fi and a watchdog, all of them fakes, as `fake` has them."""
    device = folder / "files"
    if not device.exists():
        device.mkdir()
        settings = factory.sensor_settings(it.plan, it.plan.machines[0])
        sensor = {"driver": "adxl345", "rate_hz": 3200, "axes": 3, "lsb_per_g": 256}
        more = {"wifi": {"ssid": "hall", "password": "x"}, "i2c": {"sda": 21, "scl": 22}, "mhz": 240, "sensor": sensor}
        image.collect(device, "x64", {**settings, **more, **changes})
    path = f"{SCRIPTS / 'fakes'}:{SCRIPTS}:{device}:.frozen"
    with (folder / "board.log").open("wb") as log:
        command = [binary(), device / "main.py", device]
        return subprocess.Popen(
            command, env={**os.environ, **(fake or {}), "MICROPYPATH": path}, stdout=log, stderr=log
        )


def test_the_program_runs_on_a_board_of_fakes(tmp_path: Path) -> None:
    async def story() -> None:
        async with test_app.sensor(tmp_path) as it:
            it.kill()
            it.heard.clear()
            process = board(tmp_path, it)
            try:
                hello = await it.until("hello", lambda said: said["measured_hz"])
                window = await it.until("window", lambda window: window.number > 21)
            finally:
                process.kill()
                process.wait()
            assert hello["sensor"]["driver"] == "adxl345" and window.lost == 0 and not hello["safe_mode"]
            log = (tmp_path / "board.log").read_text()
            for done in ("freq 240000000", "I2C 0 22 21 400000", "hostname press", "connect hall", "WDT.feed"):
                assert done in log, log
            assert json.loads((tmp_path / "files" / "life.json").read_text())["starts"] == 0

    asyncio.run(story())


def test_an_error_nobody_foresaw_resets_the_board_and_is_told_after_safe_mode_too(tmp_path: Path) -> None:
    async def story() -> None:
        async with test_app.sensor(tmp_path) as it:
            it.kill()
            for _ in range(5):
                broken = board(tmp_path, it, sensor={"driver": "adxl345", "rate_hz": "fast"})
                assert await asyncio.to_thread(broken.wait, PATIENCE) == 3, "it asked for a reset"
            it.heard.clear()
            process = board(tmp_path, it)
            try:
                hello = await it.until("hello", lambda said: said["safe_mode"])
                assert "TypeError" in hello["error"] and hello["retry"] == 600
                status = await it.answer(test_app.offer_frame.pack_offer(test_app.offer(1)))
                assert status["code"] == 200, "it takes a model, and tries again"
                assert await asyncio.to_thread(process.wait, PATIENCE) == 3
            finally:
                process.kill()
                process.wait()

    asyncio.run(story())


def windows_of(tmp_path: Path, fake: dict[str, str], enough: int) -> tuple[dict[str, Any], Any, str]:
    """The last hello, the last window and the log of a board that runs until it sent so many windows."""

    async def story() -> tuple[dict[str, Any], Any, str]:
        async with test_app.sensor(tmp_path) as it:
            it.kill()
            it.heard.clear()
            process = board(tmp_path, it, fake)
            try:
                window = await it.until("window", lambda window: window.number >= enough)
                assert process.poll() is None, "it was not reset"
            finally:
                process.kill()
                process.wait()
            return (
                json.loads([body for leaf, body in it.heard if leaf == "hello"][-1]),
                window,
                (tmp_path / "board.log").read_text(),
            )

    return asyncio.run(story())


def test_one_failed_transfer_costs_one_window_and_no_reset(tmp_path: Path) -> None:
    hello, window, log = windows_of(tmp_path, {"FAKE_GLITCHES": "3000 6000"}, 25)
    assert window.lost == 2 and "machine.reset" not in log
    assert hello["transducer"]["fault"] == "" and not hello["safe_mode"]


def test_a_bus_that_fails_for_a_while_is_set_up_anew_and_told_of(tmp_path: Path) -> None:
    hello, window, log = windows_of(tmp_path, {"FAKE_GLITCHES": "3000+9"}, 20)
    assert window.lost >= 8 and hello["transducer"]["renewed"] > 3 and "machine.reset" not in log
    assert "116" in log and hello["transducer"]["fault"] == "", "it is over"


def test_a_bus_that_a_chip_holds_is_freed_by_nine_clocks(tmp_path: Path) -> None:
    _, window, log = windows_of(tmp_path, {"FAKE_STUCK": "3000"}, 20)
    assert 4 <= window.lost <= 8 and log.count("machine.I2C") == 2


def test_a_silent_chip_is_a_transducer_fault_and_no_reason_to_reset(tmp_path: Path) -> None:
    async def story() -> None:
        async with test_app.sensor(tmp_path) as it:
            it.kill()
            it.heard.clear()
            process = board(tmp_path, it, sensor={"driver": "adxl345", "rate_hz": 3200, "address": 9})
            try:
                hello = await it.until("hello")
                assert "nothing answers at 0x09" in hello["transducer"]["fault"] and not hello["safe_mode"]
                assert process.poll() is None
            finally:
                process.kill()
                process.wait()

    asyncio.run(story())


def test_an_update_is_refused_while_it_would_leave_esp_idf_too_little(tmp_path: Path) -> None:
    classic, reduced, starving, tls, full, roomy, growing = told("memory", tmp_path)
    assert "13000 bytes of the heap are free, an update takes 24576, and ESP-IDF would keep 1092" in classic
    assert not reduced and "6400 bytes in a row" in starving and "6400 bytes in a row" in full
    assert not tls, "what the heap has room for takes nothing of ESP-IDF's 8 KiB, with which the link stands"
    assert not roomy and not growing, "the heap grows by as much as it has, and enough stays"


def test_an_offer_that_would_starve_wifi_is_taken_by_a_start_without_transducer(tmp_path: Path) -> None:
    async def story() -> None:
        async with test_app.sensor(tmp_path) as it:
            it.kill()
            it.heard.clear()
            first = board(tmp_path, it, {"FAKE_LONGEST": "6400", "FAKE_SETTLED": "1"})
            await it.until("hello")
            await it.until("window", lambda _: True)
            status = await it.answer(test_app.offer_frame.pack_offer(test_app.offer(1)))
            assert status["code"] == 503 and "6400 bytes in a row" in status["reason"], status
            assert await asyncio.to_thread(first.wait, PATIENCE) == 3
            it.heard.clear()
            second = board(tmp_path, it)
            try:
                hello = await it.until("hello", lambda said: said.get("reduced"))
                assert hello["retry"] == 300 and not hello["safe_mode"] and "transducer" not in hello
                status = await it.answer(test_app.offer_frame.pack_offer(test_app.offer(1)))
                assert status["code"] == 200
                assert await asyncio.to_thread(second.wait, PATIENCE) == 3, "it goes back to work"
                it.heard.clear()
                third = board(tmp_path, it)
                hello = await it.until("hello", lambda said: "transducer" in said)
                assert hello["model"] == test_app.offer(1).sha256.hex() and hello["memory"]["longest"] == 60000
                third.kill()
                third.wait()
            finally:
                second.kill()
                second.wait()

    asyncio.run(story())
