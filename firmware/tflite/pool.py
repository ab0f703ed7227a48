"""AVERAGE_POOL_2D and MAX_POOL_2D: one kernel walks the windows, less what leaves the image, for sums or for maxima."""

from array import array

import micropython

from tflite.graph import Node
from tflite.windows import Windows, pair


class _Pool:
    """One pool. It needs no scratch."""

    scratch = 0
    kernel = None

    def __init__(self, node: Node, _) -> None:
        x, y = node.input(0), node.output(0)
        windows = self._windows = Windows(node, x, y, pair(node, 4, 0), pair(node, 2, 0), (1, 1))
        if not x.like(y) or x.shape[3] != y.shape[3]:
            raise node.fault("input and output must have the same scale, zero point and channels")
        self._ends, limits = (x, y), node.limits(5, y)
        self._batches, self._image, self._channels = x.shape[0], x.size // x.shape[0], x.shape[3]
        self._job = array("i", [0] * 5 + [self._channels, windows.size[1] * self._channels, limits[0], limits[1]])

    def bind(self, _: memoryview) -> None:
        """Take the places in the arena that were planned for input and output."""
        self._x, self._y = [tensor.view for tensor in self._ends]
        self._ends = None

    def invoke(self) -> None:
        """Input tensor -> output tensor; allocates nothing."""
        windows, job = self._windows, self._job
        height, width = windows.out
        job[4] = 0
        for image in range(self._batches):
            for row in range(height):
                top = self._clip(0, row)
                for column in range(width):
                    left = self._clip(1, column)
                    job[0] = image * self._image + (top * windows.size[1] + left) * self._channels
                    self.pool(self._x, self._y, job)
                    job[4] += self._channels

    def _clip(self, axis: int, i: int) -> int:
        """Where window i begins in the image along an axis; sets how many taps of it lie inside."""
        windows = self._windows
        start = i * windows.steps[axis] - windows.before[axis]
        end = min(start + windows.taps[axis], windows.size[axis])
        start = max(start, 0)
        self._job[1 + axis] = end - start
        return start

    def pool(self, x, y, job) -> None:
        """One window: job holds its first byte in x, rows, columns, -, first byte in y, channels, bytes of an image row
        and the least and the greatest output."""
        raise NotImplementedError


class AveragePool2D(_Pool):
    """AVERAGE_POOL_2D: halves away from zero."""

    def pool(self, x, y, job) -> None:
        average(x, y, job)


class MaxPool2D(_Pool):
    """MAX_POOL_2D."""

    def pool(self, x, y, job) -> None:
        maximum(x, y, job)


@micropython.viper
def average(x: ptr8, y: ptr8, job: ptr32):
    """The mean of each channel over one window. The quotient, below 256, is found bit by bit: viper cannot divide."""
    x = ptr8(int(x) + job[0])
    y = ptr8(int(y) + job[4])
    count = job[1] * job[2]
    channel = 0
    while channel < job[5]:
        total = 0
        row = 0
        while row < job[1]:
            column = 0
            while column < job[2]:
                total += x[0]
                x = ptr8(int(x) + job[5])
                column += 1
            x = ptr8(int(x) + job[6] - job[2] * job[5])
            row += 1
        x = ptr8(int(x) + 1 - job[1] * job[6])
        total -= count << 7
        rest = (total if total > 0 else 0 - total) + (count >> 1)
        value = 0
        bit = 128
        while bit:
            if rest >= count * bit:
                rest -= count * bit
                value += bit
            bit >>= 1
        value = 128 + value if total > 0 else 128 - value
        if value < job[7]:
            value = job[7]
        if value > job[8]:
            value = job[8]
        y[channel] = value
        channel += 1


@micropython.viper
def maximum(x: ptr8, y: ptr8, job: ptr32):
    """The maximum of each channel over one window."""
    x = ptr8(int(x) + job[0])
    y = ptr8(int(y) + job[4])
    channel = 0
    while channel < job[5]:
        value = job[7]
        row = 0
        while row < job[1]:
            column = 0
            while column < job[2]:
                if x[0] > value:
                    value = int(x[0])
                x = ptr8(int(x) + job[5])
                column += 1
            x = ptr8(int(x) + job[6] - job[2] * job[5])
            row += 1
        x = ptr8(int(x) + 1 - job[1] * job[6])
        if value > job[8]:
            value = job[8]
        y[channel] = value
        channel += 1
