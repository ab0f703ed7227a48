"""From 32-bit sums back to bytes by TFLite's 31-bit multiplier, to the bit: all operators but FULLY_CONNECTED.

MultiplyByQuantizedMultiplier() (kernels/internal/common.cc) shifts left, multiplies by 31 bits and keeps the high half,
rounded, then shifts right and rounds again, halves away from zero. The 62-bit product is put together here from parts
of 31: with v = v1 * 2**15 + v0 and m = m1 * 2**16 + m0 it is v1*m1 * 2**31 + v0*m1 * 2**16 + v1*m0 * 2**15 + v0*m0.
Python's and viper's shifts round down for negative numbers too, so the sign needs no care.
"""

from array import array

import micropython

from tflite.scales import multiplier, product

FACTOR = 4  # words of one factor: low 16 bits, high 15 bits, left shift, right shift


def factor(bits: int, power: int):
    """Words of `scales.multiplier` for `requantise`; bits may be any 31."""
    if power < -30:  # sums are too small to come out as anything but 0
        bits = power = 0
    return array("H", [bits & 0xFFFF, bits >> 16, max(power, 0), max(-power, 0)])


def scaled(x: tuple, weights: tuple, y: tuple):
    """Words of the factor x * weights / y of three scales, calculated in double precision."""
    return factor(*multiplier(*product(x, weights, y)))


def multiply(value: int, bits: int, power: int) -> int:
    """MultiplyByQuantizedMultiplier() of any integers, for tables made at load."""
    return halve(high(value << max(power, 0), bits), max(-power, 0))


def high(a: int, b: int) -> int:
    """SaturatingRoundingDoublingHighMul() of gemmlowp: a * b / 2**31, halves up."""
    return (a * b + (1 << 30)) >> 31


def halve(value: int, times: int) -> int:
    """RoundingDivideByPOT() of gemmlowp: value / 2**times, halves away from zero."""
    half = 1 << times >> 1
    return value + half >> times if value >= 0 else -(-value + half >> times)


@micropython.viper
def requantise(
    sums: ptr32, factors: ptr16, starts: ptr32, out: ptr8, at: int, rows: int, stride: int, zero: int, low: int,
    high: int,
):  # fmt: skip
    """out[at + i] = clamp(sums[i] * factors[stride * i] + zero, low, high) for `rows` rows; then sums[i] = starts[i].

    sums: 2**29 more than they are. stride: FACTOR, or 0 when one factor serves all. zero, low, high: of bytes 0 to 255.
    """
    out = ptr8(int(out) + at)
    stride <<= 1
    while rows:
        value = sums[0] - 536870912
        sums[0] = starts[0]
        if factors[2]:  # what would leave 30 bits is far beyond a byte anyway
            cap = 536870912 >> (factors[2] - 1)
            if value > cap:
                value = cap
            if value < 0 - cap:
                value = 0 - cap
            value <<= factors[2]
        cross = (value >> 15) * factors[0]
        value = (value >> 15) * factors[1] + (
            (((value & 32767) * factors[0] + ((cross & 1) << 15)) >> 16)
            + (cross >> 1) + (value & 32767) * factors[1] + 16384 >> 15
        )  # fmt: skip
        if factors[3]:
            value = (value + (1 << (factors[3] - 1)) + (value >> 31)) >> factors[3]
        value += zero
        value = value if value > low else low
        out[0] = value if value < high else high
        sums = ptr32(int(sums) + 4)
        starts = ptr32(int(starts) + 4)
        out = ptr8(int(out) + 1)
        factors = ptr16(int(factors) + stride)
        rows -= 1
