"""Boards that sensors run on: data in boards/*.toml, for checking models, compiling the firmware and flashing."""

from dataclasses import dataclass, field
from pathlib import Path

from reedmesh.config.schema import read_file
from reedmesh.errors import ConfigError

_PACKAGED = Path(__file__).parents[1] / "boards"  # in a wheel
_CHECKOUT = Path(__file__).parents[3] / "boards"


@dataclass(frozen=True)
class Engine:
    """Instructions for a product in dense and depthwise layers and for one of their outputs; cycles for each."""

    dense: float
    depthwise: float
    output: float
    cycles: float


@dataclass(frozen=True)
class Image:
    """MicroPython's official image for the board, and where it and the file system go in flash."""

    build: str  # such as ESP32_GENERIC, with its variant: ESP32_GENERIC-OTA
    version: str  # as in the file's name: 20260406-v1.28.0
    offset: int  # bytes; where the chip's boot ROM looks for it
    files: int = field(metadata={"min": 0x100000})  # bytes; where the file system begins, which takes the rest
    flash_mib: int = 4  # the least there must be
    sha256: str = ""  # of the image, 64 hexadecimal digits; "": the first download is believed

    @property
    def name(self) -> str:
        """The file's name on micropython.org."""
        return f"{self.build}-{self.version}.bin"


@dataclass(frozen=True)
class Bus:
    """Pins of the bus that transducers are wired to, where a sensor's settings name no others."""

    sda: int
    scl: int
    id: int = 0
    hz: int = 400_000


@dataclass(frozen=True)
class Uart:
    """Pins of the UART of a sensor on a wire. MicroPython's own choice for UART 1 are those of an ESP32's flash."""

    tx: int
    rx: int


@dataclass(frozen=True)
class Board:
    """A board as boards/<name>.toml has it; boards/README.md says what the fields mean."""

    name: str
    chip: str
    architecture: str
    mhz: int
    heap_kib: int
    image: Image
    i2c: Bus
    uart: Uart
    engine: Engine


def names() -> list[str]:
    """The names of all boards, which are those of their files."""
    return sorted(path.stem for path in _folder().glob("*.toml"))


def load(name: str) -> Board:
    """The board of this name; raises ConfigError for an unknown one, with all names, and for a damaged file."""
    path = _folder() / f"{name}.toml"
    if name not in names():
        raise ConfigError(f'no board "{name}"; there are {", ".join(names())}')
    return read_file(Board, path)


def _folder() -> Path:
    return _CHECKOUT if _CHECKOUT.exists() else _PACKAGED
