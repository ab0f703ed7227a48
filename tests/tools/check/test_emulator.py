"""The check on an emulated ESP32, as far as it goes without one: its flash, its cases, what it says without."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from reedmesh.errors import ConfigError
from reedmesh.inference import boards
from tests.support import flashing, operator_models
from tests.support.micropython import binary
from tests.support.paths import ROOT, SCRIPTS
from tools.check import emulated_flash, emulator

BOARD = boards.load("esp32")
STAND_IN = """#!{python}
import os, sys
if sys.argv[1:] == ["-M", "help"]:
    print("Supported machines are:\\nesp32                Espressif ESP32 machine")
    sys.exit()
drive = [word for word in sys.argv if word.endswith("if=mtd,format=raw")][0].split("=")[1].split(",")[0]
with open(drive, "rb") as flash, open(drive + ".files", "wb") as files:
    flash.seek({files})
    files.write(flash.read())
os.execv({micropython!r}, [{micropython!r}, "-X", "heapsize=8m", {boot!r}, drive + ".files"])
"""


@pytest.fixture
def stand_in(tmp_path: Path) -> str:
    """In place of QEMU: starts the file system of the flash under this machine's MicroPython."""
    path = tmp_path / "qemu"
    values = {"python": sys.executable, "files": BOARD.image.files, "micropython": binary()}
    path.write_text(STAND_IN.format(**values, boot=str(SCRIPTS / "boot_image.py")))
    path.chmod(0o755)
    return str(path)


def test_the_flash_has_what_make_flash_writes_where_it_writes_it() -> None:
    firmware = flashing.micropython_image(BOARD)
    content = emulated_flash.flash(BOARD, firmware, emulator.settings(BOARD), emulator.MODEL)
    assert len(content) == 4 << 20 and content[: BOARD.image.offset] == b"\xff" * BOARD.image.offset
    assert content[BOARD.image.offset :].startswith(firmware) and b"littlefs" in content[BOARD.image.files :][:4096]


def test_the_fuses_have_the_address_and_the_crc_that_the_boot_rom_checks() -> None:
    assert emulated_flash.crc8(b"123456789") == 0xA1, "CRC-8/MAXIM-DOW"
    content = emulated_flash.fuses()
    assert len(content) == 124 and content[4:10][::-1] == emulated_flash.MAC
    assert content[10] == emulated_flash.crc8(emulated_flash.MAC)


def test_the_cases_come_out_right_and_a_wrong_one_is_told(stand_in: str, tmp_path: Path) -> None:
    board = replace(BOARD, architecture="x64")
    content = emulated_flash.flash_of_cases(board, b"")
    good, bad = emulator.run_cases(stand_in, tmp_path, content)
    assert (good, bad) == (emulated_flash.FEW * len(operator_models.OPERATORS), 0)


def test_a_case_that_comes_out_wrong_is_counted(tmp_path: Path) -> None:
    made = emulated_flash.cases()
    (tmp_path / "cases.bin").write_bytes(made[:-1] + bytes([made[-1] ^ 1]))
    command = [binary(), "-c", f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); import emulator_cases as it; "
               f"it.main({str(tmp_path)!r})"]  # fmt: skip
    path = f"{ROOT / 'firmware'}:{ROOT / 'gateway' / 'reedmesh'}:.frozen"
    said = subprocess.run(command, env={**os.environ, "MICROPYPATH": path}, capture_output=True, text=True)
    assert said.stdout.strip() == f"TOTAL good {emulated_flash.FEW * len(operator_models.OPERATORS) - 1} bad 1", (
        said.stderr
    )


def test_what_is_no_emulator_of_an_esp32_says_where_one_is(stand_in: str, tmp_path: Path) -> None:
    emulator.check_emulator(stand_in)
    for wrong in ("/bin/true", str(tmp_path / "nothing")):
        with pytest.raises(ConfigError, match=r"idf_tools.py install qemu-xtensa"):
            emulator.check_emulator(wrong)


def test_a_board_that_says_nothing_is_told_of_with_its_last_words(stand_in: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Its last words"), emulator.emulated("/bin/echo", tmp_path) as lines:
        emulator.until(lines, "hello {", 1.0)
