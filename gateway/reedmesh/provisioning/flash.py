"""Makes a sensor of a bare board: from erased flash to its hello.

Asks the chip what it is, fetches MicroPython's official image for it, makes the file system for the flash that is
really there, writes both in one go, compares what was written, and waits for the sensor's first words. The two cover
all that is ever read, and writing erases what it replaces, so the whole flash need not be erased before.
"""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from reedmesh.errors import ConfigError
from reedmesh.inference import boards
from reedmesh.inference.boards import Board
from reedmesh.inference.compatibility import FIRMWARE_KIB, UPDATING_KIB
from reedmesh.provisioning import image, micropython_images, partitions, serial_port
from reedmesh.provisioning.serial_port import CONSOLE

BAUD = 460800  # while writing; every USB converter that boards carry can do that
PATIENCE = 60.0  # seconds for the first hello: the file system is mounted, modules load, Wi-Fi comes up
ABSENT = 0.2  # seconds between two looks for a port that is away
ATTEMPTS = 7  # to reach the boot loader
HELLO = b"hello {"
UP, CAUSES = "link: up", ("link: ", "wifi: ")  # what it prints of its link, and of why there is none
TABLES_KIB = 6  # arena and tables of the vibration family's model
AGAIN = "the board is written in part and will not start: do it again"
NO_ANSWER = "hold BOOT, press RESET, let both go and do it again; is something else wired to the board's TX, RX or IO0?"


def micropython(board: Board, given: Path | None = None) -> bytes:
    """MicroPython for the board: the official image, or a file; raises ConfigError unless it is one for the board."""
    firmware = given.read_bytes() if given else micropython_images.image(board)
    partitions.check(firmware, board, str(given or board.image.name))
    return firmware


def in_doubt(board: Board, config: dict[str, Any]) -> str:
    """A line that the board may have too little memory; nothing for one that has enough. Its budget is an estimate."""
    start = FIRMWARE_KIB + (config.get("model_bytes", 0) >> 10) + TABLES_KIB
    if board.heap_kib < start:
        return (
            f"{board.name} has some {board.heap_kib} KiB for Python, firmware and model take {start}: "
            "it is written, but may not start. boards/README.md says which boards have enough\n"
        )
    if board.heap_kib < start + UPDATING_KIB and {"ca", "psk"} & set(config.get("broker") or {}):
        return (
            f"{board.name} has little memory for TLS: its updates have room by a model, which no silicon has shown. "
            "An ESP32-S3 or C3, or a wire (make flash-gateway-link), has enough\n"
        )
    return ""


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
        files = image.build(board, size, config, model)
        with _in_part(port):
            _write(esp, [(board.image.offset, firmware), (board.image.files, files)])


def _write(esp: Any, what: list[tuple[int, bytes]]) -> None:
    """Write bytes to places, compare digests, and start the board."""
    from esptool.cmds import reset_chip, write_flash

    write_flash(esp, what)
    reset_chip(esp, "hard-reset")


@contextlib.contextmanager
def _in_part(port: str) -> Iterator[None]:
    """Whatever breaks off in here leaves a board that does not start: say so."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise ConfigError(f"{port}: stopped; {AGAIN}") from error
    except (OSError, RuntimeError) as error:  # a cable that was pulled; esptool's FatalError
        raise ConfigError(f"{port}: {_first_line(error)}; {AGAIN}") from error


@contextlib.contextmanager
def connected(port: str, board: Board | None, reset: str = "default-reset") -> Iterator[tuple[Any, int]]:
    """esptool's loader on the chip at `port` and the bytes of its flash; raises ConfigError unless it is `board`'s."""
    try:
        from esptool.cmds import attach_flash, detect_chip, detect_flash_size, run_stub
        from esptool.util import FatalError, flash_size_bytes
    except ImportError as error:
        raise ConfigError("no esptool: pip install 'reedmesh[flash]'") from error
    try:
        with detect_chip(port, connect_mode=reset, connect_attempts=ATTEMPTS) as esp:
            if board and board.chip != esp.CHIP_NAME:
                raise ConfigError(f"{port}: {_other(esp.CHIP_NAME, board)}")
            stub = run_stub(esp)
            attach_flash(stub)
            if serial_port.MIMICKED not in port:
                stub.change_baud(BAUD)
            yield stub, flash_size_bytes(detect_flash_size(stub) or "0MB")
    except (FatalError, OSError) as error:
        silent = "Failed to connect" in str(error)
        raise ConfigError(f"{port}: {f'no answer: {NO_ANSWER}' if silent else _first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _other(chip: str, board: Board) -> str:
    """What to say of a chip that is not the board's."""
    fitting = [name for name in boards.names() if boards.load(name).chip == chip]
    remedy = f"try --board {' or '.join(fitting)}" if fitting else "there is no file in boards/ for it yet"
    return f"this is an {chip}, {board.name} has an {board.chip}: {remedy}"


def erase(port: str, reset: str = "default-reset") -> None:
    """Make the board on `port` bare again: no MicroPython, settings or keys; raises ConfigError."""
    with connected(port, None, reset) as (esp, _):
        from esptool.cmds import erase_flash

        erase_flash(esp)


def first_hello(
    port: str,
    patience: float = PATIENCE,
    clock: Callable[[], float] = time.monotonic,
    start: bytes = b"",
    heard: bool = False,
) -> str:
    """The line in which the sensor introduces itself; raises ConfigError with the last ones when it does not.

    start: what it is told first, when somebody listens already. heard: return when it is also on its link, on which it
    says hello first of all: its broker took it, or on a wire its gateway answered. ConfigError has the cause if not.
    """
    last: deque[str] = deque(maxlen=5)
    hello = ""
    for line in _lines(port, clock() + patience, clock, start):
        text = line.decode(errors="replace").strip()
        if line.startswith(HELLO):
            hello = text
            last.clear()
        if hello and (not heard or text == UP):
            return hello
        if text.startswith(CAUSES) or not hello:
            last.append(text)
    words = " / ".join(last) or "none"
    if hello:
        raise ConfigError(f"{port}: it runs, but nobody heard its hello in {patience:.0f} s. It says: {words}")
    if "MemoryError" in words:
        words += ". It has too little memory for this firmware: boards/README.md says which have enough"
    raise ConfigError(f"{port}: it was written, but said no hello in {patience:.0f} s. Its last words: {words}")


def _lines(port: str, end: float, clock: Callable[[], float], start: bytes) -> Iterator[bytes]:
    """What the board prints until `end`. A chip with USB of its own takes its port away while it starts."""
    import serial

    while clock() < end:
        with contextlib.suppress(OSError), serial.serial_for_url(port, CONSOLE, timeout=1) as console:
            console.write(start)
            start = b""
            while clock() < end:
                if line := console.readline():
                    yield line
        time.sleep(ABSENT)
