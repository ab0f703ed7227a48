"""What goes wrong at the fiftieth board: each mistake is told in one line that says what to do."""

import os
import pty
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from struct import pack
from typing import Any

import pytest
import serial

from reedmesh.errors import ConfigError
from reedmesh.inference import boards
from reedmesh.provisioning import flash, partitions, serial_port
from tests.provisioning.test_provision import provision
from tests.support import flashing
from tests.support.flashing import chip, micropython_image
from tests.support.paths import ROOT
from tests.support.timeouts import PATIENCE
from tools.board import flash as flash_tool

ESP32, ESP32_C3 = boards.load("esp32"), boards.load("esp32c3")
GOOD = micropython_image(ESP32)


def run(*options: object) -> tuple[int, str]:
    """`make flash` with these options: its exit status, and what it says of its failure."""
    command = [sys.executable, "-m", "tools.board.flash", "--before", "no-reset", "--no-wait", *map(str, options)]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode, done.stderr


class Bench:
    """A desk with a good config, a good image and a chip; each test spoils one of them."""

    def __init__(self, folder: Path) -> None:
        self.config, self.firmware = folder / "press.json", folder / "micropython.bin"
        assert not provision(folder / "press.json", "--key", "0f" * 32).returncode
        self.firmware.write_bytes(GOOD)

    def flash(self, *options: object, board: str = "esp32", to: str = "ESP32") -> str:
        """The one line in which it fails."""
        files = ["--board", board, "--config", self.config, "--firmware", self.firmware]
        with ExitStack() as stack:
            if "--port" not in options:
                files += ["--port", stack.enter_context(chip(to))]
            status, said = run(*files, *options)
        assert status == 2 and said.count("\n") == 1 and said.startswith("flash: "), said
        return said


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_all_is_well_when_all_is_well(bench: Bench) -> None:
    with chip("ESP32") as place:
        status, said = run("--port", place, "--config", bench.config, "--firmware", bench.firmware)
    assert status == 0, said


def test_a_port_that_is_not_there(bench: Bench) -> None:
    assert "there is no such port; no board is attached" in bench.flash("--port", "/dev/ttyUSB9")


def test_a_port_that_is_busy(bench: Bench) -> None:
    ours, device = pty.openpty()
    with serial.Serial(os.ttyname(device), exclusive=True):
        assert "sensor monitor" in bench.flash("--port", os.ttyname(device))
    os.close(ours)
    os.close(device)


@pytest.mark.parametrize(
    ("number", "says"),
    [(13, r"no permission: sudo usermod -aG \w+ \$USER"), (16, "another program has it open"), (5, ".*Input/output")],
)
def test_why_a_port_does_not_open_is_told_with_the_remedy(
    number: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise serial.SerialException(number, os.strerror(number))

    monkeypatch.setattr(serial, "Serial", refuse)
    with pytest.raises(ConfigError, match=f"/dev/ttyUSB0: {says}"):
        serial_port.chosen("/dev/ttyUSB0")


@pytest.mark.parametrize(
    ("found", "says"), [([], "no board found on USB: is the cable"), (["a", "b"], "2 boards .* --port a or --port b")]
)
def test_none_or_two_boards_on_usb(found: list[str], says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_port, "attached", lambda: found)
    with pytest.raises(ConfigError, match=says):
        serial_port.chosen(None)


def test_a_board_that_is_not_in_its_boot_loader(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, device = pty.openpty()
    monkeypatch.setattr(flash, "ATTEMPTS", 1)
    with pytest.raises(ConfigError, match="no answer: hold BOOT"):
        flash.flash(os.ttyname(device), ESP32, GOOD, {}, reset="no-reset")
    os.close(ours)
    os.close(device)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), RuntimeError("gone"), OSError(5, "gone")])
def test_whatever_breaks_off_in_the_middle_says_that_it_must_be_done_again(
    interruption: BaseException, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object) -> None:
        raise interruption

    monkeypatch.setattr(flash, "_write", broken)
    with chip("ESP32") as place, pytest.raises(ConfigError, match=r"written in part and will not start: do it again"):
        flash.flash(place, ESP32, GOOD, flashing.settings(ESP32, tmp_path), reset="no-reset")


def test_ctrl_c_before_anything_was_written(bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def stopped(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["flash", "--config", str(bench.config)])
    monkeypatch.setattr(flash_tool, "_flash", stopped)
    assert flash_tool.main() == 130
    assert capsys.readouterr().err == "flash: stopped\n"


def test_settings_for_another_board(bench: Bench) -> None:
    assert "made for esp32, not for esp32c3: --board esp32" in bench.flash(board="esp32c3", to="ESP32-C3")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "cannot be read"),
        ('{"gateway": "gw"}', "'name' is missing"),
        ("[]", "not an object"),
    ],
)
def test_settings_the_firmware_would_not_take(bench: Bench, content: str, says: str) -> None:
    bench.config.write_text(content)
    said = bench.flash()
    assert says in said and "sensor add" in said


def test_no_settings_at_all(bench: Bench) -> None:
    bench.config.unlink()
    assert "sensor add" in bench.flash()


WRONG_FILES = [
    (b"UF2\n" + bytes(100), "no MicroPython for an ESP chip"),
    (b"", "no MicroPython for an ESP chip"),
    (micropython_image(ESP32_C3), "for an ESP32-C3, esp32 has an ESP32"),
    (GOOD[:12] + pack("<H", 77) + GOOD[14:], r"for an unknown chip \(77\)"),
    (GOOD[:4096], r"take the \.bin, not the \.app-bin"),
    (micropython_image(ESP32, ("vfs", 0x200000, 0x200000)), "before MicroPython 1.26"),
    (micropython_image(boards.load("esp32-ota")), "files begin at 0x310000, not at 0x200000 .* another variant"),
    (GOOD + bytes(2 << 20), "there is no room for them"),
]


@pytest.mark.parametrize(("content", "says"), WRONG_FILES)
def test_a_firmware_file_that_would_never_start(content: bytes, says: str) -> None:
    with pytest.raises(ConfigError, match=f"my.bin: .*{says}"):
        partitions.check(content, ESP32, "my.bin")


@pytest.mark.parametrize("name", boards.names())
def test_each_boards_own_image_is_right_for_it(name: str) -> None:
    board = boards.load(name)
    partitions.check(micropython_image(board), board, "good")
    with pytest.raises(ConfigError):
        partitions.check(micropython_image(replace(board, image=replace(board.image, files=0x3F0000))), board, "bad")


def test_a_firmware_file_that_is_not_there(bench: Bench) -> None:
    bench.firmware.unlink()
    assert "micropython.bin" in bench.flash()


def test_a_board_nobody_knows(bench: Bench) -> None:
    assert "there are esp32, " in bench.flash(board="esp8266")


def test_erasing_and_watching_a_port_that_is_not_there() -> None:
    for verb in ("erase", "monitor"):
        command = [sys.executable, "-m", f"tools.board.{verb}", "--port", "/dev/ttyUSB9"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 2
        assert done.stderr == f"{verb}: /dev/ttyUSB9: there is no such port; no board is attached\n"


def test_erasing_leaves_nothing() -> None:
    with chip("ESP32") as place:
        flash.flash(place, ESP32, GOOD, {"name": "press", "key": "secret"}, reset="no-reset")
        assert b"secret" in flashing.flash_of_chip(ESP32)
        command = [sys.executable, "-m", "tools.board.erase", "--port", place, "--before", "no-reset"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert not done.returncode, done.stderr
        assert set(flashing.flash_of_chip(ESP32)) == {0xFF}
