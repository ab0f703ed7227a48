"""ADD, SUB and MUL of two int8 tensors, or of one and a constant; either may be broadcast.

Sums are made a few at a time in scratch, then rounded as those of convolutions are. For ADD and SUB TFLite takes both
inputs to twice the larger scale, 20 bits up: the input that has it is shifted, the other one's values are in a table.
"""

from array import array

import micropython
from micropython import const

from tflite.dot import LIMIT
from tflite.graph import Node
from tflite.move import loops, move, strides
from tflite.multiplier import factor, multiply, requantise, scaled
from tflite.scales import multiplier, ratio

_CHUNK = const(64)  # sums at a time


class Binary:
    """Two tensors of the output's shape, or broadcast to it in scratch."""

    def __init__(self, node: Node, _) -> None:
        self._ends = a, b, y = node.operand(0), node.operand(1), node.output(0)
        self._n = y.size
        self._flips = [128 if tensor.view is not None else 0 for tensor in (a, b)]
        self._spread = [_broadcast(node, tensor, y) for tensor in (a, b)]
        node.reusable.extend([x for x, spread in zip((a, b), self._spread) if spread is None and x.view is None])
        self._factor = self.prepare(node, a, b, y)
        self._zero, (self._low, self._high) = y.zero_point + 128, node.limits(0, y)
        self.scratch = 4 * _CHUNK + sum([y.size for spread in self._spread if spread])

    def prepare(self, node, a, b, y):
        """The factor between sums and output; refuses what is not supported."""
        raise NotImplementedError

    def bind(self, scratch: memoryview) -> None:
        """Take the places in the arena that were planned for inputs, output and scratch."""
        self._sums, at = scratch[: 4 * _CHUNK], 4 * _CHUNK
        self._from = [tensor.view for tensor in self._ends[:2]]
        self._to, self._y = list(self._from), self._ends[2].view
        for i in (0, 1):
            if self._spread[i]:
                self._to[i] = scratch[at : at + self._n]
                at += self._n
        self._ends = None

    def invoke(self) -> None:
        """Input tensors -> output tensor; allocates nothing."""
        sums = self._sums
        for i in (0, 1):
            if self._spread[i]:
                move(self._from[i], self._to[i], self._spread[i], 0, 0)
        for at in range(0, self._n, _CHUNK):
            n = min(_CHUNK, self._n - at)
            self.combine(at, n)
            requantise(sums, self._factor, sums, self._y, at, n, 0, self._zero, self._low, self._high)

    def combine(self, at: int, n: int) -> None:
        """n sums of elements from `at`."""
        raise NotImplementedError


class Add(Binary):
    """ADD."""

    sign = 1  # of the second input

    def prepare(self, node, a, b, y):
        scales, zeros = [tensor.scale(0) for tensor in (a, b)], [128 + tensor.zero_point for tensor in (a, b)]
        signs = [1, self.sign]
        large = 0 if _value(scales[0]) >= _value(scales[1]) else 1
        small = 1 - large
        twice = scales[large][0], scales[large][1] + 1
        by = multiplier(*ratio(scales[small], twice))
        table = [signs[small] * multiply(value - zeros[small] << 20, *by) for value in range(256)]
        flip = self._flips[small]
        self._table = array("i", [LIMIT + table[value ^ flip] for value in range(256)])
        self._large, self._offset, self._gain = large, zeros[large], signs[large] << 19
        mantissa, exponent = ratio(twice, y.scale(0))
        bits, power = multiplier(mantissa, exponent - 20)
        if power > 0:
            raise node.fault("the output's scale is too small for the inputs'")
        return factor(bits, power)

    def combine(self, at: int, n: int) -> None:
        large = self._large
        add(
            self._to[large], self._to[1 - large], self._sums, at, n, self._flips[large], self._offset, self._gain,
            self._table,
        )  # fmt: skip


class Sub(Add):
    """SUB."""

    sign = -1


class Mul(Binary):
    """MUL."""

    def prepare(self, _, a, b, y):
        self._zeros = 128 + a.zero_point, 128 + b.zero_point
        return scaled(a.scale(0), b.scale(0), y.scale(0))

    def combine(self, at: int, n: int) -> None:
        ends, flips, zeros = self._to, self._flips, self._zeros
        times(ends[0], ends[1], self._sums, at, n, flips[0], flips[1], zeros[0], zeros[1])


def _value(scale: tuple) -> tuple:
    """What orders two scales as numbers do."""
    return scale[1], scale[0]


def _broadcast(node, x, y):
    """The words with which `move` spreads x over y's shape; None where it has that shape."""
    if x.size == y.size and [n for n in x.shape if n > 1] == [n for n in y.shape if n > 1]:
        return None
    shape = [1] * (len(y.shape) - len(x.shape)) + x.shape
    if len(shape) != len(y.shape) or any(shape[i] not in (1, y.shape[i]) for i in range(len(shape))):
        raise node.fault("shape {} cannot be spread over {}".format(x.shape, y.shape))
    steps = [0 if length == 1 else step for length, step in zip(shape, strides(shape))]
    return loops(node, y.shape, steps, strides(y.shape))


@micropython.viper
def add(a: ptr8, b: ptr8, sums: ptr32, at: int, n: int, flip: int, zero: int, gain: int, table: ptr32):
    """sums = (a - zero) * gain + table[b], which is 2**29 more than it is; a's bytes flipped."""
    a = ptr8(int(a) + at)
    b = ptr8(int(b) + at)
    i = 0
    while i < n:
        sums[i] = ((a[i] ^ flip) - zero) * gain + table[b[i]]
        i += 1


@micropython.viper
def times(a: ptr8, b: ptr8, sums: ptr32, at: int, n: int, flip: int, flop: int, zero: int, naught: int):
    """sums = (a - zero) * (b - naught) + 2**29; bytes of a and b flipped."""
    a = ptr8(int(a) + at)
    b = ptr8(int(b) + at)
    i = 0
    while i < n:
        sums[i] = ((a[i] ^ flip) - zero) * ((b[i] ^ flop) - naught) + 536870912
        i += 1
