"""SOFTMAX over the last dimension, in gemmlowp's fixed point (tensorflow/lite/kernels/internal/reference/softmax.h).

exp(x - max) of all 256 differences is a table made at load.
"""

from array import array

import micropython

from tflite.fixed_point import exp
from tflite.graph import Node
from tflite.multiplier import high
from tflite.scales import multiplier, parts, quotient

_WHOLE = 5  # bits before the point of the scaled difference
_MOST = 1023  # elements of a row: their sum must stay below 2**29


class Softmax:
    """One softmax. It needs no scratch, and the output may stand where the input does."""

    scratch = 0

    def __init__(self, node: Node, _) -> None:
        x, y = node.input(0), node.output(0)
        self._depth = x.shape[-1] if x.shape else 0
        if x.shape != y.shape or not 0 < self._depth <= _MOST:
            raise node.fault("{} becomes {}; rows may have 1 to {} elements".format(x.shape, y.shape, _MOST))
        if y.zero_point != -128 or y.real_scale() != 1 / 256:
            raise node.fault("the output must have scale 1/256 and zero point -128")
        node.reusable.append(x)
        self._ends, self._n = (x, y), x.size
        self._table = _table(node, x)

    def bind(self, _: memoryview) -> None:
        """Take the places in the arena that were planned for input and output."""
        self._x, self._y = [tensor.view for tensor in self._ends]
        self._ends = None

    def invoke(self) -> None:
        """Input tensor -> output tensor; allocates nothing."""
        at = 0
        while at < self._n:
            softmax(self._x, self._y, self._table, at, self._depth)
            at += self._depth


def _table(node, x):
    """exp(-i * beta * scale), times 2**31, for i of 0 to 255; 0 where that is below what five bits hold."""
    beta = parts(node.option(0, "<I"))
    if beta is None:
        raise node.fault("beta must be above zero and finite")
    scale = x.scale(0)
    mantissa, exponent = quotient(beta[0] * scale[0] << 10, 1, 53)  # a product of floats is exact in a double
    bits, power = multiplier(mantissa, exponent + beta[1] + scale[1] - 10 + 31 - _WHOLE)
    if power < 1:
        raise node.fault("the input's scale is too small")
    least = ((1 << _WHOLE) - 1 << 31 - _WHOLE) >> power
    return array("i", [exp(high(-i << power, bits), _WHOLE) if i <= least else 0 for i in range(256)])


@micropython.viper
def softmax(x: ptr8, y: ptr8, table: ptr32, at: int, n: int):
    """y = exp(x) / sum(exp(x)) in steps of 1/256 for one row of n bytes from `at`; y may be x.

    Products of 31 bits by 31 are made as in `multiplier.py`. One of them may be the largest in the table only less
    2**30, which is put back as half of the other.
    """
    x = ptr8(int(x) + at)
    y = ptr8(int(y) + at)
    largest = 0
    i = 0
    while i < n:
        if x[i] > largest:
            largest = int(x[i])
        i += 1
    half = 0
    i = 0
    while i < n:
        value = table[largest - x[i]]
        half += (value >> 12) + ((value >> 11) & 1)
        i += 1
    shift = 33  # of the result; half becomes half the sum's inverse, 1/2 to 1
    while half >> 30 == 0:
        half <<= 1
        shift -= 1
    m1 = half >> 16
    m0 = half & 65535
    value = -1010580540  # -32/17, two bits before the point
    step = 4
    inverse = 0
    while step:
        cross = (value >> 15) * m0
        value = (value >> 15) * m1 + (
            ((value & 32767) * m1 + (cross >> 1) + (((value & 32767) * m0 + ((cross & 1) << 15)) >> 16) + 16384) >> 15
        )
        if step == 4:
            inverse = 757935405  # half of 48/17
            inverse += inverse + value
        else:
            value = 536870912 - value
            cross = (value >> 15) * (inverse & 65535)
            rest = ((value & 32767) * (inverse & 65535) + ((cross & 1) << 15)) >> 16
            rest = ((value & 32767) * (inverse >> 16) + (cross >> 1) + rest + 16384) >> 15
            inverse += ((value >> 15) * (inverse >> 16) + rest) << 2
        value = inverse
        step -= 1
    if inverse > 1073741823:
        inverse = 1073741823
        inverse += inverse + 1
    else:
        inverse += inverse
    m1 = inverse >> 16
    m0 = inverse & 65535
    i = 0
    while i < n:
        value = table[largest - x[i]] - 1073741823 - 1
        cross = (value >> 15) * m0
        rest = ((value & 32767) * m0 + ((cross & 1) << 15)) >> 16
        rest = ((value & 32767) * m1 + (cross >> 1) + rest + 16384 + ((m0 & 1) << 14)) >> 15
        value = (value >> 15) * m1 + rest + (inverse >> 1)
        value = ((value >> shift) + 1) >> 1
        y[i] = value if value < 255 else 255
        i += 1
