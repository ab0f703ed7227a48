"""The file system of a sensor, as the bytes that are written to its flash.

The firmware is compiled for the board by mpy-cross; config.json and, if there is one, a first model lie beside it. The
same input gives the same bytes. Block size and count must be those that MicroPython's port will mount: 4096 bytes, and
all that the flash has behind the image of MicroPython itself (ports/esp32, extmod/vfs_lfsx.c).
"""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from reedmesh.errors import ConfigError
from reedmesh.inference import boards
from reedmesh.inference.boards import Board
from reedmesh.provisioning import device_tree, hardware

BLOCK = 4096
MIB = 1 << 20
STARTED = "main.py"  # by MicroPython, so it must be a .py file; it starts the tree in the folder TREE
BESIDE = "boot_state.py"  # what it needs for that
TREE = "fw_a"
FIRST = 0  # sequence number of a model that was flashed: any that is offered later is newer


def read_config(path: Path, board: Board | None = None) -> dict[str, Any]:
    """What is in a sensor's config.json; raises ConfigError when the firmware would not take it, or it is not for
    `board`."""
    device_tree.check_settings(path)
    config: dict[str, Any] = json.loads(path.read_text())
    if board and config["board"] != board.name:
        made_for = config["board"]
        raise ConfigError(f"{path}: made for {made_for}, not for {board.name}: --board {made_for}")
    if config["board"] in boards.names():
        _check_hardware(path, config)
    return config


def _check_hardware(path: Path, config: dict[str, Any]) -> None:
    """Raise ConfigError, a line for each setting that the board cannot do."""
    try:
        hardware.check(config)
    except ConfigError as error:
        raise ConfigError("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from error


def build(board: Board, flash: int, config: dict[str, Any], model: Path | None = None) -> bytes:
    """The littlefs image for a board with `flash` bytes; raises ConfigError when something is missing or too large."""
    if flash < board.image.flash_mib * MIB:
        raise ConfigError(f"{board.name}: {flash // MIB} MiB of flash, {board.image.flash_mib} are needed")
    with tempfile.TemporaryDirectory() as folder:
        collect(Path(folder), board.architecture, config, model)
        return pack(Path(folder), (flash - board.image.files) // BLOCK)


def collect(folder: Path, architecture: str, config: dict[str, Any], model: Path | None = None) -> None:
    """Make `folder` what the device will hold."""
    device_tree.compile_into(folder / TREE, architecture, leave_out=STARTED)
    for name in (STARTED, BESIDE):
        shutil.copyfile(device_tree.listed()[name], folder / name)
    state = {
        "slot": "a",
        "left": -1,
        "numbers": {"a": device_tree.sequence()},
        "newest": device_tree.sequence(),
        "relapse": "",
    }
    (folder / "firmware.json").write_text(json.dumps(state))
    (folder / "config.json").write_text(json.dumps(config))
    if model:
        content = model.read_bytes()
        (folder / "a.tflite").write_bytes(content)
        kept = {"sequence": FIRST, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        (folder / "slots.json").write_text(json.dumps({"slot": "a", "kept": {"a": kept}, "boots": 0}))


def pack(folder: Path, blocks: int) -> bytes:
    """`folder` as a littlefs of so many blocks; raises ConfigError when it does not fit."""
    try:
        from littlefs import LittleFS, LittleFSError
    except ImportError as error:
        raise ConfigError("no littlefs-python: pip install 'reedmesh[flash]'") from error
    sizes = {"read_size": 32, "prog_size": 32, "cache_size": 128, "lookahead_size": 32, "block_cycles": 100}
    files = LittleFS(block_size=BLOCK, block_count=blocks, **sizes)
    try:
        for path in sorted(folder.rglob("*")):
            place = f"/{path.relative_to(folder)}"
            if path.is_dir():
                files.mkdir(place)
            else:
                with files.open(place, "wb") as out:
                    out.write(path.read_bytes())
    except LittleFSError as error:
        raise ConfigError(f"the files do not fit {blocks * BLOCK // 1024} KiB of flash: {error}") from error
    return bytes(files.context.buffer)
