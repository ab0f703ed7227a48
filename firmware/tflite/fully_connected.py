"""FULLY_CONNECTED: int8 times int8 weights (one scale for all, or one for each row), int32 bias, NONE, RELU or RELU6.

Both operands are taken as unsigned bytes, 128 more than they are, because viper loads no signed ones; what that adds is
taken off once per row. With u = x + 128 and the weights w of a row: sum((x - zero) * w) + bias
= sum(u * (w + 128)) - 128 * sum(u) - (128 + zero) * sum(w) + bias, whose last two terms are known at load.
Weights are read where they stand in the model.
"""

from array import array

import micropython

from tflite.graph import INT8, INT32, Node
from tflite.requantise import FACTOR, LIMIT, factor, requantise
from tflite.scales import product, steps_of_six

_RELU = 1  # ActivationFunctionType
_RELU6 = 3


class FullyConnected:
    """One layer. scratch: bytes it needs while it runs, shared with the other operators, 4-aligned."""

    def __init__(self, node: Node) -> None:
        x, weights, bias, y = node.input(0), node.constant(1, INT8), node.constant(2, INT32), node.output(0)
        _check(node, x, weights, bias, y)
        self._ends, self._weights = (x, y), weights.view
        self._n, self._rows = x.size, y.size
        self._constants = _constants(node, self._weights, bias, 128 + x.zero_point, x.size)
        self._factors, self._stride = _factors(node, x, weights, y)
        self._zero = y.zero_point
        self._low, self._high = _range(node, y)
        self._limbs = array("H", bytes(18))
        self.scratch = 4 * y.size + x.size

    def bind(self, scratch: memoryview) -> None:
        """Take the places in the arena that were planned for input, output and scratch."""
        self._x, self._y = [tensor.view for tensor in self._ends]
        del self._ends  # the rest of a tensor is needed no more
        self._sums = scratch[: 4 * self._rows]
        self._unsigned = scratch[4 * self._rows : 4 * self._rows + self._n]

    def invoke(self) -> None:
        """Input tensor -> output tensor; allocates nothing."""
        n, rows = self._n, self._rows
        offset = 128 * flip(self._x, self._unsigned, n)
        multiply(self._unsigned, self._weights, self._sums, self._constants, n, rows, offset)
        requantise(
            self._sums, self._factors, self._limbs, self._y, rows, self._stride, self._zero, self._low, self._high
        )


def _check(node, x, weights, bias, y):
    if weights is None or weights.shape != [y.size, x.size]:
        raise node.fault("expected weights of shape {}: one row for each output".format([y.size, x.size]))
    if bias and bias.size != y.size:
        raise node.fault("{} biases for {} outputs".format(bias.size, y.size))
    if any(weights.zero_points.at(i) for i in range(len(weights.zero_points))):
        raise node.fault("the zero point of int8 weights must be 0")
    if node.option(1, "<b"):
        raise node.fault("shuffled weights are not supported")


def _constants(node, weights, bias, offset, n):
    """bias - offset * sum(w) of each row, LIMIT added; refuses a layer whose sums could reach LIMIT."""
    rows = len(weights) // n
    constants = array("i", bytes(4 * rows))
    for row in range(rows):
        value = bias.integer(row) if bias else 0
        if abs(value) + n * 255 * 128 >= LIMIT:
            raise node.fault("{} inputs and a bias of {} could overflow the sum of row {}".format(n, value, row))
        constants[row] = LIMIT + value - offset * (row_sum(weights, n * row, n) - 128 * n)
    return constants


def _factors(node, x, weights, y):
    """The rows' scales for `requantise` and the stride between them."""
    count = len(weights.scales)
    if count != 1 and (count != y.size or weights.axis != 0):
        raise node.fault("{} weight scales along axis {} for {} outputs".format(count, weights.axis, y.size))
    factors = array("H", bytes(2 * FACTOR * count))
    for i in range(count):
        factors[FACTOR * i : FACTOR * (i + 1)] = factor(*product(x.scale(0), weights.scale(i), y.scale(0)))
    return factors, FACTOR if count > 1 else 0


def _range(node, y):
    """The least and the greatest output: int8's, narrowed by the fused activation."""
    activation = node.option(0, "<b")
    if activation == 0:
        return -128, 127
    if activation not in (_RELU, _RELU6):
        raise node.fault("fused activation {} is not supported".format(activation))
    high = y.zero_point + steps_of_six(y.scale(0)) if activation == _RELU6 else 127
    return y.zero_point, min(127, high)


@micropython.viper
def row_sum(weights: ptr8, at: int, n: int) -> int:
    """Sum of n weights from byte `at`, each 128 more than it is."""
    out = 0
    end = at + n
    while at < end:
        out += weights[at] ^ 128
        at += 1
    return out


@micropython.viper
def flip(x: ptr8, u: ptr8, n: int) -> int:
    """u = x + 128 as unsigned bytes; returns their sum."""
    out = 0
    i = 0
    while i < n:
        value = x[i] ^ 128
        u[i] = value
        out += value
        i += 1
    return out


@micropython.viper
def multiply(u: ptr8, w: ptr8, sums: ptr32, constants: ptr32, n: int, rows: int, offset: int):
    """sums[row] = constants[row] - offset + sum(u * (w + 128)).

    u and w, as the first two arguments, live in registers and everything else on the stack: hence the long expressions
    and constant subscripts, and the weight before the input, which saves a move: 12 instructions a product on Xtensa.
    """
    row = 0
    while row < rows:
        total = constants[row] - offset
        left = n
        while left > 15:
            total = (
                (w[0] ^ 128) * u[0] + (w[1] ^ 128) * u[1] + (w[2] ^ 128) * u[2] + (w[3] ^ 128) * u[3]
                + (w[4] ^ 128) * u[4] + (w[5] ^ 128) * u[5] + (w[6] ^ 128) * u[6] + (w[7] ^ 128) * u[7]
                + (w[8] ^ 128) * u[8] + (w[9] ^ 128) * u[9] + (w[10] ^ 128) * u[10] + (w[11] ^ 128) * u[11]
                + (w[12] ^ 128) * u[12] + (w[13] ^ 128) * u[13] + (w[14] ^ 128) * u[14] + (w[15] ^ 128) * u[15]
                + total
            )  # fmt: skip
            u = ptr8(int(u) + 16)
            w = ptr8(int(w) + 16)
            left -= 16
        while left:
            total = (w[0] ^ 128) * u[0] + total
            u = ptr8(int(u) + 1)
            w = ptr8(int(w) + 1)
            left -= 1
        sums[row] = total
        u = ptr8(int(u) - n)
        row += 1
