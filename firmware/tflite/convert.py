"""QUANTIZE from float32 and DEQUANTIZE to it, at the ends of a model; QUANTIZE between int8 scales is in `lookup.py`.

TFLite divides in single precision, rounds the quotient to 24 bits and that to a whole number, halves away from zero.
Boards could do so too, but viper has no floats and Python's would each be allocated: so the bits are divided here.
"""

from array import array

import micropython

from tflite.graph import Node
from tflite.kinds import FLOAT32
from tflite.lookup import Requantise


class Convert:
    """One tensor of another type. It needs no scratch."""

    scratch = 0

    def __init__(self, node: Node, x, y) -> None:
        if x.size != y.size:
            raise node.fault("{} elements become {}".format(x.size, y.size))
        self._ends, self._n = (x, y), x.size

    def bind(self, _: memoryview) -> None:
        """Take the places in the arena that were planned for input and output."""
        self._x, self._y = [tensor.view for tensor in self._ends]
        self._ends = None


class Quantize(Convert):
    """QUANTIZE from float32. What has no place in int8 saturates; NaN does as infinity would."""

    def __init__(self, node: Node) -> None:
        x, y = node.input(0, FLOAT32), node.output(0)
        super().__init__(node, x, y)
        mantissa, exponent = y.scale(0)
        self._numbers = mantissa, exponent + 150, y.zero_point + 128

    def invoke(self) -> None:
        """Input tensor -> output tensor; allocates nothing."""
        numbers = self._numbers
        quantise(self._x, self._y, self._n, numbers[0], numbers[1], numbers[2])


class Dequantize(Convert):
    """DEQUANTIZE: a table of 256 floats, each a product that single precision rounds once."""

    def __init__(self, node: Node, _) -> None:
        x, y = node.input(0), node.output(0, FLOAT32)
        super().__init__(node, x, y)
        scale, zero = x.real_scale(), x.zero_point + 128
        self._table = array("f", [scale * (byte - zero) for byte in range(256)])

    def invoke(self) -> None:
        """Input tensor -> output tensor; allocates nothing."""
        dequantise(self._x, self._y, self._table, self._n)


def quantize(node: Node, rounding: str):
    """The operator for a QUANTIZE: of a float32 input, or of an int8 one."""
    return Quantize(node) if node.kind(0) == FLOAT32 else Requantise(node, rounding)


@micropython.viper
def quantise(x: ptr16, y: ptr8, n: int, mantissa: int, exponent: int, zero: int):  # noqa: C901 - a call would cost more than what it does
    """y = clamp(round(x / scale) + zero) of n float32, read as two words each.

    scale: mantissa * 2**(exponent - 150), mantissa of 24 bits.
    """
    i = 0
    while i < n:
        top = x[1]
        power = (top >> 7) & 255
        value = ((top & 127) << 16) + x[0]
        if power:
            value += 8388608
        else:
            power = 1
        power -= exponent
        result = 0
        if value:
            while value < 8388608:
                value <<= 1
                power -= 1
            if value < mantissa:
                value <<= 1
                power -= 1
            bit = 25  # 24 bits of the quotient and one to round by; what is left of value is below that
            while bit:
                result <<= 1
                if value >= mantissa:
                    value -= mantissa
                    result += 1
                value <<= 1
                bit -= 1
            if result & 1 and (value or result & 2):
                result += 1
            result >>= 1
            shift = 23 - power  # places behind the point
            if shift > 25:
                result = 0
            elif shift > 14:
                result = (result + (1 << (shift - 1))) >> shift
            else:
                result = 512
        value = zero - result if top & 32768 else zero + result
        if value < 0:
            value = 0
        if value > 255:
            value = 255
        y[i] = value
        x = ptr16(int(x) + 4)
        i += 1


@micropython.viper
def dequantise(x: ptr8, y: ptr16, table: ptr16, n: int):
    """y = table[x] for n float32, of two words each."""
    i = 0
    while i < n:
        at = x[i] << 1
        y[0] = table[at]
        y[1] = table[at + 1]
        y = ptr16(int(y) + 4)
        i += 1
