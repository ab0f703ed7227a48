"""Writes .tflite files tensor by tensor and operator by operator: also what no converter would make."""

from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

FLOAT32, INT32, INT16, INT8 = 0, 2, 7, 9  # TensorType
_KINDS = {"int8": INT8, "int16": INT16, "int32": INT32}
SAME, VALID = 0, 1  # Padding
NONE, RELU, RELU_N1_TO_1, RELU6, TANH = 0, 1, 2, 3, 4  # ActivationFunctionType


@dataclass
class Writer:
    """A graph that grows; tensors are known by their number."""

    tensors: list[schema.TensorT] = field(default_factory=list)
    buffers: list[schema.BufferT] = field(default_factory=lambda: [schema.BufferT()])
    operators: list[schema.OperatorT] = field(default_factory=list)
    codes: list[tuple[str, int]] = field(default_factory=list)

    def tensor(self, shape: Any, scale: Any = 1.0, zero: int = 0, kind: int = INT8, axis: int = 0) -> int:
        """A tensor that an operator or the caller fills."""
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = f"t{len(self.tensors)}", list(shape), kind, 0
        if kind in (INT8, INT16) or np.ndim(scale):
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = [float(np.float32(value)) for value in np.atleast_1d(scale)]
            tensor.quantization.zeroPoint = [zero] * len(tensor.quantization.scale)
            tensor.quantization.quantizedDimension = axis
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def constant(self, values: NDArray[Any], scale: Any = 1.0, zero: int = 0, axis: int = 0) -> int:
        """A tensor with content, int8, int16 or int32 as the array is."""
        number = self.tensor(values.shape, scale, zero, _KINDS[values.dtype.name], axis)
        self.tensors[number].buffer = self.buffer(values.tobytes())
        return number

    def variable(self, shape: Any, scale: float, zero: int = 0, kind: int = INT16) -> int:
        """A tensor that keeps what is in it from one input to the next."""
        number = self.tensor(shape, scale, zero, kind)
        self.tensors[number].isVariable = True
        return number

    def buffer(self, data: bytes) -> int:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(data, dtype=np.uint8)
        self.buffers.append(buffer)
        return len(self.buffers) - 1

    def operator(self, name: str, inputs: list[int], outputs: list[int], version: int = 1, **options: Any) -> None:
        """`name` as in BuiltinOperator, options by their names in the schema, the first being the table's: "Conv2D"."""
        operator = schema.OperatorT()
        if (name, version) not in self.codes:
            self.codes.append((name, version))
        operator.opcodeIndex = self.codes.index((name, version))
        operator.inputs, operator.outputs = inputs, outputs
        operator.intermediates = options.pop("intermediates", None)
        table = options.pop("options", None)
        if table:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, table)
            operator.builtinOptions = getattr(schema, table + "T")()
            for key, value in options.items():
                assert hasattr(operator.builtinOptions, key), key
                setattr(operator.builtinOptions, key, value)
        self.operators.append(operator)

    def pack(self, first: int, last: int, metadata: dict[str, bytes] | None = None) -> bytes:
        """The file, from tensor `first` to tensor `last`."""
        model, graph = schema.ModelT(), schema.SubGraphT()
        graph.tensors, graph.inputs, graph.outputs, graph.operators = self.tensors, [first], [last], self.operators
        model.version, model.subgraphs = 3, [graph]
        model.operatorCodes = [_code(name, version) for name, version in self.codes]
        model.metadata = [_metadata(name, self.buffer(data)) for name, data in (metadata or {}).items()]
        model.buffers = self.buffers
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def _code(name: str, version: int) -> schema.OperatorCodeT:
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, name)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = version
    return code


def _metadata(name: str, buffer: int) -> schema.MetadataT:
    entry = schema.MetadataT()
    entry.name, entry.buffer = name, buffer
    return entry
