"""Reads a .tflite file in place, refuses what it cannot run to the bit, and runs it: `Model(buffer).predict(x, y)`.

Field numbers are those of TensorFlow's schema.fbs. The names of Model's properties are those of OpenMV's `ml` module.
"""

import gc

import micropython

from tflite.arena import plan
from tflite.flatbuffer import ModelError, root
from tflite.graph import INT8, Graph, content
from tflite.operators import load

# Bytes between two collections while a model is loaded: garbage that piles up scatters what stays, and leaves no piece
# of the heap that is long enough for the arena. Collecting often doubles the time, so it is the second try.
_SPREADS = (4096, 256)


class Model:
    """A loaded model with one input and one output, int8 or float32. `buffer` must stay as it is while it is in use.

    rounding: whom to follow where they differ, "litert" (its reference kernels, as gateways score) or "micro"
    (TFLite-Micro); docs/decisions/0003.
    Raises ModelError for bytes that are no model, or one with anything that this program does not run.
    """

    def __init__(self, buffer, rounding: str = "litert") -> None:
        if rounding not in ("litert", "micro"):
            raise ValueError('rounding is "litert" or "micro", not ' + repr(rounding))
        self._buffer, self.len = buffer, len(buffer)
        self._root = root(buffer, b"TFL3")
        self._operators: "list" = []
        threshold = gc.threshold()
        try:
            self._fit(rounding)
        finally:
            gc.threshold(threshold)

    def predict(self, x, y) -> None:
        """Run the model: the bytes of `x`, int8 or float32 -> the first bytes of bytearray `y`; allocates nothing."""
        into, out = self._input, self._output
        if len(x) != into.bytes or len(y) < out.bytes:
            raise ValueError("the model takes {} bytes and gives {}".format(into.bytes, out.bytes))
        copy(x, into.view, into.bytes, 128 if into.kind == INT8 else 0)
        for operator in self._operators:
            operator.invoke()
        copy(out.view, y, out.bytes, 128 if out.kind == INT8 else 0)

    @property
    def input_shape(self) -> tuple:
        return tuple(self._input.shape)

    @property
    def output_shape(self) -> tuple:
        return tuple(self._output.shape)

    @property
    def input_dtype(self) -> str:
        """ "b" for int8, "f" for float32, as `array` and `struct` have it."""
        return "b" if self._input.kind == INT8 else "f"

    @property
    def output_dtype(self) -> str:
        return "b" if self._output.kind == INT8 else "f"

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
            self._operators, steps = [], []
        raise ModelError(short)

    def _load(self, graph, rounding: str) -> list:
        """Make the operators, each from its class; returns what each reads and makes."""
        self._input, self._output = graph.input, graph.output
        self._operators = [load(graph.node(i).code) for i in range(len(graph))]
        steps = []
        for i in range(len(graph)):
            node = graph.node(i)
            self._operators[i] = self._operators[i](node, rounding)
            steps.append(node.tensors())
        graph.check()
        return steps

    def _place(self, steps: list) -> int:
        """Plan the arena, allocate it and hand its parts out; returns its size. Scratch stands first, word-aligned."""
        scratch = max(operator.scratch for operator in self._operators) + 3 & -4
        places, size = plan(steps, self._input, self._output)
        size += scratch
        gc.collect()
        try:
            arena = memoryview(bytearray(size))
        except MemoryError:
            raise MemoryError("the arena needs {} bytes, have {}".format(size, gc.mem_free())) from None
        for tensor, at in places:
            tensor.view = arena[scratch + at : scratch + at + tensor.bytes]
        for operator in self._operators:
            operator.bind(arena[:scratch])
        return size


@micropython.viper
def copy(source: ptr8, target: ptr8, n: int, flip: int):
    """n bytes, their top bit inverted where flip is 128: int8 is kept as 128 more. A slice would allocate."""
    i = 0
    while i < n:
        target[i] = source[i] ^ flip
        i += 1
