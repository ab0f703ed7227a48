"""The graph inside a .tflite file: tensors and operators in the order in which they run, checked against each other.

Field numbers are those of TensorFlow's schema.fbs.
"""

from struct import unpack_from

from tflite.flatbuffer import Table, Vector, read
from tflite.kinds import FLOAT32, INT8, INT16, INT32, ModelError
from tflite.metadata import content
from tflite.operators import find
from tflite.scales import parts, steps

_BYTES = {INT8: 1, INT16: 2, INT32: 4, FLOAT32: 4}
_CUSTOM = 32  # BuiltinOperator
_RELU, _RELU_N1_TO_1, _RELU6 = 1, 2, 3  # ActivationFunctionType
_MAX_OPERATORS = 256
_NONE = Vector(b"", None, "<I")
_MAX_ELEMENTS = 1 << 20  # of a tensor: far above any board's heap, far below what could overflow


class Graph:
    """The one subgraph of a file, from its root table."""

    def __init__(self, root: Table) -> None:
        graphs = root.tables(2)
        if len(graphs) != 1:
            raise ModelError("{} subgraphs, expected one".format(len(graphs)))
        self.root = root
        self._table = graphs.at(0)
        self._tensors = self._table.tables(0)
        self._nodes = self._table.tables(3)
        if not 0 < len(self._nodes) <= _MAX_OPERATORS:
            raise ModelError("{} operators, expected 1 to {}".format(len(self._nodes), _MAX_OPERATORS))
        self._known: dict = {}
        self.input, self.output = self._end(1, "inputs"), self._end(2, "outputs")
        self.ready = {self.input}

    def tensor(self, index: int) -> "Tensor":
        """Tensor `index`; the same object each time, unless it is a constant: those would fill a small heap."""
        if index in self._known:
            return self._known[index]
        tensor = Tensor(self.root, self._tensors.at(index), index)
        if tensor.view is None:
            self._known[index] = tensor
        return tensor

    def table(self, index: int) -> Table:
        """What the file says of tensor `index`."""
        return self._tensors.at(index)

    def __len__(self) -> int:
        """How many operators there are."""
        return len(self._nodes)

    def node(self, i: int) -> "Node":
        """Operator i; raises ModelError for one whose code or version is not supported."""
        return Node(self, i, self._nodes.at(i))

    def check(self) -> None:
        """Raise ModelError unless the operators, once they took their tensors, make the output."""
        if self.output not in self.ready or self.output is self.input:
            raise ModelError("no operator makes the output")

    def _end(self, field: int, what: str) -> "Tensor":
        ends = self._table.vector(field, "<i")
        if len(ends) != 1:
            raise ModelError("{} {}, expected one".format(len(ends), what))
        tensor = self.tensor(ends.at(0))
        return tensor.activation(FLOAT32 if tensor.kind == FLOAT32 else INT8)


class Node:
    """One operator: what it reads and makes. `ready` grows with each, so no tensor is read before it is made."""

    def __init__(self, graph: Graph, index: int, table: Table) -> None:
        self._graph = graph
        self._index = index
        self._options = table.table(4)
        self._code = graph.root.tables(1).at(table.number(0, "<I"))
        # An older file has only field 0, a byte.
        self.code = max(self._code.number(0, "<b"), self._code.number(3, "<i"))
        self._check_code()
        self._inputs = table.vector(1, "<i")
        self._outputs = table.vector(2, "<i")
        self._read: list = []
        self._made: list = []
        self.reusable: list = []  # inputs whose place an output may take
        self.kept: list = []  # inputs that keep what is in them
        self._table = table

    def _check_code(self) -> None:
        known = find(self.code)
        if known is None:
            raise self.fault("not supported")
        version, newest = self._code.number(2, "<i", 1), int(known[2])
        if not 1 <= version <= newest:
            raise self.fault("version {} is not supported, 1 to {} are".format(version, newest))

    def fault(self, reason: str) -> ModelError:
        """A ModelError that names this operator."""
        from tflite.names import name  # 2 KiB that a model in use does without

        called = self._code.text(1) if self.code == _CUSTOM else name(self.code)
        return ModelError("operator {} ({}): {}".format(self._index, called, reason))

    def option(self, field: int, form: str, default: int = 0) -> int:
        """A scalar of the operator's own options; the default when absent."""
        return self._options.number(field, form, default) if self._options else default

    def inputs(self) -> int:
        """How many inputs there are."""
        return len(self._inputs)

    def kind(self, i: int) -> int:
        """The TensorType of input i."""
        return self._graph.tensor(self._inputs.at(i)).kind

    def made_kind(self) -> int:
        """The TensorType of output 0."""
        return self._graph.tensor(self._outputs.at(0)).kind

    def constant(self, i: int, kind: int):
        """Input i, which must be there from the start; None when it is left out."""
        if i >= len(self._inputs) or self._inputs.at(i) == -1:
            return None
        tensor = self._graph.tensor(self._inputs.at(i))
        if tensor.kind != kind or tensor.view is None:
            raise self.fault("input {} must be a constant of type {}".format(i, kind))
        return tensor

    def integers(self, i: int) -> list:
        """The numbers of constant int32 input i; refuses a missing one and long ones."""
        tensor = self.constant(i, INT32)
        if tensor is None or tensor.size > 16:
            raise self.fault("input {} must be up to 16 constant int32".format(i))
        return [tensor.integer(j) for j in range(tensor.size)]

    def input(self, i: int, kind: int = INT8) -> "Tensor":
        """Input i, a tensor that the graph's input or an earlier operator has filled."""
        tensor = self._graph.tensor(self._inputs.at(i)).activation(kind)
        if tensor not in self._graph.ready:
            raise self.fault("input {} is made by no earlier operator".format(i))
        self._read.append(tensor)
        return tensor

    def operand(self, i: int) -> "Tensor":
        """Input i as `input`, or an int8 constant."""
        tensor = self._graph.tensor(self._inputs.at(i))
        return tensor.quantised() if tensor.kind == INT8 and tensor.view is not None else self.input(i)

    def has(self, i: int) -> bool:
        """Whether input i is there, which may be optional."""
        return i < len(self._inputs) and self._inputs.at(i) != -1

    def state(self, i: int, kind: int) -> "Tensor":
        """Input i, a variable of this operator alone: what it keeps from one input of the model to the next."""
        tensor = self._graph.tensor(self._inputs.at(i)).quantised()
        if not tensor.variable or tensor.kind != kind or tensor.view is not None or tensor in self._graph.ready:
            raise self.fault("input {} must be a variable of its own, of type {}".format(i, kind))
        self._graph.ready.add(tensor)
        self.kept.append(tensor)
        return tensor

    def intermediate(self, i: int) -> tuple:
        """Scale, as `scales.parts`, and zero point of an intermediate, which has nothing else."""
        quantization = self._graph.table(self._table.vector(8, "<i").at(i)).table(4)
        scale = quantization and parts(quantization.vector(2, "<I").at(0))
        zero = quantization.vector(3, "<q").at(0) if scale else 128
        if not -128 <= zero <= 127:
            raise self.fault("intermediate {} needs a scale and a zero point of int8".format(i))
        return scale, zero

    def output(self, i: int, kind: int = INT8) -> "Tensor":
        """Output i, a tensor that nothing else fills."""
        tensor = self._graph.tensor(self._outputs.at(i)).activation(kind)
        if tensor in self._graph.ready:
            raise self.fault("output {} is made twice".format(i))
        self._made.append(tensor)
        self._graph.ready.add(tensor)
        return tensor

    def limits(self, field: int, y: "Tensor") -> tuple:
        """The least and the greatest byte of output y under the fused activation that option `field` names."""
        kind, zero = self.option(field, "<b"), y.zero_point + 128
        if kind == 0:
            return 0, 255
        if kind == _RELU:
            return zero, 255
        if kind == _RELU6:
            return zero, min(255, zero + steps(6, y.scale(0)))
        if kind == _RELU_N1_TO_1:
            one = steps(1, y.scale(0))
            return max(0, zero - one), min(255, zero + one)
        raise self.fault("fused activation {} is not supported".format(kind))

    def tensors(self) -> tuple:
        """What was asked for by `input` and by `output`, and the reusable inputs."""
        return self._read, self._made, self.reusable


