"""MEAN over any dimensions: sums, then one multiplication that also divides by their number.

The number goes into the multiplier as TFLite-Micro's QuantizedMeanOrSum (internal/reference/reduce.h) has it.
"""

import micropython

from tflite.graph import Node
from tflite.move import loops, move, strides
from tflite.multiplier import factor, requantise
from tflite.scales import multiplier, ratio


class Mean:
    """One reduction. scratch: its sums, and the input in another order where the dimensions are not neighbours."""

    def __init__(self, node: Node, _) -> None:
        x, y = node.input(0), node.output(0)
        axes = _axes(node, x)
        kept = [i for i in range(len(x.shape)) if i not in axes]
        self._ends, self._rows = (x, y), y.size
        self._n = _product([x.shape[i] for i in axes])
        if _product([x.shape[i] for i in kept]) != y.size:
            raise node.fault("{} over {} is not {}".format(x.shape, axes, y.shape))
        self._inner = _inner(x.shape, axes)
        self._order = None
        if not self._inner:
            order, self._inner = kept + axes, 1
            read = strides(x.shape)
            shape = [x.shape[i] for i in order]
            self._order = loops(node, shape, [read[i] for i in order], strides(shape))
        self._factor = _factor(x, y, self._n)
        self._offset, self._zero = self._n * (128 + x.zero_point), 128 + y.zero_point
        self._size = x.size
        self.scratch = 4 * y.size + (x.size if self._order else 0)

    def bind(self, scratch: memoryview) -> None:
        """Take the places in the arena that were planned for input, output and scratch."""
        self._x, self._y = [tensor.view for tensor in self._ends]
        self._ends = None
        self._sums = scratch[: 4 * self._rows]
        self._ordered = scratch[4 * self._rows : 4 * self._rows + self._size] if self._order else self._x

    def invoke(self) -> None:
        """Input tensor -> output tensor; allocates nothing."""
        if self._order:
            move(self._x, self._ordered, self._order, 0, 0)
        add_up(self._ordered, self._sums, self._rows, self._n, self._inner, self._offset)
        requantise(self._sums, self._factor, self._sums, self._y, 0, self._rows, 0, self._zero, 0, 255)


def _axes(node, x) -> list:
    count = len(x.shape)
    axes = node.integers(1)
    if not axes or not all(-count <= axis < count for axis in axes):
        raise node.fault("axes {} of shape {}".format(axes, x.shape))
    return sorted({axis % count for axis in axes})


def _inner(shape: list, axes: list) -> int:
    """How far apart the elements of one mean are; 0 if they are not equally far, since other dimensions lie between."""
    between = [i for i in range(axes[0], axes[-1]) if i not in axes and shape[i] > 1]
    return 0 if between else _product(shape[axes[-1] + 1 :])


def _product(numbers: list) -> int:
    out = 1
    for number in numbers:
        out *= number
    return out


def _factor(x, y, n: int):
    bits, power = multiplier(*ratio(x.scale(0), y.scale(0)))
    shift = min(len(bin(n)) - 3, 32, 31 + power)
    return factor((bits << shift) // n, power - shift)


@micropython.viper
def add_up(x: ptr8, sums: ptr32, rows: int, n: int, inner: int, offset: int):
    """sums = the sum of each row's n bytes, `inner` apart, less offset, plus 2**29."""
    row = 0
    column = 0
    while row < rows:
        total = 536870912 - offset
        left = n
        while left:
            total += x[0]
            x = ptr8(int(x) + inner)
            left -= 1
        sums[row] = total
        row += 1
        column += 1
        if column < inner:
            x = ptr8(int(x) + 1 - n * inner)
        else:
            column = 0
            x = ptr8(int(x) + 1 - inner)
