"""Reads a .tflite file in place, refuses what it cannot run to the bit, and runs it: `Model(buffer).predict(x, y)`.

Field numbers are those of TensorFlow's schema.fbs. The names of Model's properties are those of OpenMV's `ml` module.
A new operator is a class like `FullyConnected` and a line in OPERATORS.
"""

import gc

import micropython

from tflite.arena import plan
from tflite.flatbuffer import ModelError, root
from tflite.fully_connected import FullyConnected
from tflite.graph import Graph, content

OPERATORS = {9: FullyConnected}  # by BuiltinOperator


class Model:
    """A loaded model with one int8 input and one int8 output. `buffer` must stay as it is while the model is in use.

    Raises ModelError for bytes that are no model, or one with anything that this program does not run.
    """

    def __init__(self, buffer) -> None:
        self._buffer = buffer
        self._root = root(buffer, b"TFL3")
        graph = Graph(self._root)
        self._input, self._output = graph.input, graph.output
        nodes = graph.nodes(OPERATORS)
        self._operators = [OPERATORS[node.code](node) for node in nodes]
        graph.check()
        self.ram = self._place(nodes)
        self.len = len(buffer)

    def predict(self, x, y) -> None:
        """Run the model: int8 bytes `x` -> the first bytes of the bytearray `y`; allocates nothing."""
        if len(x) != self._input.size or len(y) < self._output.size:
            raise ValueError("the model takes {} bytes and gives {}".format(self._input.size, self._output.size))
        copy(x, self._input.view, self._input.size)
        for operator in self._operators:
            operator.invoke()
        copy(self._output.view, y, self._output.size)

    @property
    def input_shape(self) -> tuple:
        return tuple(self._input.shape)

    @property
    def output_shape(self) -> tuple:
        return tuple(self._output.shape)

    @property
    def input_scale(self) -> float:
        return self._input.real_scale()

    @property
    def output_scale(self) -> float:
        return self._output.real_scale()

    @property
    def input_zero_point(self) -> int:
        return self._input.zero_point

    @property
    def output_zero_point(self) -> int:
        return self._output.zero_point

    def metadata(self, name: str):
        """The bytes of the metadata buffer of this name, in place, or None; raises ModelError."""
        entries = self._root.tables(6)
        for i in range(len(entries)):
            entry = entries.at(i)
            if entry.text(0) == name.encode():
                return content(self._root, entry.number(1, "<I"))
        return None

    def _place(self, nodes: list) -> int:
        """Plan the arena, allocate it and hand its parts out; returns its size. Scratch stands first, word-aligned."""
        scratch = max(operator.scratch for operator in self._operators)
        places, size = plan([node.tensors() for node in nodes], self._input, self._output)
        size += scratch
        gc.collect()
        try:
            arena = memoryview(bytearray(size))
        except MemoryError:
            raise ModelError("the arena needs {} bytes, {} are free".format(size, gc.mem_free())) from None
        for tensor, at in places:
            tensor.view = arena[scratch + at : scratch + at + tensor.size]
        for operator in self._operators:
            operator.bind(arena[:scratch])
        return size


@micropython.viper
def copy(source: ptr8, target: ptr8, n: int):
    """n bytes; a slice would allocate."""
    i = 0
    while i < n:
        target[i] = source[i]
        i += 1
