"""What keeps a board alive, under MicroPython: Wi-Fi, watchdog, safe mode; and the whole program among fakes."""

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.firmware import test_app
from tests.support import micropython
from tests.support.micropython import binary
from tests.support.paths import SCRIPTS
from tests.support.timeouts import PATIENCE
from tools.board import image
from tools.simulate import factory


def told(case: str, folder: Path) -> Any:
    return micropython.run_json(SCRIPTS / "board_life.py", case, folder)


def test_wifi_is_switched_off_and_on_again_and_at_last_the_board_resets(tmp_path: Path) -> None:
    said = told("wifi_comes_and_goes", tmp_path)
    once = ["on", "connect hall", "disconnect", "off"]
    assert said == {"calls": 3 * once, "resets": 1, "failures": 10, "left": 0}


def test_rests_grow_and_differ(tmp_path: Path) -> None:
    first, fourth, last = told("rests", tmp_path)
    assert 250 <= first[0] < first[1] <= 500 and 2000 <= fourth[0] < fourth[1] <= 4000
    assert 30000 <= last[0] < last[1] <= 60000


def test_the_watchdog_is_fed_only_while_windows_and_link_go_on(tmp_path: Path) -> None:
    assert told("watchdog", tmp_path) == [True, False, True, False, True, False, True], "a slow window has its time"


def test_a_board_that_starts_in_vain_goes_to_safe_mode_and_tells_why(tmp_path: Path) -> None:
    *starts, safe, kept, after_power_on, count, error, damaged = told("starts", tmp_path)
    assert starts == [False] * 5 + [True] and safe and kept and not after_power_on
    assert (count, error, damaged) == (1, "", 1)


def board(folder: Path, it: test_app.Sensor, **changes: Any) -> "subprocess.Popen[bytes]":
    """The program as on a board: with an accelerometer, Wi-Fi and a watchdog, all of them fakes."""
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
        return subprocess.Popen(command, env={**os.environ, "MICROPYPATH": path}, stdout=log, stderr=log)


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
                broken = board(tmp_path, it, sensor={"driver": "adxl345", "rate_hz": 3200, "address": 9})
                assert await asyncio.to_thread(broken.wait, PATIENCE) == 3, "it asked for a reset"
            it.heard.clear()
            process = board(tmp_path, it)
            try:
                hello = await it.until("hello", lambda said: said["safe_mode"])
                assert "nothing answers at 0x09" in hello["error"]
                status = await it.answer(test_app.wire.pack_offer(test_app.offer(1)))
                assert status["code"] == 200, "it takes a model, and tries again"
                assert await asyncio.to_thread(process.wait, PATIENCE) == 3
            finally:
                process.kill()
                process.wait()

    asyncio.run(story())
