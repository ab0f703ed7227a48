"""Whether a MicroPython image fits this board, by its content: chip, partition table, start of the file system.

A file that was downloaded by hand may be for another chip, an update without a boot loader (.app-bin), or so old that
it keeps files elsewhere. Each of these would give a board that never starts, so it is told before anything is erased.
Layout: esp_image_header_t and esp_partition_info_t of ESP-IDF; MicroPython keeps files in what no partition takes.
"""

from struct import unpack_from

from reedmesh.errors import ConfigError
from reedmesh.inference.boards import Board

IMAGE_MAGIC, CHIP_AT = 0xE9, 12  # first byte of an image; where it says its chip
TABLE_AT, ENTRY, ENTRY_MAGIC = 0x8000, 32, 0x50AA  # of the flash; bytes; what each entry begins with
MOST_ENTRIES = 95
FILES = "vfs"  # a partition of this name was there until MicroPython 1.25


def check(firmware: bytes, board: Board, source: str) -> None:
    """Raise ConfigError with the remedy unless `firmware`, which came from `source`, is an image for `board`."""
    if len(firmware) < CHIP_AT + 2 or firmware[0] != IMAGE_MAGIC:
        raise ConfigError(f"{source}: no MicroPython for an ESP chip; {board.image.build}-....bin is needed")
    if (made_for := unpack_from("<H", firmware, CHIP_AT)[0]) != chip_id(board.chip):
        raise ConfigError(f"{source}: for an {_chip(made_for)}, {board.name} has an {board.chip}")
    table = partitions(firmware, TABLE_AT - board.image.offset)
    if not table:
        raise ConfigError(f"{source}: no partition table in it, it is an update alone: take the .bin, not the .app-bin")
    if FILES in table:
        raise ConfigError(f"{source}: keeps its files where they were before MicroPython 1.26: take a newer one")
    if (end := max(table.values())) != board.image.files:
        there = f"0x{board.image.files:x} in boards/{board.name}.toml"
        raise ConfigError(f"{source}: its files begin at 0x{end:x}, not at {there}: another variant?")
    if len(firmware) > board.image.files - board.image.offset:
        raise ConfigError(f"{source}: {len(firmware)} bytes, there is no room for them")


def partitions(firmware: bytes, at: int) -> dict[str, int]:
    """Name and end of each partition in the table at `at`; none when there is no table."""
    found = {}
    for place in range(at, min(at + MOST_ENTRIES * ENTRY, len(firmware) - ENTRY + 1), ENTRY):
        magic, _, _, begin, size, label = unpack_from("<HBBII16s", firmware, place)
        if magic != ENTRY_MAGIC:
            break
        found[label.rstrip(b"\0").decode(errors="replace")] = begin + size
    return found


def chip_id(chip: str) -> int | None:
    """The number by which images name a chip; None for one that has none."""
    return _ids().get(chip)


def _chip(number: int) -> str:
    return next((name for name, known in _ids().items() if known == number), f"unknown chip ({number})")


def _ids() -> dict[str, int]:
    try:
        from esptool.targets import CHIP_DEFS
    except ImportError as error:
        raise ConfigError("no esptool: pip install 'reedmesh[flash]'") from error
    return {each.CHIP_NAME: each.IMAGE_CHIP_ID for each in CHIP_DEFS.values() if each.IMAGE_CHIP_ID is not None}
