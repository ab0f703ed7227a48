"""Whether a .tflite runs on a sensor's board, in how much memory and about how fast, before anybody flashes it.

The sensor's engine is `firmware/tflite/`; what it supports and how it plans its arena is said here again, because it
runs on boards and this on gateways. A test compares the two on every kind of operator.
"""

import struct
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from reedmesh.errors import ConfigError
from reedmesh.inference.boards import Board

# The newest version of each operator: as in firmware/tflite/operators.py.
SUPPORTED = {
    "ADD": 5, "AVERAGE_POOL_2D": 3, "CAST": 9, "CONCATENATION": 7, "CONV_2D": 8, "DEPTHWISE_CONV_2D": 6,
    "DEQUANTIZE": 9, "EXPAND_DIMS": 1, "FULLY_CONNECTED": 14, "LEAKY_RELU": 2, "LOGISTIC": 3, "MAXIMUM": 4,
    "MAX_POOL_2D": 3, "MEAN": 3, "MINIMUM": 4, "MUL": 7, "PAD": 6, "QUANTIZE": 6, "RELU": 3, "RELU6": 3, "RESHAPE": 1,
    "SOFTMAX": 3, "SQUEEZE": 1, "STRIDED_SLICE": 4, "SUB": 5, "SVDF": 4, "TANH": 3, "TRANSPOSE": 8,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": 4,
}  # fmt: skip
_BYTES = {"INT8": 1, "INT16": 2, "INT32": 4, "FLOAT32": 4}
_SHAPELESS = {"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "RELU", "RELU6", "LEAKY_RELU", "LOGISTIC", "TANH", "SOFTMAX"}
_BINARY = {"ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM"}
SUM_LIMIT, PRODUCT = 1 << 29, 255 * 128  # of the engine's sums, and the largest product
INT32 = 1 << 31
SVDF, LSTM = "SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM"
_KEPT = {SVDF: (4,), LSTM: (18, 19)}  # inputs that are kept from one input of the model to the next
_CHUNK = 4 * 64  # bytes of sums that _BINARY makes at a time

FIRMWARE_KIB = 84  # 32 bits, `make bench-memory`: 102 to start, less 12 for the model and 6 for arena and tables
UPDATING_KIB = 20  # beside those, for what receives an update and goes again


@dataclass(frozen=True)
class Tensor:
    """A tensor's number, type, shape and whether it has content in the file."""

    number: int
    kind: str
    shape: tuple[int, ...]
    constant: bool
    content: bytes = field(default=b"", compare=False, repr=False)
    zero_point: int = field(default=0, compare=False)
    variable: bool = field(default=False, compare=False)

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """The bytes that it takes in the arena."""
        return self.size * _BYTES.get(self.kind, 1)


@dataclass(frozen=True)
class Operator:
    """An operator with the tensors it reads, those it makes, and why the engine refuses it ("" if it does not)."""

    name: str
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    strides: tuple[int, int]
    refused: str

    @property
    def reads(self) -> list[Tensor]:
        """The inputs that others make."""
        return [tensor for tensor in self.inputs if tensor and not tensor.constant and not tensor.variable]

    @property
    def kept(self) -> list[Tensor]:
        """The inputs that it keeps from one input of the model to the next."""
        return [tensor for tensor in self.inputs if tensor and tensor.variable]

    @property
    def macs(self) -> int:
        """The number of products of weights and inputs; 0 for operators without weights."""
        weights, y = (self.inputs[1:2] or (None,))[0], self.outputs[0]
        if self.name == "DEPTHWISE_CONV_2D" and weights:
            return y.size * prod(weights.shape[1:3])
        if self.name == SVDF and weights and self.inputs[2]:
            return self.inputs[0].shape[0] * (weights.size + self.inputs[2].size) if self.inputs[0] else 0
        if self.name == LSTM and self.inputs[0]:
            vectors = prod(self.inputs[0].shape[:2])
            return vectors * sum(tensor.size for tensor in self.inputs[1:9] if tensor)
        if self.name in ("CONV_2D", "FULLY_CONNECTED") and weights:
            return y.size * prod(weights.shape[1:])
        return 0


@dataclass(frozen=True)
class Report:
    """The needs of a model: operators in order, bytes of its file and of the arena."""

    operators: tuple[Operator, ...]
    file: int
    arena: int

    def refused(self) -> list[str]:
        """Why the engine does not run it, a line for each reason."""
        faults = [(i, o) for i, o in enumerate(self.operators) if o.refused]
        return [f"operator {i} ({o.name}): {o.refused}" for i, o in faults]

    def milliseconds(self, board: Board) -> float:
        """Estimated milliseconds on a board: instructions of products and outputs, times cycles; nothing else is
        counted.
        """
        engine, total = board.engine, 0.0
        for operator in self.operators:
            each = engine.depthwise if operator.name == "DEPTHWISE_CONV_2D" else engine.dense
            total += operator.macs * each + (operator.outputs[0].size * engine.output if operator.macs else 0)
        return total * engine.cycles / board.mhz / 1000

    def lines(self, board: Board) -> list[str]:
        """The report for a board as lines of text for people."""
        macs, need = sum(operator.macs for operator in self.operators), self.need()
        names = [operator.name for operator in self.operators]
        counts = ", ".join(f"{names.count(name)} {name}" for name in dict.fromkeys(names))
        fits, updated = self.fits(board), need + (UPDATING_KIB << 10) <= board.heap_kib << 10
        return [
            f"operators  {counts}",
            *(f"refused    {line}" for line in self.refused()),
            f"memory     {self.file} bytes of model + {self.arena} of arena + {FIRMWARE_KIB} KiB of firmware = "
            f"{need / 1024:.1f} KiB; {board.heap_kib} KiB free on {board.name}: {'fits' if fits else 'DOES NOT FIT'}",
            f"updates    {UPDATING_KIB} KiB more while one comes: "
            + ("there is room" if updated else "the board restarts without its transducer and model to take it"),
            f"work       {macs / 1e6:.3f} million products",
            f"time       about {self.milliseconds(board):.1f} ms on {board.chip} at {board.mhz} MHz: instructions "
            f"counted in the compiled loops, {board.engine.cycles} cycles each, which is an estimate (+-40 %)",
        ]

    def runs(self, board: Board) -> bool:
        """Whether the engine has every operator, and all of it fits into the board's heap."""
        return not self.refused() and self.fits(board)

    def need(self) -> int:
        """Bytes of the heap that model, arena and firmware take together; the layers' own tables come to little."""
        return self.file + self.arena + (FIRMWARE_KIB << 10)

    def fits(self, board: Board) -> bool:
        """Whether the board's heap has as many bytes as that takes."""
        return self.need() <= board.heap_kib << 10


def check(model: bytes, name: str = "the model") -> Report:
    """The report on a .tflite, given in bytes; raises ConfigError if it is none, or has no graph or several."""
    from ai_edge_litert import schema_py_generated as schema  # costs 4 MB

    if model[4:8] != b"TFL3":
        raise ConfigError(f"{name} is not a .tflite file")
    try:
        tree = schema.ModelT.InitFromPackedBuf(model)
        if len(tree.subgraphs) != 1:
            raise ConfigError(f"{name} has {len(tree.subgraphs)} subgraphs: a model of one alone runs")
        (graph,) = tree.subgraphs
        tensors = [_tensor(schema, tree, graph, i) for i in range(len(graph.tensors))]
        codes = [(_name(schema, code), code.version) for code in tree.operatorCodes]
        operators = tuple(_operator(operator, codes, tensors) for operator in graph.operators)
        (first,), (last,) = graph.inputs, graph.outputs
        return Report(operators, len(model), _arena(operators, tensors[first], tensors[last]))
    except (struct.error, IndexError, TypeError, ValueError, AttributeError, KeyError, UnicodeDecodeError) as e:
        raise ConfigError(f"{name} is damaged, or has not one graph of one input and one output: {e}") from e


def _name(schema: Any, code: Any) -> str:
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    names: dict[int, str] = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
    return names.get(number, str(number))


def _tensor(schema: Any, tree: Any, graph: Any, number: int) -> Tensor:
    tensor = graph.tensors[number]
    kinds = {value: key for key, value in vars(schema.TensorType).items() if isinstance(value, int)}
    shape = tuple(int(n) for n in (tensor.shape if tensor.shape is not None else ()))
    data = tree.buffers[tensor.buffer].data
    content = b"" if data is None else bytes(data)
    points = tensor.quantization.zeroPoint if tensor.quantization else None
    zero = 0 if points is None or len(points) == 0 else int(points[0])
    return Tensor(number, kinds[tensor.type], shape, bool(content), content, zero, bool(tensor.isVariable))


def _operator(operator: Any, codes: list[tuple[str, int]], tensors: list[Tensor]) -> Operator:
    name, version = codes[operator.opcodeIndex]
    inputs = tuple(tensors[i] if i >= 0 else None for i in operator.inputs)
    outputs = tuple(tensors[i] for i in operator.outputs)
    options = operator.builtinOptions
    strides = getattr(options, "strideH", 1), getattr(options, "strideW", 1)
    return Operator(name, inputs, outputs, strides, _refused(name, version, inputs, outputs))


def _refused(name: str, version: int, inputs: tuple[Tensor | None, ...], outputs: tuple[Tensor, ...]) -> str:
    if name not in SUPPORTED:
        return "not supported"
    if version > SUPPORTED[name]:
        return f"version {version} is not supported, 1 to {SUPPORTED[name]} are"
    kept = next((t for i, t in enumerate(inputs) if t and t.variable and i not in _KEPT.get(name, ())), None)
    if kept:
        return f"tensor {kept.number} is a variable: only SVDF and LSTM keep anything from one input to the next"
    empty = next((t for t in (*inputs, *outputs) if t and (len(t.shape) > 8 or min(t.shape, default=1) < 1)), None)
    if empty:
        return f"tensor {empty.number}: shape {list(empty.shape)} has no size: give each dimension, also the batch's"
    moved = [tensor for tensor in (*inputs[:1], *outputs) if tensor]
    allowed = ("INT8", "FLOAT32") if name in ("QUANTIZE", "DEQUANTIZE", "CAST") else ("INT8",)
    wrong = next((tensor.kind for tensor in moved if tensor.kind not in allowed), None)
    if wrong:
        return f"{wrong} is not supported, int8 is: quantise the model in full"
    if name == "FULLY_CONNECTED" and (fault := _unfit(inputs, outputs[0])):
        return fault
    if name in _KEPT and (fault := _unfit_to_keep(name, inputs)):
        return fault
    return _overflows(name, inputs)


def _unfit_to_keep(name: str, inputs: tuple[Tensor | None, ...]) -> str:
    """Why what keeps something does not run, as firmware/recurrent/svdf.py and lstm.py refuse it."""
    kinds = {SVDF: {1: "INT8", 2: "INT16", 4: "INT16"}, LSTM: {1: "INT8", 5: "INT8", 18: "INT8", 19: "INT16"}}[name]
    if name == LSTM and (any(inputs[i] for i in (9, 10, 11, 16, 17, *range(20, len(inputs)))) or not inputs[1]):
        return "peepholes, projection, layer normalisation and coupled gates are not supported"
    for i, kind in kinds.items():
        tensor = inputs[i]
        if not tensor or tensor.kind != kind or tensor.variable != (i in _KEPT[name]):
            return f"input {i} must be {'a variable' if i in _KEPT[name] else 'a constant'} of type {kind.lower()}"
    return ""


def _unfit(inputs: tuple[Tensor | None, ...], y: Tensor) -> str:
    """Why weights do not fit between input and output, as firmware/tflite/fully_connected.py refuses it."""
    x, weights = inputs[0], inputs[1] if len(inputs) > 1 else None
    if not x or not weights or len(weights.shape) != 2:
        return "expected weights of two dimensions: a row for each output"
    rows, n = weights.shape
    if x.size % n or y.size % rows or x.size // n != y.size // rows:
        return f"weights {list(weights.shape)} between {x.size} and {y.size} elements"
    return ""


def _overflows(name: str, inputs: tuple[Tensor | None, ...]) -> str:
    """Whether a sum could leave 30 bits, or 32 with its bias, as firmware/tflite/dot.py and wide.py refuse it."""
    if name not in ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D") or len(inputs) < 2 or not inputs[1]:
        return ""
    taps = prod(inputs[1].shape[1:3] if name == "DEPTHWISE_CONV_2D" else inputs[1].shape[1:])
    if taps * PRODUCT >= SUM_LIMIT:
        return f"{taps} inputs could overflow a sum"
    if len(inputs) < 3 or not inputs[0] or not inputs[2] or len(inputs[1].content) != inputs[1].size:
        return ""
    bias = np.frombuffer(inputs[2].content, "<i4").astype(np.int64)
    weights = np.frombuffer(inputs[1].content, np.int8).astype(np.int64)
    rows = weights.reshape(taps, -1).T if name == "DEPTHWISE_CONV_2D" else weights.reshape(-1, taps)
    ends = rows * (-128 - inputs[0].zero_point), rows * (127 - inputs[0].zero_point)
    least, most = np.minimum(*ends).sum(1) + bias, np.maximum(*ends).sum(1) + bias
    wide = np.flatnonzero((np.abs(bias) + taps * PRODUCT >= SUM_LIMIT) & ((least < -INT32) | (most >= INT32)))
    return f"a bias of {bias[wide[0]]} takes the sum of row {wide[0]} beyond 32 bits" if len(wide) else ""


def _arena(operators: tuple[Operator, ...], first: Tensor, last: Tensor) -> int:
    """Bytes of the arena: scratch, then each tensor in the lowest gap that is free while it lives."""
    scratch = -(-max((_scratch(operator) for operator in operators), default=0) // 4) * 4
    dies = {first: 0} | {t: i for i, o in enumerate(operators) for t in (*o.reads, *o.outputs)} | {last: len(operators)}
    live, size = [(0, first.bytes, first)], first.bytes
    for step, operator in enumerate(operators):
        for tensor in operator.outputs:
            dead = [
                p for p in live if p[2] in _reusable(operator) and dies[p[2]] == step and p[2].bytes == tensor.bytes
            ]
            at = dead[0][0] if dead else _gap(live, tensor.bytes)
            live = sorted(
                [p for p in live if p not in dead[:1]] + [(at, at + tensor.bytes, tensor)], key=lambda p: p[0]
            )
            size = max(size, at + tensor.bytes)
        live = [place for place in live if dies[place[2]] > step]
    for operator in operators:
        for tensor in operator.kept:
            size = -(-size // 4) * 4 + tensor.bytes
    return scratch + size


def _gap(live: list[tuple[int, int, Tensor]], size: int) -> int:
    at = 0
    for start, end, _ in live:
        if at + size <= start:
            break
        at = max(at, (end + 3) // 4 * 4)
    return at


def _spread(operator: Operator, tensor: Tensor | None) -> bool:
    """Whether an input is broadcast."""
    y = operator.outputs[0]
    return tensor is None or [n for n in tensor.shape if n > 1] != [n for n in y.shape if n > 1]


def _reusable(operator: Operator) -> list[Tensor]:
    """Inputs whose place the output may take."""
    if operator.name in _BINARY:
        return [tensor for tensor in operator.reads if not _spread(operator, tensor)]
    same = operator.name in ("QUANTIZE", "CAST") and {operator.reads[0].kind, operator.outputs[0].kind} == {"INT8"}
    table = operator.name in _SHAPELESS or same
    return operator.reads[:1] if table else []


def _scratch(operator: Operator) -> int:
    """Bytes that an operator needs while it runs."""
    x, y = operator.inputs[0], operator.outputs[0]
    weights = operator.inputs[1] if len(operator.inputs) > 1 else None
    if operator.name in _BINARY:
        return _CHUNK + sum(y.size for tensor in operator.inputs if _spread(operator, tensor))
    if operator.name in ("FULLY_CONNECTED", SVDF) and weights:
        return 4 * weights.shape[0]
    if operator.name == LSTM and weights:
        return 12 * weights.shape[0]
    if operator.name == "DEPTHWISE_CONV_2D" and weights:
        return prod(weights.shape)
    if operator.name == "CONV_2D" and weights and x:
        direct = weights.shape[1:3] == (1, 1) and operator.strides == (1, 1) and weights.shape[3] == x.shape[3]
        return 4 * weights.shape[0] + (0 if direct else prod(weights.shape[1:]))
    return 4 * y.size if operator.name == "MEAN" else 0
