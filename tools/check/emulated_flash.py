"""What an emulated ESP32 starts from: its flash as `make flash` writes it, its fuses, a flash with the cases."""

import shutil
import tempfile
from pathlib import Path
from struct import pack
from typing import Any

import numpy as np

from reedmesh.inference.boards import Board
from reedmesh.provisioning import device_tree, image
from tests.firmware.tflite.test_models import litert, some_inputs
from tests.support import operator_models
from tests.support.paths import SCRIPTS

FLASH = 4 << 20  # bytes
FUSES = 124  # bytes of the emulator's file
MAC = bytes.fromhex("24ad00112233")
CASES, RUNNER = "cases.bin", SCRIPTS / "emulator_cases.py"
FEW = 4  # models of each operator


def flash(board: Board, firmware: bytes, config: dict[str, Any], model: Path | None = None) -> bytes:
    """All bytes of a board's flash: MicroPython and the sensor's files where `make flash` writes them, else erased."""
    return _laid_out(board, firmware, image.build(board, FLASH, config, model))


def flash_of_cases(board: Board, firmware: bytes) -> bytes:
    """The same with a program that runs the engine's cases in place of the sensor's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        device_tree.compile_into(folder / image.TREE, board.architecture, ("tflite/", "recurrent/", "board/lazy"))
        shutil.copyfile(RUNNER, folder / image.STARTED)
        (folder / CASES).write_bytes(cases())
        return _laid_out(board, firmware, image.pack(folder, (FLASH - board.image.files) // image.BLOCK))


def _laid_out(board: Board, firmware: bytes, files: bytes) -> bytes:
    content = bytearray(b"\xff" * FLASH)
    content[board.image.offset : board.image.offset + len(firmware)] = firmware
    content[board.image.files : board.image.files + len(files)] = files
    return bytes(content)


def cases() -> bytes:
    """Models of every operator, each with its inputs and what LiteRT's reference kernels make of them."""
    rng, made = np.random.default_rng(11), []
    for draw in operator_models.OPERATORS.values():
        for _ in range(FEW):
            model = draw(rng)
            inputs = some_inputs(rng, model)
            outputs = litert(model, inputs)
            head = pack("<4I", len(model), len(inputs), inputs[0].nbytes, outputs[0].nbytes)
            made.append(head + model + inputs.tobytes() + outputs.tobytes())
    return b"".join(made)


def fuses(mac: bytes = MAC) -> bytes:
    """The emulator's file of an ESP32's fuses: its address with the CRC that is checked at boot, chip revision 3."""
    content = bytearray(FUSES)
    content[4:10], content[10] = mac[::-1], crc8(mac)
    content[13], content[22] = 0x80, 0x10
    return bytes(content)


def crc8(data: bytes) -> int:
    """The CRC of the boot ROM's crc8_le: polynomial 0x31, reflected, from 0 (esp_rom_crc.h)."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8C if crc & 1 else 0)
    return crc
