"""From boards/*.toml to flash: writes are verified, what does not fit is refused, and what was written boots."""

import asyncio
import hashlib
import os
import subprocess
import sys
import tty
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reedmesh import board as boards
from reedmesh import wire
from reedmesh.board import Board
from reedmesh.errors import ConfigError
from tests import micropython, test_node
from tests.micropython import ROOT, binary
from tools import flash, image, official, plant

pytest.importorskip("esp32_mock_bootloader", reason="no mock: pip install esp32-mock-bootloader")
from esp32_mock_bootloader import mock_bootloader

# The mock forgets to close what its server prints.
pytestmark = pytest.mark.filterwarnings("ignore:.*unclosed file", "ignore::pytest.PytestUnraisableExceptionWarning")

CHIP_IDS = {"ESP32": 0, "ESP32-S2": 2, "ESP32-C3": 5, "ESP32-S3": 9, "ESP32-C6": 13}  # of esp_image_header_t
CONFIG: dict[str, Any] = {"name": "press"}
KIB = 1 << 10


def micropython_image(board: Board) -> bytes:
    """Bytes that esptool takes for an image of this chip (esp_app_format.h), 64 KiB."""
    header = bytes([0xE9, 1, 2, 0x20]) + bytes(8) + CHIP_IDS[board.chip].to_bytes(2, "little")
    return header + bytes(5) + b"\xff\xff" + bytes(5) + np.random.default_rng(1).bytes(64 * KIB - 28)


def flashed(chip: str, board: Board, config: dict[str, Any] = CONFIG) -> None:
    with mock_bootloader(chip=chip.lower().replace("-", "")) as mock:
        port = f"socket://127.0.0.1:{mock.port()}"
        flash.flash(port, board, micropython_image(board), config, reset="no-reset")


