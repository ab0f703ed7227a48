"""Draws docs/wiring/*.svg: how each transducer is wired to a board, with the pins that boards/esp32.toml names.

    python -m tools.board.wiring [--board esp32]

Left the board, right the part; a dot is a joint. Run it again when pins in boards/ change; a test tells if it was not.
"""

import argparse
import sys
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from reedmesh.inference import boards
from reedmesh.inference.boards import Board
from tools.checkout import ROOT

OUT = ROOT / "docs" / "wiring"
WIDTH, ROW, TOP = 640, 34, 64  # of a picture; between two wires; where the first is
LEFT, RIGHT = 190, 450  # where the board ends and the part begins
POWER, GROUND = "3V3", "GND"
COLOURS = {POWER: "#c0392b", GROUND: "#333333"}
SIGNALS = ("#1f6fb2", "#b8860b", "#2e8b57")  # told apart by the colour-blind, too


@dataclass
class Drawing:
    """Shapes, one after the other."""

    height: int
    shapes: list[str] = field(default_factory=list)

    def line(self, points: list[tuple[float, float]], colour: str) -> None:
        """A wire through points."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.shapes.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>')

    def dot(self, x: float, y: float, colour: str) -> None:
        """A joint."""
        self.shapes.append(f'<circle cx="{x:g}" cy="{y:g}" r="4" fill="{colour}"/>')

    def box(self, x: float, y: float, width: float, height: float, fill: str) -> None:
        """A board, a part, or a resistor."""
        size = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
        self.shapes.append(f'<rect {size} rx="4" fill="{fill}" stroke="#333333" stroke-width="1.5"/>')

    def text(self, x: float, y: float, words: str, anchor: str = "start", weight: str = "normal") -> None:
        """Words, centred on a wire's height."""
        place = f'x="{x:g}" y="{y + 5:g}" text-anchor="{anchor}" font-weight="{weight}"'
        self.shapes.append(f"<text {place}>{escape(words)}</text>")

    def resistor(self, x: float, top: float, bottom: float, words: str) -> None:
        """One between two wires, upright."""
        middle = (top + bottom) / 2
        self.line([(x, top), (x, bottom)], "#333333")
        self.box(x - 5, middle - 9, 10, 18, "#ffffff")
        self.text(x + 9, middle, words)

    def capacitor(self, x: float, y: float, words: str) -> None:
        """One in a wire that goes across: the gap, and a plate on each side."""
        self.shapes.append(f'<rect x="{x - 4:g}" y="{y - 4:g}" width="8" height="8" fill="#ffffff"/>')
        for plate in (x - 4, x + 4):
            self.line([(plate, y - 10), (plate, y + 10)], "#333333")
        self.text(x, y - 20, words, "middle")

    def svg(self, title: str) -> str:
        """All of it as a file."""
        size = f'viewBox="0 0 {WIDTH} {self.height}" width="{WIDTH}" height="{self.height}"'
        font = 'font-family="DejaVu Sans, Verdana, sans-serif" font-size="13" fill="#111111"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font} role="img">\n<title>{escape(title)}</title>'
        background = f'<rect width="{WIDTH}" height="{self.height}" fill="#ffffff"/>'
        return "\n".join([head, background, *self.shapes, "</svg>\n"])


@dataclass(frozen=True)
class Wire:
    """From a pin of the board to a pin of the part; `joined`: from the wire at that pin of the board instead."""

    pin: str
    to: str
    joined: bool = False


def i2c(board: Board, to_power: tuple[str, ...], to_ground: tuple[str, ...]) -> list[Wire]:
    """An accelerometer: supply, bus, and the pins that choose I2C and its address."""
    bus = [Wire(gpio(board.i2c.sda), "SDA"), Wire(gpio(board.i2c.scl), "SCL")]
    ties = [Wire(POWER, pin, True) for pin in to_power] + [Wire(GROUND, pin, True) for pin in to_ground]
    return [Wire(POWER, "VCC"), *bus, Wire(GROUND, "GND"), *ties]


def i2s() -> list[Wire]:
    """A microphone; its settings name the pins."""
    signals = [Wire("GPIO14", "SCK"), Wire("GPIO25", "WS"), Wire("GPIO32", "SD")]
    return [Wire(POWER, "VDD"), *signals, Wire(GROUND, "GND"), Wire(GROUND, "L/R", True)]


def gpio(number: int) -> str:
    """The text beside a pin."""
    return f"GPIO{number}"


