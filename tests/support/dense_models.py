"""Writes int8 .tflite files of FULLY_CONNECTED layers of any shape, scale and weights: what no converter would make."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tests.support.tflite_writer import NONE, RELU, RELU6, Writer


@dataclass
class Dense:
    """One layer: int8 weights [outputs, inputs], one scale or one for each output, int32 bias or None."""

    weights: NDArray[np.int8]
    scales: NDArray[np.float32]
    bias: NDArray[np.int32] | None
    scale: float
    zero_point: int
    activation: int = NONE


def write(layers: list[Dense], scale: float, zero_point: int, metadata: dict[str, bytes] | None = None) -> bytes:
    """The file of `layers`, whose input has `scale` and `zero_point`."""
    writer = Writer()
    x = first = writer.tensor((1, layers[0].weights.shape[1]), scale, zero_point)
    for layer in layers:
        inputs = [x, writer.constant(layer.weights, layer.scales)]
        if layer.bias is not None:
            inputs.append(writer.constant(layer.bias, np.float32(scale) * layer.scales))
        x = writer.tensor((1, len(layer.weights)), layer.scale, layer.zero_point)
        writer.operator(
            "FULLY_CONNECTED", inputs + [-1] * (3 - len(inputs)), [x], 4,
            options="FullyConnectedOptions", fusedActivationFunction=layer.activation,
        )  # fmt: skip
        scale = layer.scale
    return writer.pack(first, x, metadata)


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
