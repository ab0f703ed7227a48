"""UNIDIRECTIONAL_SEQUENCE_LSTM as TFLite converts it to int8: activations and weights int8, cells and gates int16.

The arithmetic is EvalInteger8x8_16 of TFLite's kernels/lstm_eval.cc. Keras makes no peepholes, projection, layer
normalisation or coupled gates: they are refused. TFLite-Micro calculates its gates in another way: refused too.
"""

from tflite.dot import check_weights, multiply, row_sums, starts, total
from tflite.graph import Node
from tflite.kinds import INT8, INT16, INT32
from tflite.multiplier import factor
from tflite.scales import multiplier, quotient, ratio, single_product

from recurrent.cells import EXPONENTIALS, curve, emit, update
from recurrent.to_int16 import to_int16

_GATES = ("input", "forget", "candidate", "output")  # in the order of their weights among the inputs
_WEIGHTS, _RECURRENT, _BIASES, _HIDDEN, _CELL = 1, 5, 12, 18, 19  # places among the inputs
_MUST_NOT = (9, 10, 11, 16, 17, 20, 21, 22, 23)
_TANH = 4  # ActivationFunctionType
_BEFORE = 3  # bits before the point of a gate's sum


class Lstm:
    """One layer. What it keeps is 0 when the model is loaded."""

    def __init__(self, node: Node, rounding: str) -> None:
        _check_kind(node, rounding)
        x, y = node.input(0), node.output(0)
        hidden, cell = node.state(_HIDDEN, INT8), node.state(_CELL, INT16)
        self._sizes(node, x, y, hidden, cell)
        self._from_x = [self._product(node, x, _WEIGHTS + i, _BIASES + i, self._n) for i in range(len(_GATES))]
        self._from_hidden = [self._product(node, hidden, _RECURRENT + i, 0, self._cells) for i in range(len(_GATES))]
        self._shift, self._whole = _cell_shift(node, cell)
        self._clip = _clip(node.option(1, "<I"), self._shift)
        scale, zero = node.intermediate(4)
        self._out, self._zero = _hidden_factor(scale), 128 + zero
        self._ends, self._first = (x, y, hidden, cell), hidden.zero_point + 128
        self.scratch = (4 + 2 * len(_GATES)) * self._cells

    def _sizes(self, node, x, y, hidden, cell) -> None:
        weights = node.constant(_WEIGHTS, INT8)
        if weights is None or len(weights.shape) != 2 or len(x.shape) != 3:
            raise node.fault("expected an input of three dimensions and weights of two")
        (self._cells, self._n), self._by_time = weights.shape, node.option(3, "<b")
        self._batches, self._times = x.shape[1::-1] if self._by_time else x.shape[:2]
        if x.shape[2] != self._n or y.size != self._batches * self._times * self._cells:
            raise node.fault("weights {} between {} and {}".format(weights.shape, x.shape, y.shape))
        if hidden.size != self._batches * self._cells or cell.size != hidden.size:
            raise node.fault("{} and {} are kept of {} cells".format(hidden.size, cell.size, self._cells))

    def _product(self, node, x, place: int, bias_place: int, n: int) -> tuple:
        """Of x and one matrix: the weights, the sums to begin with, and the factor to a gate, in 4096ths."""
        weights, bias = node.constant(place, INT8), node.constant(bias_place, INT32) if bias_place else None
        if weights is None or weights.shape != [self._cells, n] or len(weights.scales) != 1:
            raise node.fault("input {}: expected weights {} of one scale".format(place, [self._cells, n]))
        check_weights(node, weights, bias, self._cells)
        begin, large = starts(node, bias, row_sums(weights.view, n), 128 + x.zero_point, n)
        if bias and large:
            raise node.fault("a bias of {} is too large".format(bias.integer(large[0])))
        mantissa, exponent = single_product(weights.scale(0), x.scale(0))
        return weights.view, begin, factor(*multiplier(mantissa, exponent + 15 - _BEFORE))

    def bind(self, scratch: memoryview) -> None:
        """Take the places in the arena that were planned for input, output, states and scratch."""
        self._x, self._y, self._hidden, self._cell = [tensor.view for tensor in self._ends]
        self._ends = None
        self._sums = scratch[: 4 * self._cells]
        self._gates = scratch[4 * self._cells : self.scratch]
        for i in range(len(self._hidden)):
            self._hidden[i] = self._first

    def invoke(self) -> None:
        """Input tensor -> states and output tensor; allocates nothing."""
        for batch in range(self._batches):
            for time in range(self._times):
                at = time * self._batches + batch if self._by_time else batch * self._times + time
                self._step(batch * self._cells, at)

    def _step(self, kept: int, at: int) -> None:
        """One vector of the input. kept: where this batch's states begin, in elements."""
        cells, gates = self._cells, self._gates
        for gate in range(4):
            self._sum(self._from_x[gate], self._x, at * self._n, self._n, gate * cells, 0)
            self._sum(self._from_hidden[gate], self._hidden, kept, cells, gate * cells, 1)
            curve(gates, gate * cells, gates, gate * cells, cells, _BEFORE, gate == 2, EXPONENTIALS)
        update(gates, self._cell, kept, cells, self._shift, self._clip)
        curve(self._cell, kept, gates, 0, cells, self._whole, 1, EXPONENTIALS)
        emit(gates, cells, self._out, self._zero, self._hidden, kept, self._y, at * cells)

    def _sum(self, product: tuple, x, at: int, n: int, to: int, more: int) -> None:
        """A gate's sums of one matrix. more: 1 to add them to what is there."""
        multiply(x, product[0], at, n, self._sums, product[1], 0, self._cells, 128 * total(x, at, n))
        to_int16(self._sums, product[2], self._gates, to, 1, self._cells, more)


def _check_kind(node, rounding: str) -> None:
    if rounding != "litert":
        raise node.fault("TFLite-Micro rounds its gates otherwise: only LiteRT's rounding runs")
    if any(node.has(i) for i in _MUST_NOT) or not node.has(_WEIGHTS):
        raise node.fault("peepholes, projection, layer normalisation and coupled gates are not supported")
    if node.option(0, "<b") != _TANH:
        raise node.fault("activation {} is not supported, tanh is".format(node.option(0, "<b")))


def _cell_shift(node, cell) -> tuple:
    """By how much input * candidate is shifted to be cells, and the bits before the point of cells."""
    mantissa, exponent = cell.scale(0)
    whole = 15 + exponent + 23
    if mantissa != 0x800000 or not 0 <= whole <= 6:
        raise node.fault("the scale of cells must be a power of two, 2**-15 to 2**-9")
    return 15 + whole, whole


def _clip(bits: int, shift: int) -> int:
    """The largest magnitude of cells, in their steps; 0 when nothing is clipped. bits: of a float32."""
    from tflite.scales import parts

    limit = parts(bits)
    if limit is None:
        return 0
    exponent = limit[1] + 30 - shift
    return 32767 if exponent > 0 else min(32767, limit[0] >> -exponent)


def _hidden_factor(scale: tuple):
    """2**-30 / scale: divided in double precision, then rounded to single."""
    mantissa, exponent = ratio((0x800000, -23), scale)
    mantissa, more = quotient(mantissa << 1, 1, 24)
    return factor(*multiplier(mantissa, exponent + more - 31))