def parts(board: Board) -> dict[str, tuple[str, list[Wire]]]:
    """By driver: the part's name, and its wires."""
    uart = [Wire(gpio(board.uart.tx), "DI"), Wire(gpio(board.uart.rx), "RO")]
    return {
        "adxl345": ("ADXL345, I2C 0x53", i2c(board, ("CS",), ("SDO",))),
        "lis3dh": ("LIS3DH, I2C 0x18", i2c(board, ("CS",), ("SDO",))),
        "mpu6050": ("MPU-6050, I2C 0x68", i2c(board, (), ("AD0",))),
        "icm42688": ("ICM-42688-P, I2C 0x68", i2c(board, ("CS",), ("AD0",))),
        "inmp441": ("INMP441, I2S, left", i2s()),
        "wire": ("MAX3490, RS-422", [Wire(POWER, "VCC"), *uart, Wire(GROUND, "GND")]),
    }


def draw(board: Board, part: str, wires: list[Wire]) -> str:
    """A part whose pins all go to the board; an I2C bus gets the resistors it needs."""
    picture = frame(board, part, len(wires))
    heights = {}
    signals = iter(SIGNALS)
    for i, wire in enumerate(wires):
        y = TOP + i * ROW
        colour = COLOURS.get(wire.pin) or next(signals)
        if wire.joined:
            x = RIGHT - 30 - 16 * (i % 3)
            picture.line([(x, heights[wire.pin]), (x, y), (RIGHT, y)], colour)
            picture.dot(x, heights[wire.pin], colour)
        else:
            heights[wire.pin] = y
            picture.line([(LEFT, y), (RIGHT, y)], colour)
            picture.text(LEFT - 10, y, wire.pin, "end")
        picture.text(RIGHT + 10, y, wire.to)
    if "SDA" in {wire.to for wire in wires}:
        pull_up(picture, heights[POWER], [heights[wire.pin] for wire in wires if wire.to in ("SDA", "SCL")])
    return picture.svg(f"{part} wired to {board.name}")


def pull_up(picture: Drawing, power: float, lines: list[float]) -> None:
    """The resistors of a bus, which most modules carry."""
    for x, y, colour in zip((LEFT + 50, LEFT + 100), lines, SIGNALS, strict=False):
        picture.line([(x, power), (x, y)], "#333333")
        picture.box(x - 5, power + 6, 10, 18, "#ffffff")
        picture.dot(x, power, COLOURS[POWER])
        picture.dot(x, y, colour)
    picture.text(LEFT + 112, power + 15, "2 × 4.7 kΩ")


def frame(board: Board, part: str, rows: int) -> Drawing:
    """The two boxes with their names."""
    picture = Drawing(TOP + rows * ROW + 16)
    for x, words in ((20, board.name), (RIGHT, part)):
        picture.box(x, TOP - 24, 170, rows * ROW + 14, "#f2f2f2")
        picture.text(x + 85, TOP - 40, words, "middle", "bold")
    return picture


def clamp(board: Board) -> str:
    """A current clamp on the converter: its alternating voltage, lifted to the middle of the supply."""
    picture = frame(board, "clamp, 0–1 V AC", 3)
    top, middle, bottom = TOP, TOP + ROW, TOP + 2 * ROW
    bias = LEFT + 70
    picture.line([(LEFT, top), (bias, top)], COLOURS[POWER])
    picture.line([(LEFT, middle), (RIGHT, middle)], SIGNALS[0])
    picture.line([(LEFT, bottom), (RIGHT, bottom)], COLOURS[GROUND])
    picture.resistor(bias, top, middle, "10 kΩ")
    picture.resistor(bias, middle, bottom, "10 kΩ")
    picture.capacitor(LEFT + 180, middle, "1 µF")
    picture.dot(bias, middle, SIGNALS[0])
    picture.dot(bias, bottom, COLOURS[GROUND])
    for y, pin, to in ((top, POWER, ""), (middle, "GPIO34", "one end"), (bottom, GROUND, "the other")):
        picture.text(LEFT - 10, y, pin, "end")
        picture.text(RIGHT + 10, y, to)
    return picture.svg(f"current clamp wired to {board.name}")


def pictures(board: Board) -> dict[str, str]:
    """All of them, by file name."""
    made = {f"{name}.svg": draw(board, part, wires) for name, (part, wires) in parts(board).items()}
    return made | {"adc.svg": clamp(board)}


def main() -> int:
    """Write them; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--board", default="esp32", help=f"one of {', '.join(boards.names())}")
    parser.add_argument("--out", type=Path, default=OUT)
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures(boards.load(chosen.board)).items():
        (chosen.out / name).write_text(picture)
        print(chosen.out / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
