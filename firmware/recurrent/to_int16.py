"""From 32-bit accumulators to int16 by TFLite's 31-bit multiplier, for what operators keep: SVDF's state, LSTM's gates.

int16 stands in memory as two bytes in two's complement, which viper loads without their sign.
"""

import micropython


@micropython.viper
def to_int16(sums: ptr32, factors: ptr16, out: ptr16, at: int, stride: int, rows: int, kept: int):
    """out[at + stride * i] = clamp(sums[i] * factor + kept * out[at + stride * i]) for `rows` rows.

    sums: 2**29 more than they are. factors: of `multiplier.factor`, as are the steps here. kept: 0 or 1.
    """
    while rows:
        value = sums[0] - 536870912
        if factors[2]:  # what would leave 30 bits is far beyond int16 anyway
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
        if kept:
            value += (out[at] ^ 32768) - 32768
        if value > 32767:
            value = 32767
        if value < -32768:
            value = -32768
        out[at] = value & 65535
        at += stride
        sums = ptr32(int(sums) + 4)
        rows -= 1
