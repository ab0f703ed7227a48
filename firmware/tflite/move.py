"""Operators that move bytes and calculate nothing, all by one kernel: four nested loops with two strides each.

TRANSPOSE, STRIDED_SLICE, CONCATENATION, PAD, and what broadcasting and MEAN put in another order.
"""

from array import array

import micropython

from tflite.graph import Node

_LOOPS = 4
_BIAS = 1 << 24  # added to strides, which may be negative, and more than any tensor is long


def loops(node, counts: list, read: list, write: list):
    """The words for `move`: how often each loop runs, outermost first, and how far each step reads and writes on.

    Loops of one step vanish, and two that are one long loop become it; refuses what is left of more than four.
    """
    merged: list = []
    for i in range(len(counts)):
        loop = counts[i], read[i], write[i]
        if loop[0] == 1:
            continue
        if merged and merged[-1][1] == loop[0] * loop[1] and merged[-1][2] == loop[0] * loop[2]:
            merged[-1] = (merged[-1][0] * loop[0], loop[1], loop[2])
        else:
            merged.append(loop)
    if len(merged) > _LOOPS:
        raise node.fault("{} dimensions are more than 4".format(len(merged)))
    merged = [(1, 0, 0)] * (_LOOPS - len(merged)) + merged
    return array("i", [loop[0] for loop in merged] + [_BIAS + loop[i] for i in (1, 2) for loop in merged])


def strides(shape: list) -> list:
    """How far apart the elements along each dimension are."""
    out, step = [], 1
    for i in range(len(shape)):
        out.append(step)
        step *= shape[-1 - i]
    return out[::-1]


class Move:
    """An input, through `move`, to an output. `plan` gives the words and the first byte to read."""

    scratch = 0

    def __init__(self, node: Node, _) -> None:
        x, y = node.input(0), node.output(0)
        self._ends = x, y
        self._words, self._first = self.plan(node, x, y)

    def plan(self, node: Node, x, y) -> tuple:
        """Refuses what is not supported."""
        raise NotImplementedError

    def bind(self, _: memoryview) -> None:
        """Take the places in the arena that were planned for input and output."""
        self._x, self._y = [tensor.view for tensor in self._ends]
        self._ends = None

    def invoke(self) -> None:
        """Input tensor -> output tensor; allocates nothing."""
        move(self._x, self._y, self._words, self._first, 0)


class Transpose(Move):
    """TRANSPOSE: dimension i of y is dimension order[i] of x."""

    def plan(self, node, x, y):
        order = node.integers(1)
        if sorted(order) != list(range(len(x.shape))) or [x.shape[i] for i in order] != y.shape:
            raise node.fault("{} in order {} is not {}".format(x.shape, order, y.shape))
        read = strides(x.shape)
        return loops(node, y.shape, [read[i] for i in order], strides(y.shape)), 0


class StridedSlice(Move):
    """STRIDED_SLICE, with the masks for begin, end and dimensions that shrink to one element and vanish."""

    def plan(self, node, x, y):
        begins, ends, steps = [node.integers(i) for i in (1, 2, 3)]
        if not len(begins) == len(ends) == len(steps) == len(x.shape) or 0 in steps:
            raise node.fault("begin {}, end {}, strides {}".format(begins, ends, steps))
        if node.option(2, "<i") or node.option(3, "<i") or node.option(5, "<b"):
            raise node.fault("masks for ellipsis and new axes, and ends as offsets, are not supported")
        masks = [node.option(i, "<i") for i in (0, 1, 4)]
        read, counts, first = strides(x.shape), [], 0
        for i in range(len(steps)):
            start, count = _slice(x.shape[i], begins[i], ends[i], steps[i], [mask >> i & 1 for mask in masks])
            if not 0 <= start < x.shape[i]:
                raise node.fault("dimension {} begins at {} of {}".format(i, start, x.shape[i]))
            counts.append(count)
            first += start * read[i]
        if [count for i, count in enumerate(counts) if not masks[2] >> i & 1] != y.shape:
            raise node.fault("{} elements become {}".format(counts, y.shape))
        read = [read[i] * steps[i] for i in range(len(steps))]
        return loops(node, counts, read, strides(counts)), first