@pytest.mark.parametrize("name", boards.names())
def test_every_board_is_written_where_it_must_be_and_verified(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    board = boards.load(name)
    flashed(board.chip, board)
    said = capsys.readouterr().out
    assert said.count("Hash of data verified") == 2
    for place, length in ((board.image.offset, 64 * KIB), (board.image.files, (4 << 20) - board.image.files)):
        assert f"Wrote {length} bytes" in said and f"at 0x{place:08x}" in said


def test_another_chip_is_refused_with_the_boards_that_fit() -> None:
    with pytest.raises(ConfigError, match=r"an ESP32-C3, esp32 has an ESP32: try BOARD=esp32c3"):
        flashed("ESP32-C3", boards.load("esp32"))


def test_too_little_flash_is_refused_before_anything_is_erased() -> None:
    board = boards.load("esp32")
    with pytest.raises(ConfigError, match="4 MiB of flash, 8 are needed"):
        flashed("ESP32", replace(board, image=replace(board.image, flash_mib=8)))


def test_a_port_that_is_not_there_is_told_in_a_line() -> None:
    with pytest.raises(ConfigError, match="/dev/nothing"):
        flash.flash("/dev/nothing", boards.load("esp32"), b"", CONFIG)


def test_an_image_is_the_same_bytes_every_time_and_too_small_a_flash_is_said() -> None:
    board = boards.load("esp32c3")
    made = [image.build(board, 4 << 20, CONFIG) for _ in range(2)]
    assert made[0] == made[1] and len(made[0]) == 2 << 20
    with pytest.raises(ConfigError, match="do not fit 96 KiB"):
        image.build(replace(board, image=replace(board.image, files=(4 << 20) - 96 * KIB)), 4 << 20, CONFIG)


def test_an_image_boots_introduces_itself_and_judges_with_the_model_in_it(tmp_path: Path) -> None:
    """The same files, compiled for this machine instead of a board: MicroPython mounts, imports and runs them."""
    model = tmp_path / "first.tflite"
    model.write_bytes(test_node.lesson().model)

    async def story() -> None:
        async with test_node.sensor(tmp_path) as it:
            it.kill()
            it.heard.clear()
            settings = plant.sensor_settings(it.plan, it.plan.machines[0])
            files = tmp_path / "files"
            files.mkdir()
            image.collect(files, "x64", settings, model)
            (tmp_path / "image").write_bytes(image.pack(files, 96))
            it._process, it._pipe = booted(tmp_path / "image", tmp_path / "boot.log")
            hello = await it.until("hello", lambda said: said["model"])
            assert hello["model"] == hashlib.sha256(model.read_bytes()).hexdigest() and hello["sequence"] == 0
            it.counted = 0
            it.feed(test_node.NORMAL[:5])
            window = await it.until("window", lambda window: window.number == 5)
            assert window.score is not None
            status = await it.answer(wire.pack_offer(test_node.offer(1, **test_node.with_other_bytes())))
            assert status["code"] == 200, "a model is taken into the image's own file system"
            assert flash.HELLO in (tmp_path / "boot.log").read_bytes()

    asyncio.run(story())


def booted(path: Path, log: Path) -> tuple["subprocess.Popen[bytes]", int]:
    """A sensor started from an image, and the end of the pipe that feeds it."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    script = Path(__file__).parent / "firmware" / "boot_image.py"
    with log.open("wb") as out:
        process = subprocess.Popen([binary(), "-X", "heapsize=2m", script, path], stdin=reading, stdout=out, stderr=out)
    os.close(reading)
    return process, writing


class TestOfficial:
    """The image of MicroPython."""

    def test_it_is_fetched_once_and_must_stay_what_it_was(self, tmp_path: Path) -> None:
        board, source, cache = boards.load("esp32"), tmp_path / "site", tmp_path / "cache"
        source.mkdir()
        (source / board.image.name).write_bytes(b"micropython")
        url = source.as_uri() + "/"
        assert official.image(board, url, cache) == b"micropython"
        (source / board.image.name).unlink()
        assert official.image(board, url, cache) == b"micropython"
        (cache / board.image.name).write_bytes(b"another")
        with pytest.raises(ConfigError, match="not what it was"):
            official.image(board, url, cache)
        (cache / board.image.name).unlink()
        (source / board.image.name).write_bytes(b"changed at the source")
        with pytest.raises(ConfigError, match="not what it was"):
            official.image(board, url, cache)

    def test_one_that_cannot_be_had_says_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="FIRMWARE=path"):
            official.image(boards.load("esp32"), tmp_path.as_uri() + "/", tmp_path / "cache")
        assert not list((tmp_path / "cache").glob("*.bin"))


def test_the_first_hello_is_found_among_other_lines_and_its_absence_is_told() -> None:
    ours, device = os.openpty()
    tty.setraw(device)
    said = [b"ets Jul 29 2019\r\n", b'hello {"name": 1}\r\n', b"Traceback\r\n", b"MemoryError\r\n"]
    now = count()

    def clock() -> float:
        """The board says a line at a time, and then nothing."""
        if said:
            os.write(ours, said.pop(0))
        return next(now)

    assert flash.first_hello(os.ttyname(device), 10, clock) == 'hello {"name": 1}'
    with pytest.raises(ConfigError, match=r"no hello in 2 s\. Its last words: MemoryError"):
        flash.first_hello(os.ttyname(device), 2, clock)
    os.close(ours)
    os.close(device)


def test_what_provisioning_writes_is_for_its_owner_and_what_the_firmware_reads(tmp_path: Path) -> None:
    out = tmp_path / "press.json"
    command = [sys.executable, "tools/provision.py", "--name", "press", "--gateway", "gw", "--host", "10.0.0.1"]
    command += ["--plain", "--ssid", "hall", "--key", "0f" * 32, "--out", str(out)]
    said = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "WIFI_PASSWORD": "secret"}, capture_output=True, text=True
    )
    assert not said.returncode and "make flash BOARD=esp32" in said.stdout and "secret" not in said.stdout, said.stderr
    assert out.stat().st_mode & 0o777 == 0o600
    made = image.read_config(out)
    assert made["wifi"] == {"ssid": "hall", "password": "secret"} and made["i2c"]["sda"] == 21
    script = "import settings, sys; print(settings.load(sys.argv[1])['recipe'].length)"
    assert micropython.run("-c", script, out).strip() == str(test_node.FAMILY.recipe.length)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--name", "Press 3"], "1 to 32"),
        (["--board", "esp8266"], "no board"),
        ([], "name of the Wi-Fi: not given"),
        (["--ssid", "s"], "CA="),
        (["--ssid", "s", "--ca", "none"], "none"),
    ],
)
def test_what_provisioning_lacks_is_told_in_a_line(tmp_path: Path, options: list[str], says: str) -> None:
    command = [sys.executable, "tools/provision.py", "--name", "press", "--gateway", "gw", "--host", "h", *options]
    command += ["--out", str(tmp_path / "x.json")]
    environment = {**os.environ, "WIFI_PASSWORD": "secret"}
    said = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert said.returncode == 2 and says in said.stderr and said.stderr.count("\n") == 1
    assert not (tmp_path / "x.json").exists()
