"""A call of a kernel with what it must give, and the arithmetic of TFLite that several kernels share."""

from dataclasses import dataclass
from struct import pack

from tools.check.isa import Block, Call

LIMIT = 1 << 29  # that sums are kept above, so that none is negative


@dataclass
class Vector:
    """A call; the result it must return, where it returns one; what blocks must hold then."""

    call: Call
    result: int | None
    left: tuple[tuple[Block, bytes], ...] = ()


def words(values: list[int]) -> bytes:
    """As int32."""
    return pack(f"<{len(values)}i", *values)


def scaled(value: int, bits: int, power: int) -> int:
    """value * bits * 2**(power - 31), rounded twice: MultiplyByQuantizedMultiplier of kernels/internal/common.cc."""
    high = ((value << max(power, 0)) * bits + (1 << 30)) >> 31
    times = max(-power, 0)
    half = 1 << times >> 1
    return high + half >> times if high >= 0 else -(-high + half >> times)
