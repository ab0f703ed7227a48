"""Rows whose bias takes their sums beyond 30 bits: calculated apart, in Python's integers. Few models have any.

Converters write such biases for channels whose weights are next to nothing. The kernels sum a row like that without its
bias; what comes out is put in its place afterwards. Where it is the same byte for every input, as it mostly is, that is
found out at load, and nothing is calculated or allocated later.
"""

from struct import unpack_from

from tflite.dot import LIMIT, scale_of
from tflite.scales import multiplier, product, quotient

_INT32 = 1 << 31  # LiteRT's sums have 32 bits


class Wide:
    """rows: numbers of those rows. layer: x, weights, bias and y. places: how far apart in the weights rows are, and
    the weights of one. limits: lowest and highest byte of the output. exact: whether sums meet the scale in double
    precision, as in LiteRT's FULLY_CONNECTED, and not TFLite's multiplier.

    Raises ModelError where a sum could leave 32 bits.
    """

    def __init__(self, node, rows: list, layer: tuple, places: tuple, limits: tuple, exact: bool) -> None:
        x, weights, bias, y = layer
        self._zero, (self._low, self._high) = y.zero_point + 128, limits
        self._exact = exact
        self._made = bytearray(len(rows))
        self._rows = []
        for i, row in enumerate(rows):
            real = product(x.scale(0), scale_of(weights, row), y.scale(0))
            scale = real if exact else multiplier(*real)
            least, most = _range(weights.view, row * places[0], places[1], weights.size // bias.size, x.zero_point)
            value = bias.integer(row)
            if value + least < -_INT32 or value + most >= _INT32:
                raise node.fault("a bias of {} takes the sum of row {} beyond 32 bits".format(value, row))
            self._made[i] = self._byte(scale, value + least)
            fixed = self._made[i] == self._byte(scale, value + most)
            self._rows.append((row, None if fixed else value, scale))

    def look(self, sums) -> None:
        """Take the sums of one output pixel, without these biases, before they are used."""
        for i in range(len(self._rows)):
            row, bias, scale = self._rows[i]
            if bias is not None:
                self._made[i] = self._byte(scale, unpack_from("<i", sums, 4 * row)[0] - LIMIT + bias)

    def put(self, y, at: int) -> None:
        """Write its outputs over what the kernel made of them."""
        for i in range(len(self._rows)):
            y[at + self._rows[i][0]] = self._made[i]

    def _byte(self, scale: tuple, value: int) -> int:
        rounded = _product(value, *scale) if self._exact else _multiplied(value, *scale)
        return min(max(rounded + self._zero, self._low), self._high)


def _range(weights, at: int, step: int, taps: int, zero_point: int) -> tuple:
    """The least and the greatest sum of a row without its bias."""
    least = most = 0
    for _ in range(taps):
        weight = (weights[at] ^ 128) - 128
        ends = weight * (-128 - zero_point), weight * (127 - zero_point)
        least, most, at = least + min(ends), most + max(ends), at + step
    return least, most


def _product(value: int, mantissa: int, exponent: int) -> int:
    """round(double(value) * mantissa * 2**exponent), halves away from zero."""
    if not value or not mantissa:
        return 0
    mantissa, more = quotient(abs(value) * mantissa << 2, 1, 53)
    exponent += more - 2
    size = mantissa << exponent if exponent >= 0 else mantissa + (1 << -exponent - 1) >> -exponent
    return size if value > 0 else -size


def _multiplied(value: int, bits: int, power: int) -> int:
    """MultiplyByQuantizedMultiplier()."""
    from tflite.multiplier import multiply

    return multiply(value, bits, power) if power >= -30 else 0
