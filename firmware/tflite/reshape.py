"""RESHAPE, SQUEEZE and EXPAND_DIMS: the same bytes under another shape, copied only if they are needed later."""

from tflite.graph import Node
from tflite.model import copy


class Reshape:
    """One change of shape. It needs no scratch."""

    scratch = 0

    def __init__(self, node: Node, _) -> None:
        x, y = node.input(0), node.output(0)
        if x.size != y.size:
            raise node.fault("{} elements become {}".format(x.shape, y.shape))
        node.reusable.append(x)
        self._ends, self._n = (x, y), x.size

    def bind(self, _: memoryview) -> None:
        """Take the places in the arena that were planned for input and output."""
        self._x, self._y = [tensor.view for tensor in self._ends]
        self._ends = None

    def invoke(self) -> None:
        """Input tensor -> output tensor; allocates nothing. Onto itself, the copy changes nothing."""
        copy(self._x, self._y, self._n, 0)
