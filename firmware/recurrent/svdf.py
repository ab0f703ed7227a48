"""SVDF, a layer of few weights for signals: each filter's newest responses are kept, and weighted by their age.

int8 as TFLite converts it (kernels/internal/reference/svdf.h): weights of features int8, of time and the state int16.
Sums of 32 bits wrap there, and do so here: they are kept in two parts, of which none leaves 32 bits.
"""

from array import array

import micropython
from tflite.dot import check_weights, multiply, row_sums, starts, total
from tflite.graph import Node
from tflite.kinds import INT8, INT16, INT32
from tflite.multiplier import factor
from tflite.scales import multiplier, ratio, single_product

from recurrent.to_int16 import to_int16

_RELU = 1  # ActivationFunctionType
_MOST = 32768  # responses that one output is made of


class Svdf:
    """One layer. Its state is 0 when the model is loaded."""

    def __init__(self, node: Node, _) -> None:
        if node.option(1, "<b") != _RELU:  # the only one that TFLite takes, whatever the output's range
            raise node.fault("activation {} is not supported, RELU is".format(node.option(1, "<b")))
        x, weights, times, bias = (
            node.input(0),
            node.constant(1, INT8),
            node.constant(2, INT16),
            node.constant(3, INT32),
        )
        y, state = node.output(0), node.state(4, INT16)
        self._sizes(node, x, weights, times, y, state)
        check_weights(node, weights, None, self._filters)
        if bias and bias.size != self._units:
            raise node.fault("{} biases for {} outputs".format(bias.size, self._units))
        self._ends, self._weights, self._times = (x, y, state), weights.view, times.view
        self._starts, _ = starts(node, None, row_sums(weights.view, self._n), 128 + x.zero_point, self._n)
        self._biases = _in_two_parts(bias, self._units)
        self._into = _factor(x, weights, state)
        self._out = _factor(state, times, y)
        self._zero = y.zero_point + 128
        self.scratch = 4 * self._filters

    def _sizes(self, node, x, weights, times, y, state) -> None:
        rank = node.option(0, "<i")
        if weights is None or times is None or len(weights.shape) != 2 or len(times.shape) != 2 or len(x.shape) != 2:
            raise node.fault("expected an input, weights of features and weights of time of two dimensions")
        (self._filters, self._n), self._batches = weights.shape, x.shape[0]
        self._memory = times.shape[1]
        if rank < 1 or self._filters % rank or rank * self._memory > _MOST:
            raise node.fault("rank {} of {} filters with a memory of {}".format(rank, self._filters, self._memory))
        self._units, self._taps = self._filters // rank, rank * self._memory
        kept = self._batches * self._filters * self._memory
        if x.shape[1] != self._n or times.shape[0] != self._filters or state.size != kept:
            raise node.fault("{} {} {} {}: sizes differ".format(x.shape, weights.shape, times.shape, state.shape))
        if y.size != self._batches * self._units:
            raise node.fault("{} elements for {} outputs".format(y.size, self._batches * self._units))

    def bind(self, scratch: memoryview) -> None:
        """Take the places in the arena that were planned for input, output, state and scratch."""
        self._x, self._y, self._state = [tensor.view for tensor in self._ends]
        self._ends = None
        self._sums = scratch[: 4 * self._filters]

    def invoke(self) -> None:
        """Input tensor -> state and output tensor; allocates nothing."""
        forget(self._state, len(self._state) >> 1)
        kept = self._filters * self._memory
        for batch in range(self._batches):
            at = batch * self._n
            multiply(
                self._x, self._weights, at, self._n, self._sums, self._starts, 0, self._filters,
                128 * total(self._x, at, self._n),
            )  # fmt: skip
            at = batch * kept
            to_int16(self._sums, self._into, self._state, at + self._memory - 1, self._memory, self._filters, 0)
            to = batch * self._units
            respond(
                self._state, self._times, at, self._taps, self._biases, self._out, self._y, to, to + self._units,
                self._zero,
            )  # fmt: skip


def _factor(x, weights, y):
    """x * weights / y of their scales, each step in single precision."""
    return factor(*multiplier(*ratio(single_product(x.scale(0), weights.scale(0)), y.scale(0), 24)))


def _in_two_parts(bias, units: int):
    """Of each bias the bits from 15 on, and 65536 more than they are; and the 15 below."""
    values = [bias.integer(i) if bias else 0 for i in range(units)]
    return array("i", [part for value in values for part in ((value >> 15) + 65536, value & 32767)])


@micropython.viper
def forget(state: ptr16, n: int):
    """Every value moves on by one place, so that the newest place of each filter can be written to."""
    while n > 1:
        state[0] = state[1]
        state = ptr16(int(state) + 2)
        n -= 1


@micropython.viper
def respond(  # noqa: C901 - a call would cost more than what it does
    state: ptr16, times: ptr8, at: int, taps: int, biases: ptr32, factors: ptr16, y: ptr8, to: int, end: int, zero: int
):
    """y[to] to y[end - 1] = bias + state * times, `taps` of each for one, by the factor; clamped, in bytes.

    A sum is high * 2**15 + low. It meets 31 bits of the factor as two parts of 16 and 15, of which the lower gives its
    last bit apart: then no product leaves 32 bits, whatever the sum.
    """
    state = ptr16(int(state) + 2 * at)
    while to < end:
        high = biases[0] - 65536
        low = int(biases[1])
        left = taps
        while left:
            value = (((times[0] | (times[1] << 8)) ^ 32768) - 32768) * ((state[0] ^ 32768) - 32768)
            high += value >> 15
            low += value & 32767
            times = ptr8(int(times) + 2)
            state = ptr16(int(state) + 2)
            left -= 1
        high = (((high + (low >> 15)) & 131071) ^ 65536) - 65536
        low &= 32767
        if factors[2]:
            cap = 536870912 >> (factors[2] - 1)
            value = (high << 15) + low
            if value > cap:
                value = cap
            if value < 0 - cap:
                value = 0 - cap
            value <<= factors[2]
            high = value >> 15
            low = value & 32767
        cross = high * (factors[0] >> 1)
        rest = (high * (factors[0] & 1) + ((low * factors[0]) >> 15)) >> 1
        value = high * factors[1] + (cross >> 15) + (
            ((cross & 32767) + low * factors[1] + rest + 16384) >> 15
        )  # fmt: skip
        if factors[3]:
            low = (1 << factors[3]) - 1
            rest = value & low
            low = (low >> 1) + 1 if value < 0 else low >> 1
            value >>= factors[3]
            if rest > low:
                value += 1
        if value > 255:
            value = 255
        if value < -255:
            value = -255
        value += zero
        if value < 0:
            value = 0
        y[to] = value if value < 255 else 255
        biases = ptr32(int(biases) + 8)
        to += 1
