"""FULLY_CONNECTED, with the rounding of LiteRT's reference kernel or, if asked for, of TFLite-Micro.

docs/decisions/0003 says why there are two.
"""

from array import array

from tflite.dot import check_weights, factors, multiply, row_sums, starts, total, wide
from tflite.graph import Node
from tflite.kinds import INT8, INT32


class FullyConnected:
    """One layer. scratch: bytes it needs while it runs, shared with the other operators, 4-aligned."""

    def __init__(self, node: Node, rounding: str) -> None:
        x, weights, bias, y = node.input(0), node.constant(1, INT8), node.constant(2, INT32), node.output(0)
        self._ends, self._weights = (x, y), weights and weights.view
        self._n, self._rows = _size(node, x, weights, y)
        check_weights(node, weights, bias, self._rows)
        if node.option(1, "<b"):
            raise node.fault("shuffled weights are not supported")
        sums = row_sums(self._weights, self._n)
        self._starts, large = starts(node, bias, sums, 128 + x.zero_point, self._n)
        self._limbs = array("H", bytes(18)) if rounding == "litert" else None
        make, self._requantise = _rounding(rounding)
        self._factors, self._stride = factors(node, x, weights, y, 0, self._rows, make)
        self._zero, (self._low, self._high) = y.zero_point + 128, node.limits(0, y)
        places, limits = (self._n, 1), (self._low, self._high)
        self._wide = wide(node, large, (x, weights, bias, y), places, limits, rounding == "litert")
        self._end = y.size
        self.scratch = 4 * self._rows

    def bind(self, scratch: memoryview) -> None:
        """Take the places in the arena that were planned for input, output and scratch."""
        self._x, self._y = [tensor.view for tensor in self._ends]
        self._ends = None  # the rest of a tensor is needed no more; `del` would leave it where the collector sees it
        self._sums = scratch[: 4 * self._rows]

    def invoke(self) -> None:
        """Input tensor -> output tensor; allocates nothing."""
        x, n, rows = self._x, self._n, self._rows  # more than three at once would make a tuple
        at = to = 0
        while to < self._end:
            multiply(x, self._weights, at, n, self._sums, self._starts, 0, rows, 128 * total(x, at, n))
            self._round(to)
            at += n
            to += rows

    def _round(self, to: int) -> None:
        sums, rows = self._sums, self._rows
        if self._wide:
            self._wide.look(sums)
        self._requantise(
            sums, self._factors, self._limbs or sums, self._y, to, rows, self._stride, self._zero, self._low, self._high
        )
        if self._wide:
            self._wide.put(self._y, to)


def _size(node, x, weights, y) -> tuple:
    """Inputs and outputs of one vector."""
    if weights is None or len(weights.shape) != 2:
        raise node.fault("expected weights of two dimensions: a row for each output")
    rows, n = weights.shape
    if x.size % n or y.size % rows or x.size // n != y.size // rows:
        raise node.fault("weights {} between {} and {} elements".format(weights.shape, x.size, y.size))
    return n, rows


def _rounding(rounding: str) -> tuple:
    """What turns three scales into a factor, and the kernel that takes it; only one of the two is loaded."""
    if rounding == "litert":
        from tflite import requantise

        return requantise.scaled, requantise.requantise
    from tflite import multiplier

    return multiplier.scaled, multiplier.requantise
