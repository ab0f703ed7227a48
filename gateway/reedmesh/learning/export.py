"""A whitening as a .tflite: one layer for one state; softmax, centre, difference, layer, difference for several."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reedmesh.inference import learnt, tflite_file
from reedmesh.inference.learnt import Learnt
from reedmesh.learning.whitening import WHOLE, Layer, Whitening
from reedmesh.protocol import scaling
from reedmesh.protocol.scaling import ONE

_INT8, _INT32 = 9, 2  # TensorType
_EIGHTH = 1 / ONE
_LEAST = -128  # zero point that TFLite fixes for a softmax


def to_tflite(it: Whitening, threshold: int, said: Learnt | None = None) -> bytes:
    """The int8 .tflite of `it`, its scaling and threshold inside; the same arguments give the same bytes.

    said: what it says of itself.
    """
    graph, p = Graph(), len(it.means)
    z = graph.tensor([1, p], _EIGHTH)
    y = _states(graph, it, z) if it.states else graph.dense(it.layer, z)
    scaled, said = scaling.to_bytes(it.means, it.gains, threshold), said or Learnt()
    metadata = {scaling.METADATA: scaled, learnt.METADATA: said.pack()}
    return tflite_file.rewrite(graph.pack(z, y), metadata)


def _states(graph: "Graph", it: Whitening, z: int) -> int:
    assert it.states and it.centres
    logits = graph.dense(it.states, z)
    share = graph.tensor([1, len(it.states.weights)], 1 / WHOLE, _LEAST)
    graph.operator("SOFTMAX", [logits], [share], "SoftmaxOptions", beta=it.sharpness)
    apart = graph.difference(z, graph.dense(it.centres, share))
    return graph.difference(z, graph.dense(it.layer, apart))


@dataclass
class Graph:
    """An int8 graph that grows; tensors are known by their number, batches are of one."""

    tensors: list[Any] = field(default_factory=list)
    buffers: list[Any] = field(default_factory=list)
    operators: list[Any] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        from ai_edge_litert import schema_py_generated  # only where models are made: it costs 4 MB

        self.schema = schema_py_generated
        self.buffers.append(self.schema.BufferT())  # the first is empty, by TFLite's convention

    def tensor(self, shape: list[int], scale: Any, zero: int = 0, kind: int = _INT8, buffer: int = 0) -> int:
        """A tensor that flows or, with a `buffer`, a constant."""
        scales = np.atleast_1d(np.asarray(scale, np.float32))
        limits = self.schema.QuantizationParametersT()
        limits.scale, limits.zeroPoint = scales.tolist(), [zero] * len(scales)
        made = self.schema.TensorT()
        made.name, made.shape, made.type, made.buffer = f"t{len(self.tensors)}", shape, kind, buffer
        made.quantization = limits
        self.tensors.append(made)
        return len(self.tensors) - 1

    def constant(self, values: NDArray[Any], scale: Any) -> int:
        """int8 or int32 `values` with a scale."""
        buffer = self.schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self.buffers.append(buffer)
        kind = _INT8 if values.dtype == np.int8 else _INT32
        return self.tensor(list(values.shape), scale, 0, kind, len(self.buffers) - 1)

    def dense(self, layer: Layer, x: int, relu: bool = False) -> int:
        """The output of a dense layer of `x`."""
        weights = self.constant(layer.weights, layer.scales)
        biases = self.constant(layer.biases, np.float32(layer.entry) * layer.scales)
        y = self.tensor([1, len(layer.weights)], layer.end)
        activation = {"fusedActivationFunction": self.schema.ActivationFunctionType.RELU} if relu else {}
        self.operator("FULLY_CONNECTED", [x, weights, biases], [y], "FullyConnectedOptions", **activation)
        return y

    def joined(self, *parts: int) -> int:
        """One row after the other, all in eighths."""
        y = self.tensor([1, sum(self.tensors[part].shape[1] for part in parts)], _EIGHTH)
        self.operator("CONCATENATION", list(parts), [y], "ConcatenationOptions", axis=1)
        return y

    def difference(self, a: int, b: int) -> int:
        """a - b, in eighths."""
        y = self.tensor(list(self.tensors[a].shape), _EIGHTH)
        self.operator("SUB", [a, b], [y], "SubOptions")
        return y

    def operator(self, name: str, inputs: list[int], outputs: list[int], options: str, **settings: Any) -> None:
        """Run the operator `name`; settings: of its options."""
        if name not in self.codes:
            self.codes.append(name)
        made = self.schema.OperatorT()
        made.opcodeIndex, made.inputs, made.outputs = self.codes.index(name), inputs, outputs
        made.builtinOptionsType = getattr(self.schema.BuiltinOptions, options)
        made.builtinOptions = getattr(self.schema, options + "T")()
        for key, value in settings.items():
            setattr(made.builtinOptions, key, value)
        self.operators.append(made)

    def pack(self, first: int, last: int) -> bytes:
        """The .tflite."""
        from flatbuffers import Builder  # type: ignore[import-untyped]

        graph, model = self.schema.SubGraphT(), self.schema.ModelT()
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs, graph.outputs = [first], [last]
        model.version, model.subgraphs, model.buffers = 3, [graph], self.buffers
        model.operatorCodes = [self._code(name) for name in self.codes]
        builder = Builder(1 << 14)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def _code(self, name: str) -> Any:
        code = self.schema.OperatorCodeT()
        code.builtinCode = getattr(self.schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), 1
        return code
