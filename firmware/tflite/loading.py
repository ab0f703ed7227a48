"""Reads a .tflite file in place, refuses what cannot be run to the bit, and lays out the memory it runs in.

Field numbers are those of TensorFlow's schema.fbs.
"""

import gc

from tflite.arena import plan
from tflite.flatbuffer import root
from tflite.graph import Graph
from tflite.kinds import ModelError
from tflite.operators import load

# Bytes between two collections while a model is loaded: garbage that piles up scatters what stays, and leaves no piece
# of the heap that is long enough for the arena. Collecting often doubles the time, so it is the second try.
_SPREADS = (4096, 256)


class Loading:
    """What a Model is made of: operators in the order in which they run, input and output, and its arena's size."""

    def __init__(self, buffer, rounding: str) -> None:
        self._root = root(buffer, b"TFL3")
        self.operators: "list" = []
        threshold = gc.threshold()
        try:
            self._fit(rounding)
        finally:
            gc.threshold(threshold)

    def _fit(self, rounding: str) -> None:
        """Load it where there is room; more tidily if there is none at first."""
        for spread in _SPREADS:
            gc.threshold(spread)
            try:
                steps = self._load(Graph(self._root), rounding)
                self.ram = self._place(steps)  # here, where the graph is gone: its tables are room for the arena
                return
            except MemoryError as error:
                short = str(error)
            self.operators, steps = [], []
        raise ModelError(short)

    def _load(self, graph, rounding: str) -> list:
        """Make the operators, each from its class; returns what each reads and makes."""
        self.input, self.output = graph.input, graph.output
        self.operators = [load(graph.node(i).code) for i in range(len(graph))]
        steps: "list" = []
        self._kept: "list" = []
        for i in range(len(graph)):
            node = graph.node(i)
            self.operators[i] = self.operators[i](node, rounding)
            steps.append(node.tensors())
            self._kept += node.kept
        graph.check()
        return steps

    def _place(self, steps: list) -> int:
        """Plan the arena, allocate it and hand its parts out; returns its size. Scratch stands first, word-aligned."""
        scratch = max(operator.scratch for operator in self.operators) + 3 & -4
        places, size = plan(steps, self.input, self.output)
        for tensor in self._kept:  # nothing else takes their places, ever
            size = size + 3 & -4
            places.append((tensor, size))
            size += tensor.bytes
        size += scratch
        gc.collect()
        try:
            arena = memoryview(bytearray(size))
        except MemoryError:
            raise MemoryError("the arena needs {} bytes, have {}".format(size, gc.mem_free())) from None
        for tensor, at in places:
            tensor.view = arena[scratch + at : scratch + at + tensor.bytes]
        for operator in self.operators:
            operator.bind(arena[:scratch])
        return size
