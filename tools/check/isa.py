"""Runs the firmware's kernels as mpy-cross compiled them for boards, on another processor's instructions: qemu-user.

A kernel is a viper function. Its machine code is taken out of the .mpy and called as MicroPython calls it: with itself,
the number of arguments and an array of them, each turned into a number by a function of a table, which here gives back
what it gets. A program of some twenty instructions around it calls it again and again, then writes the memory out.
Xtensa is dc233c, whose instructions an ESP32's LX6 has too; RISC-V is rv32. No cycle is measured by it.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import pack, unpack_from

from reedmesh.errors import ConfigError
from tools.board.disassembly import functions

BASE = 0x10000000  # where all of it lies
HEADERS = 84  # bytes of an ELF file before it
ENTRIES = 128  # of the tables, all alike
_CALL = "<5I"  # function object, number of arguments, their array, code; then the result
MACHINES = {"xtensawin": ("qemu-xtensa", "dc233c", 94, 0x300), "rv32imc": ("qemu-riscv32", "rv32", 243, 0)}
NICKNAMES = {"xtensawin": "xtensa", "rv32imc": "rv32"}  # in the names of figures
REMEDY = "apt install qemu-user"


@dataclass
class Block:
    """Bytes a kernel reads or writes; content is replaced by what is there after the last call."""

    content: bytes


Argument = int | Block
Call = tuple[str, Sequence[Argument]]  # name of the kernel, its arguments


def emulator(architecture: str) -> str:
    """Path of the emulator; raises ConfigError with what installs it."""
    program = MACHINES[architecture][0]
    return shutil.which(program) or _lacking(program)


def _lacking(program: str) -> str:
    raise ConfigError(f"{program}: not found: {REMEDY}")


class Program:
    """A file of kernels for an architecture: name -> index of its code in the .mpy."""

    def __init__(self, mpy: Path, names: Sequence[str], architecture: str) -> None:
        found = functions(mpy.read_bytes())
        if len(found) != len(names):
            raise ConfigError(f"{mpy}: {len(found)} kernels, {len(names)} were named")
        self._codes = dict(zip(names, found, strict=True))
        self._architecture = architecture

    def run(self, calls: Sequence[Call], count: bool = False) -> tuple[list[int], int]:
        """Call kernels in order; returns what each gave, as int32, and with `count` the instructions of all.

        Blocks hold what was written into them. Raises ConfigError when the emulator is missing or the program ended
        badly.
        """
        image, at, table = self._laid_out(calls)
        _, cpu, machine, flags = MACHINES[self._architecture]
        with tempfile.TemporaryDirectory() as folder:
            path, log = Path(folder, "kernel.elf"), Path(folder, "log")
            path.write_bytes(_elf(image, machine, flags))
            path.chmod(0o755)
            options = ["-singlestep", "-d", "nochain,exec", "-D", str(log)] if count else []
            command = [emulator(self._architecture), "-cpu", cpu, *options, str(path)]
            done = subprocess.run(command, capture_output=True, check=False, timeout=120)
            if done.returncode or len(done.stdout) != len(image):
                raise ConfigError(f"{' '.join(command)}: ended with {done.returncode}: {done.stderr[-300:]!r}")
            steps = log.read_bytes().count(b"Trace ") if count else 0
        for place, block in at:
            block.content = done.stdout[place - BASE :][: len(block.content)]
        return [unpack_from("<i", done.stdout, table - BASE + 20 * i + 16)[0] for i in range(len(calls))], steps

    def _laid_out(self, calls: Sequence[Call]) -> tuple[bytes, list[tuple[int, Block]], int]:
        """The memory, places of blocks in it, and that of the table of calls."""
        stub = {"xtensawin": _xtensa, "rv32imc": _riscv}[self._architecture]
        memory = _Memory(len(stub(0, 0, 0)))
        identity = memory.put(IDENTITY[self._architecture])
        table = memory.put(pack("<I", identity) * ENTRIES)  # what kernels ask of MicroPython
        objects = memory.put(pack("<I", table) * ENTRIES)
        context = memory.put(pack("<4I", 0, 0, objects, objects))
        function = memory.put(pack("<4I", 0, context, 0, 0))
        codes = {name: memory.put(code) for name, code in self._codes.items() if any(name == each for each, _ in calls)}
        blocks: dict[int, tuple[int, Block]] = {}
        rows = b""
        for name, arguments in calls:
            words = []
            for each in arguments:
                if isinstance(each, Block):
                    blocks.setdefault(id(each), (memory.put(each.content), each))
                words.append(blocks[id(each)][0] if isinstance(each, Block) else each & 0xFFFFFFFF)
            rows += pack(_CALL, function, len(words), memory.put(pack(f"<{len(words)}I", *words)), codes[name], 0)
        place = memory.put(rows)
        size = len(memory.content)
        memory.content[: len(stub(0, 0, 0))] = stub(place, len(calls), size)
        return bytes(memory.content), list(blocks.values()), place


class _Memory:
    def __init__(self, reserved: int) -> None:
        self.content = bytearray(reserved)

    def put(self, data: bytes) -> int:
        """Add bytes at a multiple of 16; returns their address."""
        self.content.extend(bytes(-len(self.content) % 16))
        at = BASE + len(self.content)
        self.content.extend(data)
        self.content.extend(bytes(-len(self.content) % 16))
        return at


def _elf(image: bytes, machine: int, flags: int) -> bytes:
    """A static program of one segment that begins with its first instruction."""
    ident = b"\x7fELF\1\1\1" + bytes(9)
    header = ident + pack("<HHIIIIIHHHHHH", 2, machine, 1, BASE, 52, 0, flags, 52, 32, 1, 0, 0, 0)
    offset = 4096
    segment = pack("<8I", 1, offset, BASE, BASE, len(image), len(image), 7, 4096)
    return (header + segment).ljust(offset, b"\0") + image


# Machine code, by the instruction sets' manuals: RISC-V unprivileged ISA 20191213, Xtensa ISA (Cadence, 2010).


def _i(opcode: int, funct: int, rd: int, rs: int, value: int) -> bytes:
    return pack("<I", (value & 0xFFF) << 20 | rs << 15 | funct << 12 | rd << 7 | opcode)


def _load(rd: int, rs: int, offset: int) -> bytes:
    return _i(0x03, 2, rd, rs, offset)


def _store(value: int, rs: int, offset: int) -> bytes:
    return pack("<I", offset >> 5 << 25 | value << 20 | rs << 15 | 2 << 12 | (offset & 31) << 7 | 0x23)


def _number(rd: int, value: int) -> bytes:
    """lui, addi."""
    upper = (value + 0x800) >> 12 & 0xFFFFF
    return pack("<I", upper << 12 | rd << 7 | 0x37) + _i(0x13, 0, rd, rd, value & 0xFFF)


def _branch(funct: int, rs: int, offset: int) -> bytes:
    bits = (offset >> 12 & 1) << 31 | (offset >> 5 & 63) << 25 | (offset >> 1 & 15) << 8 | (offset >> 11 & 1) << 7
    return pack("<I", bits & 0xFFFFFFFF | rs << 15 | funct << 12 | 0x63)


def _riscv(table: int, calls: int, size: int) -> bytes:
    """For each row: a0..a3 and t0 of it, call t0, keep a0. Then write(1, BASE, size) and exit(0)."""
    ra, t0, s0, s1, a0, a1, a2, a3, a7 = 1, 5, 8, 9, 10, 11, 12, 13, 17
    begin = _number(s0, table) + _number(s1, calls)
    body = _load(a0, s0, 0) + _load(a1, s0, 4) + _i(0x13, 0, a2, 0, 0) + _load(a3, s0, 8) + _load(t0, s0, 12)
    body += _i(0x67, 0, ra, t0, 0) + _store(a0, s0, 16) + _i(0x13, 0, s0, s0, 20) + _i(0x13, 0, s1, s1, -1)
    loop = body + _branch(1, s1, -len(body))
    end = _number(a7, 64) + _number(a0, 1) + _number(a1, BASE) + _number(a2, size) + pack("<I", 0x73)
    return begin + loop + end + _number(a7, 93) + _number(a0, 0) + pack("<I", 0x73)


def _w(value: int) -> bytes:
    return value.to_bytes(3, "little")


def _l32i(register: int, base: int, offset: int) -> bytes:
    return _w(offset // 4 << 16 | 2 << 12 | base << 8 | register << 4 | 2)


def _s32i(register: int, base: int, offset: int) -> bytes:
    return _w(offset // 4 << 16 | 6 << 12 | base << 8 | register << 4 | 2)


def _addi(to: int, register: int, value: int) -> bytes:
    return _w((value & 255) << 16 | 12 << 12 | register << 8 | to << 4 | 2)


def _movi(to: int, value: int) -> bytes:
    return _w((value & 255) << 16 | 10 << 12 | (value >> 8 & 15) << 8 | to << 4 | 2)


def _l32r(to: int, at: int, literal: int) -> bytes:
    """literal, at: places from the start; the literal stands before."""
    return _w((literal - (at + 3 & ~3) >> 2 & 0xFFFF) << 8 | to << 4 | 1)


def _xtensa(table: int, calls: int, size: int) -> bytes:
    """As `_riscv`, by windowed calls: a10 and on of ours are a2 and on of whom we call. The numbers stand in front."""
    numbers = pack("<4I", table, calls, BASE, size)
    code = _w((len(numbers) + 4 - 4) << 6 | 6) + b"\0"  # j, over the numbers
    code += numbers
    begin = [(2, 4), (3, 8)]
    for register, literal in begin:
        code += _l32r(register, len(code), literal)
    body = _l32i(10, 2, 0) + _l32i(11, 2, 4) + _movi(12, 0) + _l32i(13, 2, 8) + _l32i(8, 2, 12)
    body += _w(0x0000E0 | 8 << 8) + _s32i(10, 2, 16) + _addi(2, 2, 20) + _addi(3, 3, -1)  # callx8 a8
    code += body
    code += _w((-len(body) - 4 & 0xFFF) << 12 | 3 << 8 | 0x56)  # bnez a3
    code += _movi(2, 13) + _movi(6, 1)  # write, to standard output
    code += _l32r(3, len(code), 12)
    code += _l32r(4, len(code), 16)
    syscall = _w(0x005000)
    return code + syscall + _movi(2, 118) + _movi(6, 0) + syscall


IDENTITY = {  # what stands for each function of MicroPython: the first argument is the result
    "xtensawin": _w(0x004136) + _w(0x000090),  # entry a1, 32; retw
    "rv32imc": _i(0x67, 0, 0, 1, 0),  # jalr zero, ra
}


def available() -> bool:
    """Whether both emulators are there."""
    return all(shutil.which(each[0], path=os.environ.get("PATH")) for each in MACHINES.values())
