"""Random models of every operator: shapes, strides, scales, zero points and weights that no converter would choose.

`OPERATORS` has a function for each, which draws one model of that operator alone; `network` draws a graph of many.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.support.tflite_writer import FLOAT32, INT8, NONE, RELU, RELU6, RELU_N1_TO_1, SAME, TANH, VALID, Writer

Rng = np.random.Generator


def scale(rng: Rng, low: float = 1e-3, high: float = 0.3) -> float:
    return float(np.float32(np.exp(rng.uniform(np.log(low), np.log(high)))))


def zero(rng: Rng) -> int:
    return int(rng.choice([-128, 0, 127, rng.integers(-128, 128)]))


def activation(rng: Rng) -> int:
    return int(rng.choice([NONE, NONE, RELU, RELU6, RELU_N1_TO_1]))


def weights(rng: Rng, shape: tuple[int, ...]) -> Any:
    if rng.integers(0, 5) == 0:
        return rng.choice([-128, 127], shape).astype(np.int8)
    return rng.integers(-128, 128, shape).astype(np.int8)


def image(rng: Rng, channels: list[int] | None = None) -> tuple[int, ...]:
    """A shape [batch, height, width, channels]."""
    batch = int(rng.choice([1, 1, 1, 2]))
    return (
        batch,
        int(rng.integers(1, 10)),
        int(rng.integers(1, 10)),
        int(rng.choice(channels or [1, 2, 3, 4, 8, 9, 16])),
    )


class Drawn(Writer):
    """A Writer that knows the scales and shapes it gave, and draws layers after a tensor."""

    def __init__(self, rng: Rng) -> None:
        super().__init__()
        self.rng = rng
        self.known: dict[int, tuple[tuple[int, ...], float, int]] = {}

    def activations(self, shape: tuple[int, ...], step: float | None = None, nought: int | None = None) -> int:
        step = scale(self.rng) if step is None else step
        nought = zero(self.rng) if nought is None else nought
        number = self.tensor(shape, step, nought)
        self.known[number] = shape, step, nought
        return number

    def like(self, x: int, shape: tuple[int, ...]) -> int:
        _, step, nought = self.known[x]
        return self.activations(shape, step, nought)

    def window(self, size: int) -> tuple[int, int, int, int]:
        """taps, stride, dilation and the number of windows along an axis; SAME if the windows do not fit."""
        taps, stride, dilation = (int(n) for n in self.rng.integers(1, 4, 3))
        if self.rng.integers(0, 2):
            dilation = 1
        return taps, stride, dilation, (taps - 1) * dilation + 1

    def windows(self, shape: tuple[int, ...], dilate: bool) -> tuple[list[int], dict[str, int], tuple[int, int]]:
        """taps of both axes, options, and the output's height and width."""
        axes = [self.window(size) for size in shape[1:3]]
        if not dilate:
            axes = [(taps, stride, 1, taps) for taps, stride, _, _ in axes]
        fits = all(size >= span for size, (_, _, _, span) in zip(shape[1:3], axes, strict=True))
        padding = int(self.rng.choice([SAME, VALID])) if fits else SAME
        out = [
            -(-(size if padding == SAME else size - span + 1) // stride)
            for size, (_, stride, _, span) in zip(shape[1:3], axes, strict=True)
        ]
        options = {"padding": padding, "strideH": axes[0][1], "strideW": axes[1][1]}
        if dilate:
            options |= {"dilationHFactor": axes[0][2], "dilationWFactor": axes[1][2]}
        return [axis[0] for axis in axes], options, (out[0], out[1])

    def layer(self, x: int, filters: Any, rows: int, taps: int, axis: int) -> tuple[list[int], float]:
        """Inputs of a convolution and a scale for its output that shows most of its range."""
        rng, step = self.rng, self.known[x][1]
        count = rows if rng.integers(0, 3) else 1
        scales = rng.uniform(1e-3, 0.05, count).astype(np.float32)
        inputs = [x, self.constant(filters, scales, axis=axis)]
        if rng.integers(0, 4):
            bias = rng.integers(-3000, 3000, rows).astype(np.int32)
            if rng.integers(0, 8) == 0:
                bias[0] = (1 << 29) - 1 - 32640 * taps
            inputs.append(self.constant(bias, np.float32(step) * scales))
        else:
            inputs.append(self.constant(np.zeros(rows, np.int32), np.float32(step) * scales))
        over = 60 * taps**0.5 * float(rng.choice([0.1, 1, 1, 10]))
        return inputs, float(np.float32(step * float(scales.mean()) * over))

    def conv(self, x: int, rows: int | None = None) -> int:
        shape, rng = self.known[x][0], self.rng
        rows = rows or int(rng.choice([1, 3, 8, 17]))
        groups = 2 if rows % 2 == 0 and shape[3] % 2 == 0 and rng.integers(0, 3) == 0 else 1
        taps, options, out = self.windows(shape, True)
        filters = weights(rng, (rows, *taps, shape[3] // groups))
        inputs, step = self.layer(x, filters, rows, filters[0].size, 0)
        y = self.activations((shape[0], *out, rows), step)
        self.operator(
            "CONV_2D", inputs, [y], 3, options="Conv2DOptions", fusedActivationFunction=activation(rng), **options
        )
        return y

    def depthwise(self, x: int) -> int:
        shape, rng = self.known[x][0], self.rng
        times = int(rng.choice([1, 1, 2, 5]))
        rows = shape[3] * times
        taps, options, out = self.windows(shape, True)
        filters = weights(rng, (1, *taps, rows))
        inputs, step = self.layer(x, filters, rows, taps[0] * taps[1], 3)
        y = self.activations((shape[0], *out, rows), step)
        self.operator(
            "DEPTHWISE_CONV_2D", inputs, [y], 3, options="DepthwiseConv2DOptions", depthMultiplier=times,
            fusedActivationFunction=activation(rng), **options,
        )  # fmt: skip
        return y

    def dense(self, x: int, rows: int | None = None) -> int:
        (*batch, n), rng = self.known[x][0], self.rng
        rows = rows or int(rng.integers(1, 20))
        inputs, step = self.layer(x, weights(rng, (rows, n)), rows, n, 0)
        y = self.activations((int(np.prod(batch)), rows), step)
        self.operator(
            "FULLY_CONNECTED", inputs, [y], 4, options="FullyConnectedOptions", fusedActivationFunction=activation(rng)
        )
        return y

    def pool(self, x: int, name: str) -> int:
        shape = self.known[x][0]
        taps, options, out = self.windows(shape, False)
        y = self.like(x, (shape[0], *out, shape[3]))
        self.operator(
            name, [x], [y], 2, options="Pool2DOptions", filterHeight=taps[0], filterWidth=taps[1],
            fusedActivationFunction=activation(self.rng), **options,
        )  # fmt: skip
        return y

    def binary(self, name: str, a: int, b: int) -> int:
        """ADD, SUB, MUL, MAXIMUM or MINIMUM with an output scale that shows most of the range."""
        (shape, first, _), (other, second, _) = self.known[a], self.known[b]
        spread = 2 * max(first, second) if name != "MUL" else first * second * 100
        over = float(np.float32(spread * float(self.rng.choice([0.3, 1, 3]))))
        y = self.activations(tuple(np.broadcast_shapes(shape, other)), over)
        if name in ("MAXIMUM", "MINIMUM"):
            self.operator(name, [a, b], [y], 2, options="MaximumMinimumOptions")
            return y
        self.operator(
            name, [a, b], [y], 2, options=name.capitalize() + "Options", fusedActivationFunction=activation(self.rng)
        )
        return y

    def move(self, name: str, x: int, shape: tuple[int, ...], inputs: list[Any], **options: Any) -> int:
        y = self.like(x, shape)
        numbers = [self.constant(np.array(values, np.int32)) for values in inputs]
        self.operator(name, [x, *numbers], [y], 1, **options)
        return y

    def table(self, name: str, x: int, y: int, **options: Any) -> int:
        self.operator(name, [x], [y], 2 if name in ("LOGISTIC", "TANH", "SOFTMAX", "RELU", "RELU6") else 1, **options)
        return y

    def softmax(self, x: int) -> int:
        y = self.activations(self.known[x][0], 1 / 256, -128)
        return self.table("SOFTMAX", x, y, options="SoftmaxOptions", beta=float(self.rng.choice([1, 1, 0.3])))


def _shape(rng: Rng, most: int = 5) -> tuple[int, ...]:
    return tuple(int(n) for n in rng.integers(1, 6, rng.integers(1, most)))


def conv(rng: Rng) -> bytes:
    draw = Drawn(rng)
    x = draw.activations(image(rng))
    return draw.pack(x, draw.conv(x))


def depthwise(rng: Rng) -> bytes:
    draw = Drawn(rng)
    x = draw.activations(image(rng))
    return draw.pack(x, draw.depthwise(x))


def dense(rng: Rng) -> bytes:
    draw = Drawn(rng)
    x = draw.activations((int(rng.choice([1, 1, 3])), int(rng.integers(1, 40))))
    return draw.pack(x, draw.dense(x))


def _pool(name: str) -> Callable[[Rng], bytes]:
    def model(rng: Rng) -> bytes:
        draw = Drawn(rng)
        x = draw.activations(image(rng))
        return draw.pack(x, draw.pool(x, name))

    return model


def _binary(name: str) -> Callable[[Rng], bytes]:
    def model(rng: Rng) -> bytes:
        """x and itself scaled, x and a constant, or x and its mean over some dimensions: alike, or broadcast."""
        draw = Drawn(rng)
        shape = image(rng)
        x = draw.activations(shape)
        kind = rng.integers(0, 3)
        if kind == 0:
            other = draw.table("QUANTIZE", x, draw.activations(shape))
        else:
            small = tuple(n if keep else 1 for n, keep in zip(shape, rng.integers(0, 2, 4), strict=True))
            small = small if rng.integers(0, 3) else shape
            step, nought = scale(rng), zero(rng)
            other = draw.constant(rng.integers(-128, 128, small).astype(np.int8), step, nought)
            draw.known[other] = small, step, nought
        pair = (x, other) if rng.integers(0, 2) else (other, x)
        return draw.pack(x, draw.binary(name, *pair))

    return model


def mean(rng: Rng) -> bytes:
    draw = Drawn(rng)
    shape = image(rng)
    axes = sorted(int(n) for n in rng.choice(4, rng.integers(1, 4), replace=False))
    keep = bool(rng.integers(0, 2))
    out = [1 if i in axes else n for i, n in enumerate(shape)]
    x = draw.activations(shape)
    y = draw.activations(tuple(out if keep else [n for i, n in enumerate(out) if i not in axes]))
    if rng.integers(0, 2):
        axes = [axis - 4 for axis in axes]
    draw.operator("MEAN", [x, draw.constant(np.array(axes, np.int32))], [y], 2, options="ReducerOptions", keepDims=keep)
    return draw.pack(x, y)


def concatenation(rng: Rng) -> bytes:
    draw = Drawn(rng)
    shape = _shape(rng)
    axis = int(rng.integers(0, len(shape)))
    x = draw.activations(shape)
    parts = [x] + [draw.like(x, shape) for _ in range(rng.integers(0, 3))]
    for part in parts[1:]:
        draw.operator("RELU6", [x], [part], 2)
    out = tuple(n * len(parts) if i == axis else n for i, n in enumerate(shape))
    y = draw.like(x, out)
    at = axis if rng.integers(0, 2) else axis - len(shape)
    draw.operator("CONCATENATION", parts, [y], 2, options="ConcatenationOptions", axis=at)
    return draw.pack(x, y)


def pad(rng: Rng) -> bytes:
    draw = Drawn(rng)
    shape = _shape(rng)
    pads = rng.integers(0, 4, (len(shape), 2))
    x = draw.activations(shape)
    out = tuple(int(n) for n in np.array(shape) + pads.sum(1))
    return draw.pack(x, draw.move("PAD", x, out, [pads], options="PadOptions"))


def reshape(rng: Rng) -> bytes:
    """RESHAPE, SQUEEZE or EXPAND_DIMS of x, which also goes on as it was: so it may or may not be done in place."""
    draw = Drawn(rng)
    shape = (*_shape(rng, 3), 1)
    x = draw.activations(shape)
    kind = rng.integers(0, 3)
    if kind == 0:
        y = draw.move("RESHAPE", x, shape[::-1], [list(shape[::-1])], options="ReshapeOptions", newShape=shape[::-1])
    elif kind == 1:
        y = draw.move("SQUEEZE", x, shape[:-1], [], options="SqueezeOptions", squeezeDims=[len(shape) - 1])
    else:
        y = draw.move("EXPAND_DIMS", x, (1, *shape), [0], options="ExpandDimsOptions")
    if rng.integers(0, 2):
        back = draw.move("RESHAPE", y, shape, [list(shape)], options="ReshapeOptions", newShape=shape)
        y = draw.binary("ADD", x, back)
    return draw.pack(x, y)


def transpose(rng: Rng) -> bytes:
    draw = Drawn(rng)
    shape = _shape(rng)
    order = [int(n) for n in rng.permutation(len(shape))]
    x = draw.activations(shape)
    y = draw.move("TRANSPOSE", x, tuple(shape[i] for i in order), [order], options="TransposeOptions")
    return draw.pack(x, y)


def strided_slice(rng: Rng) -> bytes:
    draw = Drawn(rng)
    shape = _shape(rng)
    begins, ends, steps, out = [], [], [], []
    masks = {"beginMask": 0, "endMask": 0, "shrinkAxisMask": 0}
    for i, n in enumerate(shape):
        begin, step = int(rng.integers(0, n)), int(rng.choice([1, 2, -1, -2]))
        end = int(rng.integers(begin + 1, n + 2)) if step > 0 else int(rng.integers(-1, begin))
        window = range(n)[begin : end if end >= 0 else None : step]
        if end < 0:
            masks["endMask"] |= 1 << i
        if rng.integers(0, 4) == 0:
            masks["beginMask"] |= 1 << i
            window = range(n)[: end if end >= 0 else None : step]
        elif rng.integers(0, 4) == 0:
            masks["shrinkAxisMask"] |= 1 << i
            step, window = 1, range(begin, begin + 1)
        if not len(window):
            masks["endMask"] |= 1 << i
            window = range(n)[::step] if masks["beginMask"] >> i & 1 else range(n)[begin::step]
        if not masks["shrinkAxisMask"] >> i & 1:
            out.append(len(window))
        begins.append(begin if rng.integers(0, 2) else begin - n)
        ends.append(end)
        steps.append(step)
    x = draw.activations(shape)
    y = draw.move("STRIDED_SLICE", x, tuple(out), [begins, ends, steps], options="StridedSliceOptions", **masks)
    return draw.pack(x, y)


def _table(name: str, out: tuple[float, int] | None = None, **options: Any) -> Callable[[Rng], bytes]:
    """An operator on 256 or more bytes in any order; out: what the output's scale and zero point must be."""

    def model(rng: Rng) -> bytes:
        draw = Drawn(rng)
        x = draw.activations((1, 256), scale(rng, 1e-3, 0.5))
        step, nought = out or draw.known[x][1:]
        if out is None and name != "RELU6":
            step, nought = float(np.float32(step * rng.uniform(0.2, 3))), zero(rng)
        if name == "LEAKY_RELU":
            options["alpha"] = float(np.float32(rng.choice([0, 0.1, 1, -0.3, rng.uniform(0, 2)])))
        return draw.pack(x, draw.table(name, x, draw.activations((1, 256), step, nought), **options))

    return model


def softmax(rng: Rng) -> bytes:
    draw = Drawn(rng)
    depth = int(rng.choice([1, 2, 5, 12, 100, 250]))
    x = draw.activations((int(rng.integers(1, 4)), depth), scale(rng, 1e-3, 1.0))
    return draw.pack(x, draw.softmax(x))


def ends(rng: Rng) -> bytes:
    """float32 -> QUANTIZE -> DEQUANTIZE -> float32."""
    draw = Drawn(rng)
    n = int(rng.integers(1, 300))
    x = draw.tensor((1, n), kind=FLOAT32)
    middle = draw.activations((1, n), scale(rng, 1e-4, 10))
    y = draw.tensor((1, n), kind=FLOAT32)
    draw.operator("QUANTIZE", [x], [middle])
    draw.operator("DEQUANTIZE", [middle], [y], 2)
    return draw.pack(x, y)


def cast(rng: Rng) -> bytes:
    """CAST from int8 to float32, from float32 to int8, or to the same."""
    draw = Drawn(rng)
    shape = image(rng)
    first, second = [(INT8, FLOAT32), (FLOAT32, INT8), (INT8, INT8)][rng.integers(0, 3)]
    x, y = (draw.activations(shape) if kind == INT8 else draw.tensor(shape, kind=FLOAT32) for kind in (first, second))
    draw.operator("CAST", [x], [y], options="CastOptions", inDataType=first, outDataType=second)
    return draw.pack(x, y)


def svdf(rng: Rng, has_bias: bool = True) -> bytes:
    """SVDF of weights that fill int16, now and then all at an end: sums wrap then, as they do in the reference."""
    draw = Drawn(rng)
    rank, memory, units, n, batches = (int(rng.integers(1, most)) for most in (4, 12, 9, 40, 3))
    x = draw.activations((batches, n))
    features, step = weights(rng, (units * rank, n)), float(rng.uniform(1e-3, 0.05))
    spread = int(rng.choice([32767, 32767, 2000]))
    times = rng.integers(-spread - 1, spread + 1, (units * rank, memory)).astype(np.int16)
    if rng.integers(0, 5) == 0:
        times[:] = -32768
    steps = float(rng.choice([3000, 30000]))  # of the state, at most inputs
    kept = float(np.float32(draw.known[x][1] * step * 74 * 74 * n**0.5 / steps))
    each = float(np.float32(1e-3))
    size = float(np.abs(times.astype(float)).mean()) * (rank * memory) ** 0.5 * steps  # of most sums
    bias = (rng.uniform(-1, 1, units) * min(size * float(rng.choice([0.1, 1, 100])), 2**31 - 1)).astype(np.int32)
    y = draw.activations((batches, units), kept * each * size / float(rng.choice([20, 100])))
    inputs = [x, draw.constant(features, step), draw.constant(times, each)]
    inputs += [draw.constant(bias, [kept * each]) if has_bias else -1]
    inputs += [draw.variable((batches, units * rank * memory), kept)]
    draw.operator("SVDF", inputs, [y], 3, options="SVDFOptions", rank=rank, fusedActivationFunction=RELU)
    return draw.pack(x, y)


def lstm(rng: Rng) -> bytes:
    """UNIDIRECTIONAL_SEQUENCE_LSTM over some vectors, by time or by batch, its cells clipped or not."""
    draw = Drawn(rng)
    batches, times, n, cells = (int(rng.integers(1, most)) for most in (3, 6, 20, 17))
    by_time = bool(rng.integers(0, 2))
    order = (times, batches) if by_time else (batches, times)
    x = draw.activations((*order, n))
    step, hidden, nought = draw.known[x][1], scale(rng, 2e-3, 2e-2), zero(rng)
    into, again = (rng.uniform(0.3, 3, 4) / (part * 74 * 74 * size**0.5) for part, size in ((step, n), (hidden, cells)))
    inputs = [x, *(draw.constant(weights(rng, (cells, n)), each) for each in into)]
    inputs += [draw.constant(weights(rng, (cells, cells)), each) for each in again]
    inputs += [-1, -1, -1]
    inputs += [draw.constant(rng.integers(-9000, 9000, cells).astype(np.int32), each * step) for each in into]
    inputs += [-1, -1, draw.variable((batches, cells), hidden, nought, INT8)]
    inputs += [draw.variable((batches, cells), 2.0 ** -int(rng.integers(9, 16))), -1, -1, -1, -1]
    y = draw.activations((*order, cells), hidden, nought)
    made = [draw.tensor((), 1.0) for _ in range(4)] + [draw.tensor((), hidden, int(rng.integers(-128, 128)))]
    draw.operator(
        "UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [y], 3, options="UnidirectionalSequenceLSTMOptions", timeMajor=by_time,
        fusedActivationFunction=TANH, cellClip=float(rng.choice([0, 10, 0.7])), intermediates=made,
    )  # fmt: skip
    return draw.pack(x, y)


OPERATORS: dict[str, Callable[[Rng], bytes]] = {
    "CONV_2D": conv,
    "DEPTHWISE_CONV_2D": depthwise,
    "FULLY_CONNECTED": dense,
    "AVERAGE_POOL_2D": _pool("AVERAGE_POOL_2D"),
    "MAX_POOL_2D": _pool("MAX_POOL_2D"),
    "MEAN": mean,
    "ADD": _binary("ADD"),
    "SUB": _binary("SUB"),
    "MUL": _binary("MUL"),
    "MAXIMUM": _binary("MAXIMUM"),
    "MINIMUM": _binary("MINIMUM"),
    "CAST": cast,
    "SVDF": svdf,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lstm,
    "CONCATENATION": concatenation,
    "PAD": pad,
    "RESHAPE": reshape,
    "TRANSPOSE": transpose,
    "STRIDED_SLICE": strided_slice,
    "RELU": _table("RELU"),
    "RELU6": _table("RELU6"),
    "LEAKY_RELU": _table("LEAKY_RELU", options="LeakyReluOptions"),
    "LOGISTIC": _table("LOGISTIC", (1 / 256, -128)),
    "TANH": _table("TANH", (1 / 128, 0)),
    "SOFTMAX": softmax,
    "QUANTIZE": _table("QUANTIZE"),
    "DEQUANTIZE": ends,
}


def network(rng: Rng) -> bytes:
    """A small residual network with branches: what the plan of the arena must keep apart, and what it may not."""
    draw = Drawn(rng)
    x = y = draw.activations((1, int(rng.integers(4, 10)), int(rng.integers(4, 10)), int(rng.choice([1, 4, 8]))))
    for _ in range(rng.integers(1, 4)):
        before = y
        y = draw.conv(y, 8) if rng.integers(0, 2) else draw.depthwise(y)
        if rng.integers(0, 2):
            y = draw.table("RELU", y, draw.activations(draw.known[y][0]))
        if draw.known[y][0] == draw.known[before][0]:
            y = draw.binary(str(rng.choice(["ADD", "MUL", "SUB"])), before, y)
    shape = draw.known[y][0]
    flat = (1, int(np.prod(shape)))
    y = draw.move("RESHAPE", y, flat, [list(flat)], options="ReshapeOptions", newShape=flat)
    return draw.pack(x, draw.softmax(draw.dense(y, 12)))
