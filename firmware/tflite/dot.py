"""Sums of products of bytes, which FULLY_CONNECTED and CONV_2D share: int8 weights, a scale for all or for each row.

Inputs are kept as u = x + 128, and weights become unsigned the same way as they are read, because viper loads no signed
bytes; what that adds is taken off once per row. With the weights w of a row:
sum((x - zero) * w) + bias = sum(u * (w + 128)) - 128 * sum(u) - (128 + zero) * sum(w) + bias,
whose last two terms are known at load. Weights are read where they stand in the model.
"""

from array import array

import micropython

LIMIT = 1 << 29  # sums must be smaller, and are kept as sum + 2**29: never negative
_LARGEST = 255 * 128  # of one product
DEAD = (0, -300)  # mantissa and exponent of the scale 0: so small that nothing comes of any sum


def check_weights(node, weights, bias, rows: int) -> None:
    """Refuse weights with a zero point, and scales or biases that are not one for each of `rows`."""
    if bias and bias.size != rows:
        raise node.fault("{} biases for {} outputs".format(bias.size, rows))
    if any(weights.zero_points.at(i) for i in range(len(weights.zero_points))):
        raise node.fault("the zero point of int8 weights must be 0")


def starts(node, bias, sums, zero: int, taps: int) -> tuple:
    """LIMIT + bias - zero * sum of weights, of each row; and the rows whose bias is left out, as it is large.

    sums: of each row's weights. zero: of the input's bytes, 0 to 255. taps: weights in a row, not too many of them.
    """
    room = LIMIT - taps * _LARGEST
    if room <= 0:
        raise node.fault("{} inputs could overflow a sum".format(taps))
    out, large = array("i", bytes(4 * len(sums))), []
    for row in range(len(sums)):
        value = bias.integer(row) if bias else 0
        if abs(value) >= room:
            large.append(row)
            value = 0
        out[row] = LIMIT + value - zero * sums[row]
    return out, large


def wide(node, rows: list, layer: tuple, places: tuple, limits: tuple, exact: bool = False):
    """What sees to rows with too large a bias, see `wide.py`; None where there are none."""
    if not rows:
        return None
    from tflite.wide import Wide

    return Wide(node, rows, layer, places, limits, exact)


def row_sums(weights, n: int) -> list:
    """Sum of each row of n weights."""
    return [row_sum(weights, at, n) - 128 * n for at in range(0, len(weights), n)]


def factors(node, x, weights, y, axis: int, rows: int, make) -> tuple:
    """The rows' factors for a `requantise` and the stride between them; `make` turns three scales into one's words."""
    count = len(weights.scales)
    if count != 1 and (count != rows or weights.axis != axis):
        raise node.fault("{} weight scales along axis {} for {} outputs".format(count, weights.axis, rows))
    each = [make(x.scale(0), scale_of(weights, i), y.scale(0)) for i in range(count)]
    size = len(each[0])
    out = array("H", bytes(2 * size * count))
    for i in range(count):
        out[size * i : size * (i + 1)] = each[i]
    return out, size if count > 1 else 0


def scale_of(weights, i: int) -> tuple:
    """Scale i, or the only one. Converters write 0 for a channel of zero weights, whose outputs are the zero point."""
    i = i if len(weights.scales) > 1 else 0
    return weights.scale(i) if weights.scales.at(i) & 0x7FFFFFFF else DEAD


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
def total(u: ptr8, at: int, n: int) -> int:
    """Sum of n bytes from byte `at`."""
    out = 0
    u = ptr8(int(u) + at)
    while n > 7:
        out = u[0] + u[1] + u[2] + u[3] + u[4] + u[5] + u[6] + u[7] + out
        u = ptr8(int(u) + 8)
        n -= 8
    while n:
        out += u[0]
        u = ptr8(int(u) + 1)
        n -= 1
    return out


@micropython.viper
def multiply(u: ptr8, w: ptr8, at: int, n: int, sums: ptr32, starts: ptr32, first: int, end: int, offset: int):
    """sums[row] = starts[row] - offset + sum(u * (w + 128)) for rows first to end, u being the n bytes from `at`.

    u and w, as the first two arguments, live in registers and everything else on the stack: hence the long expressions
    and constant subscripts, and the weight before the input, which saves a move: 12 instructions a product on Xtensa.
    """
    u = ptr8(int(u) + at)
    w = ptr8(int(w) + first * n)
    while first < end:
        total = starts[first] - offset
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
        sums[first] = total
        u = ptr8(int(u) - n)
        first += 1