class Tensor:
    """shape, kind (TensorType), size (elements), bytes, and `view`: a constant's in the file, others' in the arena.

    An int8 activation is kept as an unsigned byte, 128 more than it is, since viper loads no signed ones.
    """

    def __init__(self, root: Table, table: Table, index: int) -> None:
        self._index = index
        self.kind = table.number(1, "<b")
        shape = table.vector(0, "<i")
        self.shape = [shape.at(i) for i in range(min(len(shape), 9))]
        self._table = table
        self.size = self._elements()
        self.bytes = self.size * _BYTES.get(self.kind, 1)
        self.variable = bool(table.number(5, "<b"))
        self.view = self._constant(content(root, table.number(2, "<I")))

    def activation(self, kind: int = INT8) -> "Tensor":
        """This tensor, if it is of `kind` and has no content, and if int8 one scale; else raises ModelError."""
        if self.variable:
            raise self._fault("a variable: only SVDF and LSTM keep anything from one input to the next")
        if self.kind != kind or self.view is not None:
            what = "an int8" if kind == INT8 else "a float32"
            raise self._fault("expected {} tensor that is no constant".format(what))
        return self.quantised() if kind == INT8 else self

    def quantised(self) -> "Tensor":
        """This tensor, if it has one scale and zero point; else raises ModelError."""
        if len(self.scales) != 1 or len(self.zero_points) != 1 or not -128 <= self.zero_point <= 127:
            raise self._fault("expected one scale and a zero point of int8")
        self.scale(0)
        return self

    def like(self, other: "Tensor") -> bool:
        """Whether both have the same scale and zero point."""
        return self.scale(0) == other.scale(0) and self.zero_point == other.zero_point

    @property
    def scales(self) -> Vector:
        """The bits of float32 numbers."""
        quantization = self._table.table(4)
        return quantization.vector(2, "<I") if quantization else _NONE

    @property
    def zero_points(self) -> Vector:
        quantization = self._table.table(4)
        return quantization.vector(3, "<q") if quantization else _NONE

    @property
    def axis(self) -> int:
        """The dimension along which scales differ."""
        quantization = self._table.table(4)
        return quantization.number(6, "<i") if quantization else 0

    @property
    def zero_point(self) -> int:
        """The zero point; 0 where there is none."""
        return self.zero_points.at(0) if len(self.zero_points) else 0

    def scale(self, i: int) -> tuple:
        """Scale i as `scales.parts`; raises ModelError unless it is above zero and finite."""
        scale = parts(self.scales.at(i))
        if scale is None:
            raise self._fault("scale {} is not above zero and finite".format(i))
        return scale

    def dtype(self) -> str:
        """ "b" for int8, "f" for float32."""
        return "b" if self.kind == INT8 else "f"

    def real_scale(self) -> float:
        """Scale 0 as a float; 0 where there is none."""
        return read(self.scales.buffer, "<f", self.scales.place(0)) if len(self.scales) else 0.0

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
