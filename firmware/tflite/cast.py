"""CAST between int8 and float32, and of int8 to itself: each number as it stands, whatever its scale.

A float loses what is behind its point; what has no place in int8 saturates; NaN does as infinity would.
"""

from array import array

import micropython

from tflite.convert import Convert, Dequantize
from tflite.graph import Node
from tflite.kinds import FLOAT32, INT8
from tflite.lookup import Lookup


def cast(node: Node, rounding: str):
    """What the types of input and output ask for."""
    if node.kind(0) == FLOAT32:
        return FromFloat(node, rounding)
    return Same(node, rounding) if node.made_kind() == INT8 else ToFloat(node, rounding)


class ToFloat(Dequantize):
    """int8 to float32. It needs no scratch."""

    def __init__(self, node: Node, rounding: str) -> None:
        super().__init__(node, rounding)
        self._table = array("f", [float(byte - 128) for byte in range(256)])


class Same(Lookup):
    """int8 to int8."""

    def function(self, _, x, __):
        return lambda value: value + x.zero_point


class FromFloat(Convert):
    """float32 to int8."""

    def __init__(self, node: Node, _) -> None:
        super().__init__(node, node.input(0, FLOAT32), node.output(0))

    def invoke(self) -> None:
        """Input tensor -> output tensor; allocates nothing."""
        truncate(self._x, self._y, self._n)


@micropython.viper
def truncate(x: ptr16, y: ptr8, n: int):
    """y = 128 more than the whole part of n float32, of two words each."""
    while n:
        power = ((x[1] >> 7) & 255) - 127  # of two, at most the number
        value = 0
        if power >= 0:
            value = ((x[1] & 127 | 128) << 16) | x[0]
            if power < 8:
                value >>= 23 - power
            if x[1] >> 15:
                value = 0 - value
        value += 128
        if value < 0:
            value = 0
        if value > 255:
            value = 255
        y[0] = value
        x = ptr16(int(x) + 4)
        y = ptr8(int(y) + 1)
        n -= 1
