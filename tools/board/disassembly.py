"""Counts the instructions of loops in .mpy files: what a kernel costs on chips that are not at hand.

Reads the native code of viper functions out of an .mpy (format 6, py/persistentcode.c) and knows as much of Xtensa and
RV32IMC as counting needs: an instruction's length, multiplications, and where branches lead.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_BYTECODE = 0  # kinds of code
_STR, _INT, _TUPLE = 5, 7, 10  # kinds of constants; all below _STR have no content


@dataclass(frozen=True)
class Loop:
    """A loop's instructions, those of loops within it included, and how many of them multiply."""

    start: int
    end: int
    instructions: int
    multiplications: int


def busiest(mpy: Path, architecture: str) -> Loop:
    """The innermost loop with the most multiplications in a file compiled for "xtensawin" or "rv32imc"."""
    return max(
        (loop for code in functions(mpy.read_bytes()) for loop in innermost(code, architecture)),
        key=lambda loop: loop.multiplications,
    )


def innermost(code: bytes, architecture: str) -> list[Loop]:
    """The loops of one function that have no other loop within them."""
    found = loops(code, architecture)
    return [a for a in found if not any(a.start <= b.start and b.end <= a.end and a != b for b in found)]


def loops(code: bytes, architecture: str) -> list[Loop]:
    """All loops of one function: a loop is what stands between a branch back and where that leads."""
    steps = list({"xtensawin": _xtensa, "rv32imc": _riscv}[architecture](code))
    found = []
    for at, _, target in steps:
        if target is not None and target < at:
            inside = [multiplies for place, multiplies, _ in steps if target <= place <= at]
            found.append(Loop(target, at, len(inside), sum(inside)))
    return found


Step = tuple[int, bool, int | None]  # place, whether it multiplies, where it branches to


def _xtensa(code: bytes) -> Iterator[Step]:
    """Xtensa's instructions have 3 bytes, or 2 if the first one's low half is 8 or more; constants stand in front."""
    at = code.index(b"\x36")  # entry
    while at + 3 <= len(code):
        word = int.from_bytes(code[at : at + 3], "little")
        kind, narrow = word & 15, word & 15 >= 8
        target = None
        if kind == 6:
            low = word >> 4 & 15
            wide = (18, word >> 6) if low & 3 == 0 else (12, word >> 12) if low & 3 == 1 else (8, word >> 16)
            target = at + 4 + _signed(wide[1], wide[0]) if word != 0x36 and low != 3 else None
        elif kind == 7:
            target = at + 4 + _signed(word >> 16, 8)
        elif narrow and word & 0x8F == 0x8C:  # beqz.n, bnez.n: forwards only
            target = at + 4
        yield at, word & 15 == 0 and word >> 16 == 0x82, target
        at += 2 if narrow else 3


def _riscv(code: bytes) -> Iterator[Step]:
    """RISC-V's instructions have 4 bytes if the lowest two bits are ones, else 2."""
    at = 0
    while at + 2 <= len(code):
        word = int.from_bytes(code[at : at + 4], "little")
        if word & 3 == 3:
            target = _far(word)
            yield at, word & 0xFE00707F == 0x02000033, None if target is None else at + target
            at += 4
        else:
            target = _near(word & 0xFFFF)
            yield at, False, None if target is None else at + target
            at += 2


def _far(word: int) -> int | None:
    """Where beq and its like, or jal, lead from here."""
    if word & 0x7F == 0x63:
        return _signed(_bits(word, (31, 12), (7, 11), (25, 5, 6), (8, 1, 4)), 13)
    if word & 0xFFF == 0x6F:  # jal without a return address
        return _signed(_bits(word, (31, 20), (12, 12, 8), (20, 11), (21, 1, 10)), 21)
    return None


def _near(half: int) -> int | None:
    """Where c.j, c.beqz and c.bnez lead from here."""
    if half & 0xE003 == 0xA001:
        return _signed(
            _bits(half, (12, 11), (11, 4), (9, 8, 2), (8, 10), (7, 6), (6, 7), (3, 1, 3), (2, 5)) & 0xFFE, 12
        )
    if half & 0xC003 == 0xC001:
        return _signed(_bits(half, (12, 8), (10, 3, 2), (5, 6, 2), (3, 1, 2), (2, 5)), 9)
    return None


def _bits(word: int, *fields: tuple[int, ...]) -> int:
    """An immediate put together from (lowest bit there, lowest bit here, how many)."""
    out = 0
    for source, target, *count in fields:
        out |= (word >> source & (1 << (count[0] if count else 1)) - 1) << target
    return out


def _signed(value: int, size: int) -> int:
    value &= (1 << size) - 1
    return value - (1 << size) if value >> (size - 1) else value


def functions(mpy: bytes) -> list[bytes]:
    """The native code of each function in an .mpy; raises ValueError for another format."""
    if mpy[:2] != b"M\x06":
        raise ValueError("not an .mpy of format 6")
    reader = _Reader(mpy, 4)
    names, constants = reader.number(), reader.number()
    for _ in range(names):
        size = reader.number()
        reader.at += 0 if size & 1 else (size >> 1) + 1
    for _ in range(constants):
        reader.constant()
    found: list[bytes] = []
    reader.code(found.append)
    return found


@dataclass
class _Reader:
    data: bytes
    at: int

    def number(self) -> int:
        """Seven bits a byte, the highest first; the top bit says that more follow."""
        value = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value = value << 7 | byte & 127
            if byte < 128:
                return value

    def constant(self) -> None:
        kind = self.data[self.at]
        self.at += 1
        if kind < _STR:
            return
        size = self.number()
        if kind == _TUPLE:
            for _ in range(size):
                self.constant()
        else:
            self.at += size + (kind < _INT)  # strings end in a zero

    def code(self, found: Callable[[bytes], None]) -> None:
        head = self.number()
        size, children, kind = head >> 3, head >> 2 & 1, head & 3
        code = self.data[self.at : self.at + size]
        self.at += size
        if kind != _BYTECODE:
            found(code)
            self.number()
        for _ in range(self.number() if children else 0):
            self.code(found)
