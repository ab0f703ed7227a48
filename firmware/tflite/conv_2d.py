"""CONV_2D: each window is gathered into a row of bytes and multiplied as in FULLY_CONNECTED; a single tap stays put."""

from array import array

import micropython

from tflite.dot import check_weights, factors, multiply, row_sums, starts, total, wide
from tflite.graph import Node
from tflite.kinds import INT8, INT32
from tflite.multiplier import requantise, scaled
from tflite.windows import Windows, pair


class Conv2D:
    """One layer. scratch: bytes it needs while it runs, shared with the other operators, 4-aligned."""

    def __init__(self, node: Node, _) -> None:
        x, weights, bias, y = node.input(0), node.constant(1, INT8), node.constant(2, INT32), node.output(0)
        if weights is None or len(weights.shape) != 4:
            raise node.fault("expected weights [outputs, height, width, inputs]")
        self._ends, self._weights = (x, y), weights.view
        self._rows, height, width, depth = weights.shape
        windows = Windows(node, x, y, (height, width), pair(node, 2, 0), pair(node, 5, 1))
        self._groups = _groups(node, x, y, weights)
        check_weights(node, weights, bias, self._rows)
        self._n = height * width * depth
        self._starts, large = starts(node, bias, row_sums(self._weights, self._n), 128 + x.zero_point, self._n)
        self._factors, self._stride = factors(node, x, weights, y, 0, self._rows, scaled)
        self._zero, (self._low, self._high) = y.zero_point + 128, node.limits(3, y)
        self._wide = wide(node, large, (x, weights, bias, y), (self._n, 1), (self._low, self._high))
        self._job = job(windows, x.shape[3], depth, 128 + x.zero_point)
        self._batches, self._image, self._out = x.shape[0], x.size // x.shape[0], windows.out
        self._direct = height * width == 1 and self._groups == 1 and windows.steps == (1, 1)
        self.scratch = 4 * self._rows + (0 if self._direct else self._n)

    def bind(self, scratch: memoryview) -> None:
        """Take the places in the arena that were planned for input, output and scratch."""
        self._x, self._y = [tensor.view for tensor in self._ends]
        self._ends = None
        self._sums = scratch[: 4 * self._rows]
        self._patch = scratch[4 * self._rows : 4 * self._rows + self._n]

    def invoke(self) -> None:
        """Input tensor -> output tensor; allocates nothing."""
        height, width = self._out
        to = 0
        for image in range(self._batches):
            for row in range(height):
                for column in range(width):
                    if self._direct:
                        self._pixel(self._x, to // self._rows * self._n)
                    else:
                        self._window(image * self._image, row, column)
                    if self._wide:
                        self._wide.look(self._sums)
                    requantise(
                        self._sums, self._factors, self._sums, self._y, to, self._rows, self._stride, self._zero,
                        self._low, self._high,
                    )  # fmt: skip
                    if self._wide:
                        self._wide.put(self._y, to)
                    to += self._rows

    def _pixel(self, x, at: int) -> None:
        n = self._n
        multiply(x, self._weights, at, n, self._sums, self._starts, 0, self._rows, 128 * total(x, at, n))

    def _window(self, at: int, row: int, column: int) -> None:
        each, depth, n = self._rows // self._groups, self._job[9], self._n
        for group in range(self._groups):
            gather(self._x, self._patch, self._job, at + group * depth, row, column)
            offset = 128 * total(self._patch, 0, n)
            first = group * each
            multiply(self._patch, self._weights, 0, n, self._sums, self._starts, first, first + each, offset)


def _groups(node, x, y, weights) -> int:
    rows, depth = weights.shape[0], weights.shape[3]
    groups = x.shape[3] // depth
    if x.shape[3] % depth or rows % groups or y.shape[3] != rows:
        raise node.fault("weights {} between {} and {} channels".format(weights.shape, x.shape[3], y.shape[3]))
    return groups


def job(windows, channels: int, depth: int, zero: int, repeat: int = 1):
    """The numbers for `gather`; before is kept positive. depth: channels to take of each tap."""
    return array(
        "i",
        list(windows.taps) + list(windows.steps) + list(windows.dilation) + list(windows.before)
        + [channels, depth, windows.size[0], windows.size[1], zero, repeat],
    )  # fmt: skip


@micropython.viper
def gather(x: ptr8, patch: ptr8, job: ptr32, at: int, row: int, column: int):
    """The bytes under the window of output pixel (row, column), tap after tap; `zero` where it leaves the image.

    at: byte of the image's first pixel and of the first channel to take. Each byte comes job[13] times.
    """
    y = row * job[2] - job[6]
    height = job[0]
    while height:
        left = column * job[3] - job[7]
        width = job[1]
        while width:
            n = job[9]
            if y >= 0 and y < job[10] and left >= 0 and left < job[11]:
                x = ptr8(int(x) + at + (y * job[11] + left) * job[8])
                if job[13] == 1:
                    while n > 7:
                        patch[0] = x[0]
                        patch[1] = x[1]
                        patch[2] = x[2]
                        patch[3] = x[3]
                        patch[4] = x[4]
                        patch[5] = x[5]
                        patch[6] = x[6]
                        patch[7] = x[7]
                        patch = ptr8(int(patch) + 8)
                        x = ptr8(int(x) + 8)
                        n -= 8
                while n:
                    again = job[13]
                    while again:
                        patch[0] = x[0]
                        patch = ptr8(int(patch) + 1)
                        again -= 1
                    x = ptr8(int(x) + 1)
                    n -= 1
                x = ptr8(int(x) - (at + (y * job[11] + left) * job[8] + job[9]))
            else:
                n *= job[13]
                while n:
                    patch[0] = job[12]
                    patch = ptr8(int(patch) + 1)
                    n -= 1
            left += job[5]
            width -= 1
        y += job[4]
        height -= 1
