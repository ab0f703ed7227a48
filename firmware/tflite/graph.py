"""The graph inside a .tflite file: tensors and operators in the order in which they run, checked against each other.

Field numbers are those of TensorFlow's schema.fbs.
"""

from struct import unpack_from

from tflite.flatbuffer import ModelError, Table, Vector, read
from tflite.scales import parts

INT8 = 9  # TensorType
INT32 = 2
_BYTES = {INT8: 1, INT32: 4}
_CUSTOM = 32  # BuiltinOperator
_MAX_OPERATORS = 256
_NONE = Vector(b"", None, "<I")
_MAX_ELEMENTS = 1 << 20  # of a tensor: far above any board's heap, far below what could overflow


def content(root: Table, index: int):
    """The bytes of the file's buffer `index`, in place; None when it is empty."""
    data = root.tables(4).at(index).vector(0, "<B")
    return data.slice() if len(data) else None


class Graph:
    """The one subgraph of a file, from its root table."""

    def __init__(self, root: Table) -> None:
        graphs = root.tables(2)
        if len(graphs) != 1:
            raise ModelError("{} subgraphs, expected one".format(len(graphs)))
        self.root = root
        self._table = graphs.at(0)
        self._tensors = self._table.tables(0)
        self._known: dict = {}
        self.input, self.output = self._end(1, "inputs"), self._end(2, "outputs")
        self.ready = {self.input}

    def tensor(self, index: int) -> "Tensor":
        """Tensor `index`, the same object each time."""
        if index not in self._known:
            self._known[index] = Tensor(self.root, self._tensors.at(index), index)
        return self._known[index]

    def nodes(self, operators: dict) -> list:
        """The operators as Nodes; raises ModelError for one whose code is not in `operators`."""
        tables = self._table.tables(3)
        if not 0 < len(tables) <= _MAX_OPERATORS:
            raise ModelError("{} operators, expected 1 to {}".format(len(tables), _MAX_OPERATORS))
        return [Node(self, i, tables.at(i), operators) for i in range(len(tables))]

    def check(self) -> None:
        """Raise ModelError unless the operators, once they took their tensors, make the output."""
        if self.output not in self.ready or self.output is self.input:
            raise ModelError("no operator makes the output")

    def _end(self, field: int, what: str) -> "Tensor":
        ends = self._table.vector(field, "<i")
        if len(ends) != 1:
            raise ModelError("{} {}, expected one".format(len(ends), what))
        return self.tensor(ends.at(0)).activation()


class Node:
    """One operator: what it reads and makes. `ready` grows with each, so no tensor is read before it is made."""

    def __init__(self, graph: Graph, index: int, table: Table, operators: dict) -> None:
        self._graph = graph
        self._index = index
        self._options = table.table(4)
        self._kind = graph.root.tables(1).at(table.number(0, "<I"))
        # An older file has only field 0, a byte.
        self.code = max(self._kind.number(0, "<b"), self._kind.number(3, "<i"))
        if self.code not in operators:
            raise self.fault("not supported")
        self._inputs = table.vector(1, "<i")
        self._outputs = table.vector(2, "<i")
        self._read: list = []
        self._made: list = []

    def fault(self, reason: str) -> ModelError:
        """A ModelError that names this operator."""
        from tflite.names import name  # 2 KiB that a model in use does without

        called = self._kind.text(1) if self.code == _CUSTOM else name(self.code)
        return ModelError("operator {} ({}): {}".format(self._index, called, reason))

    def option(self, field: int, form: str) -> int:
        """A scalar of the operator's own options; 0 when absent."""
        return self._options.number(field, form) if self._options else 0

    def constant(self, i: int, kind: int):
        """Input i, which must be there from the start; None when it is left out."""
        if i >= len(self._inputs) or self._inputs.at(i) == -1:
            return None
        tensor = self._graph.tensor(self._inputs.at(i))
        if tensor.kind != kind or tensor.view is None:
            raise self.fault("input {} must be a constant of type {}".format(i, kind))
        return tensor

    def input(self, i: int) -> "Tensor":
        """Input i, an int8 tensor that the graph's input or an earlier operator has filled."""
        tensor = self._graph.tensor(self._inputs.at(i)).activation()
        if tensor not in self._graph.ready:
            raise self.fault("input {} is made by no earlier operator".format(i))
        self._read.append(tensor)
        return tensor

    def output(self, i: int) -> "Tensor":
        """Output i, an int8 tensor that nothing else fills."""
        tensor = self._graph.tensor(self._outputs.at(i)).activation()
        if tensor in self._graph.ready:
            raise self.fault("output {} is made twice".format(i))
        self._made.append(tensor)
        self._graph.ready.add(tensor)
        return tensor

    def tensors(self) -> tuple:
        """What was asked for by `input` and by `output`."""
        return self._read, self._made


class Tensor:
    """shape, kind (TensorType), size (elements), and `view`: a constant's bytes in the file, others' in the arena."""

    def __init__(self, root: Table, table: Table, index: int) -> None:
        self._index = index
        self.kind = table.number(1, "<b")
        shape = table.vector(0, "<i")
        self.shape = [shape.at(i) for i in range(min(len(shape), 9))]
        self.size = self._elements()
        self.view = self._constant(content(root, table.number(2, "<I")))
        quantization = table.table(4)
        self.scales = quantization.vector(2, "<I") if quantization else _NONE
        self.zero_points = quantization.vector(3, "<q") if quantization else _NONE
        self.axis = quantization.number(6, "<i") if quantization else 0

    def activation(self) -> "Tensor":
        """This tensor, if it is int8, has one scale and zero point, and no content; else raises ModelError."""
        if self.kind != INT8 or self.view is not None:
            raise self._fault("expected an int8 tensor that is no constant")
        if len(self.scales) != 1 or len(self.zero_points) != 1 or not -128 <= self.zero_point <= 127:
            raise self._fault("expected one scale and a zero point of int8")
        self.scale(0)
        return self

    @property
    def zero_point(self) -> int:
        return self.zero_points.at(0)

    def scale(self, i: int) -> tuple:
        """Scale i as `scales.parts`; raises ModelError unless it is above zero and finite."""
        scale = parts(self.scales.at(i))
        if scale is None:
            raise self._fault("scale {} is not above zero and finite".format(i))
        return scale

    def real_scale(self) -> float:
        """Scale 0 as a float."""
        return read(self.scales.buffer, "<f", self.scales.place(0))

    def integer(self, i: int) -> int:
        """Element i of a constant int32 tensor."""
        return unpack_from("<i", self.view, 4 * i)[0]

    def _elements(self) -> int:
        size = 1
        for length in self.shape:
            size *= length
            if length < 1 or size > _MAX_ELEMENTS or len(self.shape) > 8:
                raise self._fault("shape {} has no size or too much of it".format(self.shape))
        return size

    def _constant(self, data):
        if data is not None and len(data) != self.size * _BYTES.get(self.kind, 1):
            raise self._fault("shape {} and {} bytes of content".format(self.shape, len(data)))
        return data

    def _fault(self, reason: str) -> ModelError:
        return ModelError("tensor {}: {}".format(self._index, reason))
