"""From 32-bit accumulators back to int8, to the bit as LiteRT's reference kernel for FULLY_CONNECTED does it.

That kernel (reference/integer_ops/fully_connected.h, LiteRT 2.1 to 2.3) computes round(double(sum) * double(scale)),
halves away from zero. LiteRT's optimised kernel, TFLite-Micro and tflite-runtime 2.14 multiply by 31 bits and round
twice, and come out one step away in about one output of a thousand. Here the scale's mantissa of 53 bits meets the sum
in limbs of 15 bits, so that every product and sum fits in 31; the product, of 82 bits, is exact. Where double precision
would have rounded it up to a half, `_reaches_half` does.
"""

from array import array

import micropython

FACTOR = 6  # words of one factor: mantissa in four limbs, least first, then limb and bit in which the half stands


def scaled(x: tuple, weights: tuple, y: tuple):
    """Words of the factor x * weights / y of three scales."""
    from tflite.scales import product  # which is needed at load only

    return factor(*product(x, weights, y))


def factor(mantissa: int, exponent: int):
    """Words of the scale mantissa * 2**exponent (53 bits), for `requantise`.

    A scale of 256 and more takes any sum but 0 beyond int8, one below 2**-31 takes none as far as a half.
    """
    if exponent > -44:
        mantissa, exponent = 1 << 52, -44
    elif exponent < -83:
        mantissa, exponent = 0, -83
    half = -exponent - 1
    return array("H", [mantissa >> 15 * i & 0x7FFF for i in range(4)] + [half // 15, half % 15])


@micropython.viper
def requantise(
    sums: ptr32, factors: ptr16, limbs: object, out: ptr8, at: int, rows: int, stride: int, zero: int, low: int,
    high: int,
):  # fmt: skip
    """out[at + i] = clamp(round(sums[i] * factors[stride * i]) + zero, low, high) for `rows` rows.

    sums: 2**29 more than they are. stride: FACTOR, or 0 when one factor serves all. limbs: 9 words, the last three 0.
    zero, low, high: of bytes 0 to 255.
    """
    p = ptr16(limbs)
    out = ptr8(int(out) + at)
    row = 0
    while row < rows:
        value = sums[row] - 536870912
        a = value if value > 0 else 0 - value
        b = a >> 15
        a &= 32767
        c = a * factors[0]
        p[0] = c & 32767
        c = (c >> 15) + a * factors[1] + b * factors[0]
        p[1] = c & 32767
        c = (c >> 15) + a * factors[2] + b * factors[1]
        p[2] = c & 32767
        c = (c >> 15) + a * factors[3] + b * factors[2]
        p[3] = c & 32767
        c = (c >> 15) + b * factors[3]
        p[4] = c & 32767
        p[5] = c >> 15
        half = factors[4]
        bit = factors[5]
        a = 32768 if p[half + 2] | p[half + 3] else (p[half] >> bit) + (p[half + 1] << (15 - bit))
        b = (1 << bit) - 1
        if (p[half] & b) == b and p[half - 1] == 32767:
            a += int(_reaches_half(limbs, half))
        a = (a + 1) >> 1
        if value < 0:
            a = 0 - a
        a += zero
        if a < low:
            a = low
        if a > high:
            a = high
        out[row] = a
        factors = ptr16(int(factors) + 2 * stride)
        row += 1


@micropython.viper
def _reaches_half(p: ptr16, half: int) -> int:
    """1 where the product's 53 leading bits, rounded, end on the half that the bits below it just miss.

    So it is if all bits are ones from there down to the last that rounding to 53 adds to. The caller saw those of limb
    `half`. A tie goes to the half too: it is the even one of the two.
    """
    top = 5
    while p[top] == 0:
        top -= 1
    value = p[top]
    last = 15 * top - 54
    while value:
        value >>= 1
        last += 1
    if last < 0:  # at most 53 bits: nothing was rounded
        return 0
    while half:
        half -= 1
        skip = last - 15 * half
        if skip > 14:
            return 1
        if skip < 0:
            skip = 0
        if (p[half] >> skip) != (32767 >> skip):
            return 0
    return 1
