"""DEPTHWISE_CONV_2D: tap after tap, the products of all channels are added to as many sums that stand side by side.

A window that lies in the image is read where it stands; one that leaves it, or whose channels each feed several
outputs, is gathered first.
"""

from array import array

import micropython

from tflite.conv_2d import gather, job
from tflite.dot import check_weights, factors, starts, wide
from tflite.graph import Node
from tflite.kinds import INT8, INT32
from tflite.multiplier import requantise, scaled
from tflite.windows import Windows, pair

_HEAD = 4  # words before the offsets of the taps; `accumulate` says what they hold


class DepthwiseConv2D:
    """One layer. scratch: bytes it needs while it runs, shared with the other operators."""

    def __init__(self, node: Node, _) -> None:
        x, weights, bias, y = node.input(0), node.constant(1, INT8), node.constant(2, INT32), node.output(0)
        height, width, self._rows = _shape(node, x, weights, y)
        self._ends, self._weights = (x, y), weights.view
        windows = Windows(node, x, y, (height, width), pair(node, 2, 0), pair(node, 6, 1))
        check_weights(node, weights, bias, self._rows)
        channels, taps, repeat = x.shape[3], height * width, self._rows // x.shape[3]
        sums = [column_sum(self._weights, i, self._rows, taps) - 128 * taps for i in range(self._rows)]
        self._starts, large = starts(node, bias, sums, 128 + x.zero_point, taps)
        self._factors, self._stride = factors(node, x, weights, y, 3, self._rows, scaled)
        self._zero, (self._low, self._high) = y.zero_point + 128, node.limits(4, y)
        self._wide = wide(node, large, (x, weights, bias, y), (1, self._rows), (self._low, self._high))
        self._gather = job(windows, channels, channels, 128 + x.zero_point, repeat)
        # A window that feeds several outputs from each channel is never read where it stands.
        self._fits = windows.fits if repeat == 1 else [(0, 0), (0, 0)]
        self._sums = _sums(windows, channels, self._rows, self._starts)
        self._tail = memoryview(self._sums)[_HEAD + 2 * taps :]
        self._batches, self._image, self._out = x.shape[0], x.size // x.shape[0], windows.out
        self.scratch = taps * self._rows

    def bind(self, scratch: memoryview) -> None:
        """Take the places in the arena that were planned for input, output and scratch."""
        self._x, self._y = [tensor.view for tensor in self._ends]
        self._ends = None
        self._patch = scratch[: self.scratch]

    def invoke(self) -> None:
        """Input tensor -> output tensor; allocates nothing."""
        height, width = self._out
        to = 0
        for image in range(self._batches):
            for row in range(height):
                for column in range(width):
                    self._window(image * self._image, row, column)
                    if self._wide:
                        self._wide.look(self._tail)
                    requantise(
                        self._tail, self._factors, self._starts, self._y, to, self._rows, self._stride, self._zero,
                        self._low, self._high,
                    )  # fmt: skip
                    if self._wide:
                        self._wide.put(self._y, to)
                    to += self._rows

    def _window(self, at: int, row: int, column: int) -> None:
        sums, job = self._sums, self._gather
        rows, columns = self._fits
        if rows[0] <= row < rows[1] and columns[0] <= column < columns[1]:
            top, left = row * job[2] - job[6], column * job[3] - job[7]
            sums[2], sums[3] = at + (top * job[11] + left) * self._rows, _HEAD
            accumulate(self._x, self._weights, sums)
        else:
            gather(self._x, self._patch, self._gather, at, row, column)
            sums[2], sums[3] = 0, _HEAD + sums[1]
            accumulate(self._patch, self._weights, sums)


def _shape(node, x, weights, y) -> tuple:
    """Height, width and outputs of the weights [1, height, width, outputs]."""
    shape = weights.shape if weights else []
    if len(shape) != 4 or shape[0] != 1 or len(x.shape) != 4 or len(y.shape) != 4:
        raise node.fault("expected weights [1, height, width, outputs] and images")
    if shape[3] != y.shape[3] or shape[3] % x.shape[3]:
        raise node.fault("weights {} between {} and {} channels".format(shape, x.shape[3], y.shape[3]))
    return tuple(shape[1:])


def _sums(windows, channels: int, rows: int, starts):
    """The words for `accumulate`: head, where taps lie in the image, where they lie in a gathered patch, the sums."""
    taps = [(i, j) for i in range(windows.taps[0]) for j in range(windows.taps[1])]
    down, right = windows.dilation[0] * windows.size[1] * channels, windows.dilation[1] * channels
    image = [i * down + j * right for i, j in taps]
    patch = [rows * i for i in range(len(taps))]
    return array("i", [rows, len(taps), 0, _HEAD] + image + patch + list(starts))


@micropython.viper
def column_sum(weights: ptr8, at: int, step: int, n: int) -> int:
    """Sum of n weights `step` apart from byte `at`, each 128 more than it is."""
    out = 0
    weights = ptr8(int(weights) + at)
    while n:
        out += weights[0] ^ 128
        weights = ptr8(int(weights) + step)
        n -= 1
    return out


@micropython.viper
def accumulate(u: ptr8, w: ptr8, s: ptr32):
    """Adds u * w of each tap to the sums of all channels.

    s: channels, taps, byte of u at which the window begins, word at which the offsets of its taps from there begin;
    after two lists of offsets, the sums. Three arguments live in registers, a fourth would put one on the stack.
    """
    channels = s[0]
    taps = s[1]
    start = int(u) + s[2]
    offset = ptr32(int(s) + 4 * s[3])
    s = ptr32(int(s) + 16 + 8 * taps)
    tap = 0
    while tap < taps:
        u = ptr8(start + offset[tap])
        left = channels
        while left > 7:
            s[0] = ((w[0] ^ 128) - 128) * u[0] + s[0]
            s[1] = ((w[1] ^ 128) - 128) * u[1] + s[1]
            s[2] = ((w[2] ^ 128) - 128) * u[2] + s[2]
            s[3] = ((w[3] ^ 128) - 128) * u[3] + s[3]
            s[4] = ((w[4] ^ 128) - 128) * u[4] + s[4]
            s[5] = ((w[5] ^ 128) - 128) * u[5] + s[5]
            s[6] = ((w[6] ^ 128) - 128) * u[6] + s[6]
            s[7] = ((w[7] ^ 128) - 128) * u[7] + s[7]
            u = ptr8(int(u) + 8)
            w = ptr8(int(w) + 8)
            s = ptr32(int(s) + 32)
            left -= 8
        while left:
            s[0] = ((w[0] ^ 128) - 128) * u[0] + s[0]
            u = ptr8(int(u) + 1)
            w = ptr8(int(w) + 1)
            s = ptr32(int(s) + 4)
            left -= 1
        s = ptr32(int(s) - 4 * channels)
        tap += 1
