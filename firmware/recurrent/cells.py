"""What LSTM does with its gates, in int16: logistic and tanh of gemmlowp's fixedpoint.h, cells, and what they give out.

int16 stands in memory as two bytes in two's complement, which viper loads without their sign.
"""

from array import array

import micropython

EXPONENTIALS = array(
    "H", (25520, 19875, 12055, 4435, 600, 11, 0)
)  # exp(-1/4), of -1/2, -1, -2, -4, -8, -16, times 2**15


@micropython.viper
def curve(x: ptr16, at: int, y: ptr16, to: int, n: int, whole: int, tanh: int, powers: ptr16):  # noqa: C901 - a call would cost more than what it does
    """y[to + i] = tanh(x[at + i]), or where tanh is 0 the logistic of it, times 2**15, for n of them; y may be x.

    whole: bits before the point of x. powers: EXPONENTIALS. Both curves are made of exp(-a): a Taylor series about -1/8
    for what is left of quarters, and a product for each bit of the quarters; then three steps of Newton's division.
    """
    bits = whole + tanh  # before the point of what exp is taken of: for tanh it is twice x
    quarter = 1 << (13 - bits)
    while n:
        a = (x[at] ^ 32768) - 32768
        below = 0 - a if a > 0 else a
        rest = (below & (quarter - 1)) - quarter
        v = (rest << bits) + 4096
        v2 = (v * v + 16384) >> 15
        v3 = (v2 * v + 16384) >> 15
        v4 = (v2 * v2 + 16384) >> 15
        v3 = (((((v4 + 2) >> 2) + v3) * 10923 + 16384) >> 15) + v2
        e = 28918 + ((28918 * (v + ((v3 + 1) >> 1)) + 16384) >> 15)
        if e > 32767:
            e = 32767
        rest -= below
        i = 0
        while i < 7:
            if i < bits + 2 and (rest >> (13 - bits + i)) & 1:
                e = (e * powers[i] + 16384) >> 15
            i += 1
        if bits > 5 and below < 0 - (1 << (20 - bits)):
            e = 0
        if a == 0:
            e = 32767
        half = (e + 32768) >> 1
        v = 23130 + ((half * -15420 + 16384) >> 15)
        i = 0
        while i < 3:
            v2 = (v * (8192 - ((half * v + 16384) >> 15)) + 16384) >> 15
            if v2 > 8191:
                v += 32767
            else:
                v += v2 << 2
            i += 1
        if tanh:
            v = (v - 8192) << 2
        else:
            v <<= 1
        if v > 32767:
            v = 32767
        if tanh:
            if a < 0:
                v = 0 - v
            if a == 0:
                v = 0
        else:
            if a < 0:
                v = 32767 - v
            if a == 0:
                v = 16384
        y[to] = v & 65535
        at += 1
        to += 1
        n -= 1


@micropython.viper
def update(gates: ptr16, cells: ptr16, at: int, n: int, shift: int, clip: int):
    """cells = forget * cells + (input * candidate >> shift) for n cells from `at`, at most `clip` unless that is 0.

    gates: n each of input, forget, candidate and output.
    """
    i = 0
    half = 1 << (shift - 1)
    if clip == 0:
        clip = 32768
    while i < n:
        old = gates[n + i] * ((cells[at + i] ^ 32768) - 32768)
        new = gates[i] * ((gates[n + n + i] ^ 32768) - 32768)
        value = ((old + 16384 + (old >> 31)) >> 15) + ((new + half + (new >> 31)) >> shift)
        if value < 0 - clip:
            value = 0 - clip
        if value > clip:
            value = clip
        if value > 32767:
            value = 32767
        cells[at + i] = value & 65535
        i += 1


@micropython.viper
def emit(gates: ptr16, n: int, factors: ptr16, zero: int, hidden: ptr8, at: int, y: ptr8, to: int):
    """hidden[at + i] = y[to + i] = output * tanh(cell) by the factor, plus zero, in bytes 0 to 255.

    gates: n each of tanh(cell), two that are not looked at, and output.
    """
    i = 0
    while i < n:
        value = gates[n + n + n + i] * ((gates[i] ^ 32768) - 32768)
        if factors[2]:
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
        if value < 0:
            value = 0
        if value > 255:
            value = 255
        hidden[at + i] = value
        y[to + i] = value
        i += 1
