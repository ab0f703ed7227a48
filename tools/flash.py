"""`make flash BOARD=esp32 CONFIG=press3.json [PORT=/dev/ttyUSB0]`: from a bare board to a sensor that says hello.

Asks the chip what it is, fetches MicroPython's official image for it, makes the file system for the flash that is
really there, writes both in one go, compares what was written, and waits for the sensor's first words.
"""

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from reedmesh import board as boards
from reedmesh.board import Board
from reedmesh.errors import ConfigError
from tools import image, official

BAUD = 460800  # while writing; every USB converter that boards carry can do that
CONSOLE = 115200  # MicroPython's
PATIENCE = 60.0  # seconds for the first hello: the file system is mounted, modules load, Wi-Fi comes up
HELLO = b"hello {"


def main() -> int:
    """Flash one board; returns the exit status."""
    chosen = _arguments()
    try:
        board, config = boards.load(chosen.board), image.read_config(chosen.config)
        firmware = chosen.firmware.read_bytes() if chosen.firmware else official.image(board)
        port = chosen.port or only_port()
        flash(port, board, firmware, config, chosen.model, reset=chosen.before)
        print(f"{port}: written and verified; waiting for {config.get('name')} to say hello")
        said = first_hello(port) if chosen.wait else "not waited for"
    except (ConfigError, OSError) as error:
        print(f"flash: {error}", file=sys.stderr)
        return 2
    print(f"{said}\nDone. On the gateway it now stands as learning; `make monitor` shows what the board prints.")
    return 0


def flash(
    port: str,
    board: Board,
    firmware: bytes,
    config: dict[str, Any],
    model: Path | None = None,
    reset: str = "default-reset",
) -> None:
    """Write MicroPython and the file system to the board on `port`, and compare; raises ConfigError."""
    with connected(port, board, reset) as (esp, size):
        from esptool.cmds import erase_flash, reset_chip, write_flash

        files = image.build(board, size, config, model)
        if len(firmware) > board.image.files - board.image.offset:
            raise ConfigError(f"the MicroPython image has {len(firmware)} bytes, there is no room for so many")
        erase_flash(esp)
        write_flash(esp, [(board.image.offset, firmware), (board.image.files, files)])  # it compares digests, too
        reset_chip(esp, "hard-reset")


@contextlib.contextmanager
def connected(port: str, board: Board, reset: str = "default-reset") -> Iterator[tuple[Any, int]]:
    """esptool's loader on the chip at `port` and the bytes of its flash; raises ConfigError unless it is `board`'s."""
    try:
        from esptool.cmds import attach_flash, detect_chip, detect_flash_size, run_stub
        from esptool.util import FatalError, flash_size_bytes
    except ImportError as error:
        raise ConfigError("no esptool: pip install 'reedmesh[flash]'") from error
    try:
        with detect_chip(port, connect_mode=reset) as esp:
            if board.chip != esp.CHIP_NAME:
                raise ConfigError(f"{port}: {_other(esp.CHIP_NAME, board)}")
            stub = run_stub(esp)
            attach_flash(stub)
            if not port.startswith("socket:"):
                stub.change_baud(BAUD)
            yield stub, flash_size_bytes(detect_flash_size(stub) or "0MB")
    except FatalError as error:
        raise ConfigError(f"{port}: {str(error).splitlines()[0]}") from error


def _other(chip: str, board: Board) -> str:
    """What to say of a chip that is not the board's."""
    fitting = [name for name in boards.names() if boards.load(name).chip == chip]
    remedy = f"try BOARD={' or '.join(fitting)}" if fitting else "there is no file in boards/ for it yet"
    return f"this is an {chip}, {board.name} has an {board.chip}: {remedy}"


def only_port() -> str:
    """The one serial port with a board on it; raises ConfigError when there is none, or more than one."""
    from serial.tools import list_ports

    found = [port.device for port in list_ports.comports() if port.vid is not None]  # a USB device
    if len(found) == 1:
        return str(found[0])
    if found:
        raise ConfigError(f"several serial ports: say which with PORT={' or PORT='.join(found)}")
    raise ConfigError("no board found on USB: is the cable one that carries data? Otherwise say PORT=...")


def first_hello(port: str, patience: float = PATIENCE, clock: Callable[[], float] = time.monotonic) -> str:
    """The line in which the sensor introduces itself; raises ConfigError with the last ones when it does not."""
    import serial

    last: list[str] = []
    with serial.serial_for_url(port, CONSOLE, timeout=1) as line:
        end = clock() + patience
        while clock() < end:
            text = line.readline()
            if text.startswith(HELLO):
                return str(text.decode(errors="replace").strip())
            if text:
                last = [*last, text.decode(errors="replace").rstrip()][-5:]
    words = " / ".join(last) or "none"
    raise ConfigError(f"{port}: it was written, but said no hello in {patience:.0f} s. Its last words: {words}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--board", default="esp32", help=f"one of {', '.join(boards.names())}")
    parser.add_argument("--port", help="serial port; not needed when there is only one")
    parser.add_argument("--config", type=Path, required=True, help="the sensor's config.json, see `make provision`")
    parser.add_argument("--model", type=Path, help="a first .tflite, if there is one yet")
    parser.add_argument("--firmware", type=Path, help="a MicroPython image, instead of the official one")
    parser.add_argument("--before", default="default-reset", help="how to reach the boot loader, as esptool has it")
    parser.add_argument("--no-wait", dest="wait", action="store_false", help="do not wait for the sensor's hello")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
