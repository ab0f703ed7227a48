"""Operators of one int8 input whose output depends on nothing else: each is a table of 256 bytes, made at load.

RELU, RELU6, LEAKY_RELU, LOGISTIC, TANH, and QUANTIZE from int8 to int8.
"""

import micropython

from tflite.fixed_point import logistic, tanh
from tflite.graph import Node
from tflite.multiplier import halve, multiply
from tflite.scales import multiplier, parts, ratio, single_product, steps

_NEGATIVE = 1 << 31  # sign of a float32
_WHOLE = 4  # bits before the point of LOGISTIC's and TANH's input


class Lookup:
    """y = table[x]. It needs no scratch, and y may stand where x does."""

    scratch = 0

    def __init__(self, node: Node, rounding: str) -> None:
        self._precision = 24 if rounding == "litert" else 53
        x, y = node.input(0), node.output(0)
        if x.size != y.size:
            raise node.fault("{} elements become {}".format(x.size, y.size))
        node.reusable.append(x)
        self._ends, self._n = (x, y), x.size
        function = self.function(node, x, y)
        self._table = bytes(max(0, min(255, function(byte - 128 - x.zero_point) + 128)) for byte in range(256))

    def function(self, node: Node, x, y):
        """The int8 output, or beyond, for an input less its zero point."""
        raise NotImplementedError

    def bind(self, _: memoryview) -> None:
        """Take the places in the arena that were planned for input and output."""
        self._x, self._y = [tensor.view for tensor in self._ends]
        self._ends = None

    def invoke(self) -> None:
        """Input tensor -> output tensor; allocates nothing."""
        look_up(self._x, self._y, self._table, self._n)


class Requantise(Lookup):
    """QUANTIZE between two int8 scales."""

    def function(self, _, x, y):
        by = multiplier(*ratio(x.scale(0), y.scale(0)))
        return lambda value: y.zero_point + multiply(value, *by)


class Relu(Lookup):
    """RELU: LiteRT divides the scales in single precision, TFLite-Micro in double."""

    def function(self, _, x, y):
        by = multiplier(*ratio(x.scale(0), y.scale(0), self._precision))
        return lambda value: y.zero_point + max(0, multiply(value, *by))


class Relu6(Lookup):
    """RELU6. TFLite-Micro takes input and output to have one scale, and is wrong where they have not."""

    def function(self, node, x, y):
        if not x.like(y):
            raise node.fault("input and output must have the same scale and zero point")
        six = steps(6, x.scale(0))
        return lambda value: x.zero_point + max(0, min(six, value))


class LeakyRelu(Lookup):
    """LEAKY_RELU."""

    def function(self, node, x, y):
        alpha = node.option(0, "<I")
        slope = parts(alpha & ~_NEGATIVE)
        if slope is None and alpha & ~_NEGATIVE:
            raise node.fault("alpha is not finite")
        sign = -1 if alpha & _NEGATIVE else 1
        same = multiplier(*ratio(x.scale(0), y.scale(0), 24))
        below = multiplier(*ratio(single_product(x.scale(0), slope), y.scale(0), 24)) if slope else (0, 0)
        return lambda value: y.zero_point + (multiply(value, *same) if value >= 0 else sign * multiply(value, *below))


class Logistic(Lookup):
    """LOGISTIC; the output's zero point is -128 and its scale 1/256."""

    def function(self, node, x, y):
        if y.zero_point != -128 or y.real_scale() != 1 / 256:
            raise node.fault("the output must have scale 1/256 and zero point -128")
        curve = _curve(x, logistic, 23)
        return lambda value: min(255, curve(value, 256)) - 128


class Tanh(Lookup):
    """TANH; the output's zero point is 0 and its scale 1/128."""

    def function(self, node, x, y):
        if y.zero_point != 0 or y.real_scale() != 1 / 128:
            raise node.fault("the output must have scale 1/128 and zero point 0")
        curve = _curve(x, tanh, 24)
        return lambda value: curve(value, 128)


def _curve(x, function, shift: int):
    """`function` of a value in steps of x, shifted right; `top` or less than its negative far from zero."""
    mantissa, exponent = x.scale(0)
    power = exponent + 24 + 31 - _WHOLE  # of scale * 2**27 as a fraction of 1/2 to 1
    bits = mantissa << 7
    radius = ((1 << _WHOLE) - 1 << 31 - _WHOLE) >> max(power, 0)

    def curve(value: int, top: int) -> int:
        if abs(value) >= radius:
            return top if value > 0 else -top
        return halve(function(multiply(value, bits, power), _WHOLE), shift)

    return curve


@micropython.viper
def look_up(x: ptr8, y: ptr8, table: ptr8, n: int):
    """y = table[x] for n bytes; y may be x."""
    i = 0
    while i < n:
        y[i] = table[x[i]]
        i += 1