def _slice(length: int, begin: int, end: int, step: int, masks: list) -> tuple:
    """First element and number of elements along one dimension: StartForAxis and StopForAxis of strided_slice_logic.h.

    masks: from the very begin, to the very end, one element only.
    """
    low, high = (0, length) if step > 0 else (-1, length - 1)
    if begin < 0:
        begin += length
    start = min(max(begin, low), high)
    if masks[0]:
        start = 0 if step > 0 else length - 1
    if masks[2]:
        return start, 1
    if end < 0:
        end += length
    stop = min(max(end, low), high)
    if masks[1]:
        stop = high if step > 0 else low
    return start, max(0, -((start - stop) // step))


class Pad(Move):
    """PAD with the output's zero point."""

    def plan(self, node, x, y):
        pads = node.integers(1)
        before, after = pads[::2], pads[1::2]
        shape = [before[i] + x.shape[i] + after[i] for i in range(len(x.shape))] if len(after) == len(x.shape) else []
        if shape != y.shape or min(pads) < 0:
            raise node.fault("{} padded by {} is not {}".format(x.shape, pads, y.shape))
        write = strides(y.shape)
        self._to = sum(before[i] * write[i] for i in range(len(before)))
        self._zero, self._n = y.zero_point + 128, y.size
        return loops(node, x.shape, strides(x.shape), write), 0

    def invoke(self) -> None:
        fill(self._y, self._n, self._zero)
        move(self._x, self._y, self._words, 0, self._to)


class Concatenation:
    """CONCATENATION of tensors with one scale and zero point."""

    scratch = 0

    def __init__(self, node: Node, _) -> None:
        xs, y = [node.input(i) for i in range(node.inputs())], node.output(0)
        axis, axes = node.option(0, "<i"), len(y.shape)
        if not -axes <= axis < axes:
            raise node.fault("axis {} of {}".format(axis, axes))
        axis %= axes
        if node.option(1, "<b"):
            raise node.fault("a fused activation is not supported")
        self._ends, self._to, done = (xs, y), [], 0
        for x in xs:
            if not x.like(y) or x.shape[:axis] + x.shape[axis + 1 :] != y.shape[:axis] + y.shape[axis + 1 :]:
                raise node.fault("inputs must have the output's scale, zero point and shape but along one axis")
            self._to.append(done * strides(y.shape)[axis])
            done += x.shape[axis]
        if done != y.shape[axis]:
            raise node.fault("{} elements along axis {}, expected {}".format(done, axis, y.shape[axis]))
        self._words = [loops(node, x.shape, strides(x.shape), strides(y.shape)) for x in xs]

    def bind(self, _: memoryview) -> None:
        """Take the places in the arena that were planned for inputs and output."""
        xs, y = self._ends
        self._xs, self._y = [x.view for x in xs], y.view
        self._ends = None

    def invoke(self) -> None:
        """Input tensors -> output tensor; allocates nothing."""
        for i in range(len(self._xs)):
            move(self._xs[i], self._y, self._words[i], 0, self._to[i])


@micropython.viper
def fill(y: ptr8, n: int, value: int):
    """n bytes of one value."""
    i = 0
    while i < n:
        y[i] = value
        i += 1


@micropython.viper
def move(x: ptr8, y: ptr8, loops: ptr32, first: int, to: int):
    """Bytes from x, from `first` on, to y, from `to` on, as `loops` has it: counts, steps in x, steps in y."""
    x = ptr8(int(x) + first)
    y = ptr8(int(y) + to)
    step = loops[7] - 16777216
    stride = loops[11] - 16777216
    a = loops[0]
    while a:
        b = loops[1]
        while b:
            c = loops[2]
            while c:
                d = loops[3]
                while d:
                    y[0] = x[0]
                    x = ptr8(int(x) + step)
                    y = ptr8(int(y) + stride)
                    d -= 1
                x = ptr8(int(x) + loops[6] - 16777216 - loops[3] * step)
                y = ptr8(int(y) + loops[10] - 16777216 - loops[3] * stride)
                c -= 1
            x = ptr8(int(x) + loops[5] - 16777216 - loops[2] * (loops[6] - 16777216))
            y = ptr8(int(y) + loops[9] - 16777216 - loops[2] * (loops[10] - 16777216))
            b -= 1
        x = ptr8(int(x) + loops[4] - 16777216 - loops[1] * (loops[5] - 16777216))
        y = ptr8(int(y) + loops[8] - 16777216 - loops[1] * (loops[9] - 16777216))
        a -= 1
