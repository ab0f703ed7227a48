"""Writes int8 .tflite files of FULLY_CONNECTED layers of any shape, scale and weights: what no converter would make."""

from dataclasses import dataclass, field
from itertools import pairwise

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

NONE, RELU, RELU6 = 0, 1, 3
_INT8, _INT32 = 9, 2


@dataclass
class Dense:
    """One layer: int8 weights [outputs, inputs], one scale or one for each output, int32 bias or None."""

    weights: NDArray[np.int8]
    scales: NDArray[np.float32]
    bias: NDArray[np.int32] | None
    scale: float
    zero_point: int
    activation: int = NONE


@dataclass
class _Writer:
    tensors: list[schema.TensorT] = field(default_factory=list)
    buffers: list[schema.BufferT] = field(default_factory=lambda: [schema.BufferT()])

    def buffer(self, data: bytes) -> int:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(data, dtype=np.uint8)
        self.buffers.append(buffer)
        return len(self.buffers) - 1

    def tensor(self, shape: tuple[int, ...], kind: int, scales: object, zero: int, data: bytes = b"") -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = f"t{len(self.tensors)}", list(shape), kind
        tensor.buffer = self.buffer(data) if data else 0
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale = [float(scale) for scale in np.atleast_1d(scales)]
        tensor.quantization.zeroPoint = [zero] * len(tensor.quantization.scale)
        self.tensors.append(tensor)
        return len(self.tensors) - 1


def write(layers: list[Dense], scale: float, zero_point: int, metadata: dict[str, bytes] | None = None) -> bytes:
    """The file of `layers`, whose input has `scale` and `zero_point`."""
    writer, operators = _Writer(), []
    x = first = writer.tensor((1, layers[0].weights.shape[1]), _INT8, scale, zero_point)
    for layer in layers:
        rows = len(layer.weights)
        inputs = [x, writer.tensor(layer.weights.shape, _INT8, layer.scales, 0, layer.weights.tobytes())]
        if layer.bias is not None:
            inputs.append(
                writer.tensor(layer.bias.shape, _INT32, np.float32(scale) * layer.scales, 0, layer.bias.tobytes())
            )
        x = writer.tensor((1, rows), _INT8, layer.scale, layer.zero_point)
        operators.append(_operator(inputs + [-1] * (3 - len(inputs)), x, layer.activation))
        scale = layer.scale
    return _pack(writer, operators, first, x, metadata or {})


def _operator(inputs: list[int], output: int, activation: int) -> schema.OperatorT:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, inputs, [output]
    operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    operator.builtinOptions = schema.FullyConnectedOptionsT()
    operator.builtinOptions.fusedActivationFunction = activation
    return operator


def _pack(writer: _Writer, operators: list[schema.OperatorT], x: int, y: int, metadata: dict[str, bytes]) -> bytes:
    model, graph, code = schema.ModelT(), schema.SubGraphT(), schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = 4
    graph.tensors, graph.inputs, graph.outputs, graph.operators = writer.tensors, [x], [y], operators
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.metadata = [_metadata(name, writer.buffer(data)) for name, data in metadata.items()]
    model.buffers = writer.buffers
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _metadata(name: str, buffer: int) -> schema.MetadataT:
    entry = schema.MetadataT()
    entry.name, entry.buffer = name, buffer
    return entry


def autoencoder(rng: np.random.Generator, sizes: tuple[int, ...], metadata: dict[str, bytes] | None = None) -> bytes:
    """A model like the vibration family's: input and output in eighths, ReLU between, a scale for each row."""
    layers, scale = [], 0.125
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        last = i == len(sizes) - 2
        weights = rng.integers(-127, 128, (outputs, inputs)).astype(np.int8)
        scales = rng.uniform(0.001, 0.01, outputs).astype(np.float32)
        bias = rng.integers(-2000, 2000, outputs).astype(np.int32)
        out = 0.125 if last else float(np.float32(scale * 0.01 * 60 * inputs**0.5))
        layers.append(Dense(weights, scales, bias, out, 0 if last else -128, NONE if last else RELU))
        scale = out
    return write(layers, 0.125, 0, metadata)


def random_model(rng: np.random.Generator) -> tuple[bytes, int]:
    """A model of 1 to 3 layers, 1 to 300 wide, with anything a file may hold; and its number of inputs."""
    sizes = [int(rng.choice([1, 2, 7, 8, 15, 16, 17, 33, 69, 300, rng.integers(1, 301)])) for _ in range(4)]
    sizes = sizes[: rng.integers(2, 5)]
    scale = first = float(np.float32(rng.choice([0.125, 1, rng.uniform(0.001, 0.2)])))
    layers = []
    for inputs, outputs in pairwise(sizes):
        layers.append(_random_layer(rng, inputs, outputs, scale))
        scale = layers[-1].scale
    return write(layers, first, int(rng.integers(-128, 128))), sizes[0]


def _random_layer(rng: np.random.Generator, inputs: int, outputs: int, scale: float) -> Dense:
    extreme, round_scales = rng.integers(0, 4, 2) == 0
    weights = rng.choice([-128, 127], (outputs, inputs)) if extreme else rng.integers(-128, 128, (outputs, inputs))
    count = outputs if rng.integers(0, 2) else 1
    scales = rng.choice([1, 0.5, 0.25], count) if round_scales else rng.uniform(1e-4, 0.05, count)
    # Divisors such as 6 and 10 put sums next to a half, where double precision and exact arithmetic part.
    if round_scales:
        over = rng.choice([1.5, 3, 6, 7, 10, 48])
    else:
        over = scales.max() * inputs**0.5 * rng.choice([10, 100, 900])
    bias = rng.integers(-30000, 30000, outputs).astype(np.int32) if rng.integers(0, 4) else None
    return Dense(
        weights.astype(np.int8), scales.astype(np.float32), bias, float(np.float32(scale * over)),
        int(rng.integers(-128, 128)), int(rng.choice([NONE, RELU, RELU6])),
    )  # fmt: skip
