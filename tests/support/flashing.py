"""For tests of what is flashed: chips that esptool can talk to, an image of MicroPython, and a sensor's settings."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from struct import pack
from typing import Any

import numpy as np
import pytest

from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.inference import family
from reedmesh.inference.boards import Board
from reedmesh.provisioning import flash, partitions
from tools.simulate import factory

pytest.importorskip("esp32_mock_bootloader", reason="no mock: pip install esp32-mock-bootloader")
from esp32_mock_bootloader import server

FLASH = 4 << 20  # bytes of the mock's
KIB = 1 << 10


@contextmanager
def chip(name: str) -> Iterator[str]:
    """The port of a chip in its boot loader, its flash empty; one at a time, because they share that flash."""
    server.reset_flash_image()
    listener, stop = socket.create_server(("127.0.0.1", 0)), threading.Event()
    thread = threading.Thread(target=_answer, args=(listener, stop, name.lower().replace("-", "")))
    thread.start()
    try:
        yield f"socket://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


def _answer(listener: socket.socket, stop: threading.Event, chip_mode: str) -> None:
    """Be the chip to whoever connects, one after the other."""
    while not stop.is_set():
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            server.handle_client(server.BootloaderConnection(sock=connection), stop, chip_mode, exit_on_disconnect=True)


def flash_of_chip(board: Board) -> bytes:
    """The part of the flash of the latest `chip` that is for files."""
    return bytes(server.get_flash_image().data[board.image.files : FLASH])


def micropython_image(board: Board, *more: tuple[str, int, int]) -> bytes:
    """Bytes that pass for MicroPython of this board, 64 KiB: headers as esp_app_format.h and ESP-IDF's partitions have.

    more: further partitions: name, place, size.
    """
    number = partitions.chip_id(board.chip)
    assert number is not None
    head = bytes([0xE9, 1, 2, 0x20]) + bytes(8) + pack("<H", number) + bytes(5) + b"\xff\xff" + bytes(5)
    content = bytearray(head + np.random.default_rng(1).bytes(64 * KIB - len(head)))
    rows = [("nvs", 0x9000, 0x6000), ("factory", 0x10000, board.image.files - 0x10000), *more]
    table = b"".join(pack("<HBBII16sI", 0x50AA, 1, 2, place, size, name.encode(), 0) for name, place, size in rows)
    at = partitions.TABLE_AT - board.image.offset
    content[at : at + len(table) + 32] = table + b"\xff" * 32
    return bytes(content)


def settings(board: Board, state: Path, port: int = 1883) -> dict[str, Any]:
    """The config.json of the sensor "press" of gateway "gw", whose state directory is `state`."""
    return {
        "gateway": "gw",
        "name": "press",
        "board": board.name,
        "mhz": board.mhz,
        "sensor": {"driver": "adxl345", "axes": 3, "rate_hz": 3200, "lsb_per_g": 256},
        "features": family.load_family(family.find_family("vibration")).recipe.table(),
        "model_bytes": factory.MODEL_BYTES,
        "i2c": vars(board.i2c),
        "broker": {"host": "127.0.0.1", "port": port, "plain": True},
        "wifi": {"ssid": "hall", "password": "secret"},
        "key": SensorKeys(state).made_for("press").hex(),
    }


def written(port: str, board: Board, config: dict[str, Any]) -> bytes:
    """Flash the chip at `port`; returns the file system as it then stands in its flash."""
    flash.flash(port, board, micropython_image(board), config, reset="no-reset")
    return flash_of_chip(board)


def here(board: Board) -> Board:
    """This board with a processor whose code runs on this machine."""
    return replace(board, architecture="x64")
