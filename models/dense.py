"""Builds the .tflite files of a family of dense autoencoders from its model.toml; a family's build.py calls `main`.

Runs on a workstation: it needs TensorFlow (`pip install reedmesh[models]`), a gateway never does. The same model.toml
gives the same bytes, whenever and in whichever folder it is built, as long as TensorFlow's version is the same.
"""

import argparse
import hashlib
import json
import math
import os
import sys
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow is chatty about processors and GPUs

import numpy as np
import tensorflow as tf

from reedmesh.inference import tflite_file
from reedmesh.inference.family import FILES, Plan, read_plan
from reedmesh.learning import quantise
from reedmesh.protocol import scaling

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-7  # Adam's, as Keras has them
NEVER = 2**32 - 1  # the threshold of a model that has learnt nothing
UNSCALED = 1 << 10  # its gain: takes every feature's deviation to be 16 steps, 6 dB

Shapes = list[tuple[int, ...]]


def main(folder: Path) -> None:
    """Build the family in `folder`, or with --check compare what is there with a build from scratch."""
    parser = argparse.ArgumentParser(description=f"Build the model files of {folder.name} from model.toml.")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if the files are not what would be built"
    )
    check = parser.parse_args().check
    stale = []
    for name, content in build(read_plan(folder)).items():
        path = folder / name
        if not check:
            path.write_bytes(content)
        elif not path.exists() or path.read_bytes() != content:
            stale.append(name)
        print(f"{hashlib.sha256(content).hexdigest()}  {len(content):6}  {name}")
    if stale:
        sys.exit(
            f"{folder}: not what model.toml and TensorFlow {tf.__version__} give: {', '.join(stale)}; run `make models`"
        )


def build(plan: Plan) -> dict[str, bytes]:
    """The content of each file of the family."""
    shapes = weight_shapes(plan)
    start = start_weights(shapes, plan.training.seed)
    with_floats = float_model(shapes, start)
    return dict(
        zip(FILES, (train_model(shapes, start, plan), with_floats, int8_model(with_floats, start, plan)), strict=True)
    )


def weight_shapes(plan: Plan) -> Shapes:
    """Matrix [out, in] and biases [out] of each dense layer, in the order of the flat weight vector."""
    length = plan.recipe.length
    widths = [length, *plan.architecture.hidden, length]
    return [shape for inputs, outputs in pairwise(widths) for shape in ((outputs, inputs), (outputs,))]


def start_weights(shapes: Shapes, seed: int) -> np.ndarray:
    """Glorot's uniform matrices, and small biases that are not zero: the converter would leave zero ones out."""
    random = np.random.default_rng(seed)
    bounds = [math.sqrt(6 / sum(shape)) if len(shape) == 2 else 0.01 for shape in shapes]
    parts = [random.uniform(-bound, bound, math.prod(shape)) for shape, bound in zip(shapes, bounds, strict=True)]
    return np.concatenate(parts).astype(np.float32)


def float_model(shapes: Shapes, start: np.ndarray) -> bytes:
    """The plain network, one vector at a time, with the index by which a gateway puts its own weights in."""
    parts = [part.reshape(shape) for part, shape in zip(split(start, shapes), shapes, strict=True)]
    module = tf.Module()
    module.infer = _function(
        lambda x: {"reconstruction": chain(parts, x, tf.nn.relu)}, tf.TensorSpec([1, shapes[0][1]], name="x")
    )
    model = convert(module, {"serving_default": module.infer})
    index = [
        {
            "name": f"dense{i // 2 + 1}.{'biases' if i % 2 else 'weights'}",
            "shape": part.shape,
            "buffer": _buffer_of(model, part),
        }
        for i, part in enumerate(parts)
    ]
    return tflite_file.rewrite(model, {quantise.WEIGHTS: json.dumps(index, separators=(",", ":")).encode()})


def int8_model(with_floats: bytes, start: np.ndarray, plan: Plan) -> bytes:
    """The start weights as a sensor would run them; as the model has learnt nothing, its threshold is out of reach."""
    length = plan.recipe.length
    noise = np.random.default_rng(plan.training.seed).normal(0, scaling.ONE, (1024, length))
    metadata = scaling.to_bytes([0] * length, [UNSCALED] * length, NEVER)
    return quantise.to_int8(with_floats, start, np.clip(noise.round(), -128, 127).astype(np.int8), metadata)


def train_model(shapes: Shapes, start: np.ndarray, plan: Plan) -> bytes:
    """The network with its gradient and Adam, as the four signatures that `reedmesh.learning.trainer` calls."""
    module = Trainable(shapes, start, plan.training.batch)
    return convert(module, {name: getattr(module, name) for name in ("train", "infer", "get_weights", "set_weights")})


class Trainable(tf.Module):
    """A dense autoencoder whose weights, and Adam's two moments, are one flat vector each."""

    def __init__(self, shapes: Shapes, start: np.ndarray, batch: int) -> None:
        super().__init__()
        self.weights = tf.Variable(start)
        self.first, self.second = tf.Variable(tf.zeros_like(start)), tf.Variable(tf.zeros_like(start))
        self.steps = tf.Variable(0.0)
        self.shapes, length = shapes, shapes[0][1]
        self.train = _function(self._train, tf.TensorSpec([batch, length], name="x"), tf.TensorSpec([], name="rate"))
        self.infer = _function(self._infer, tf.TensorSpec([None, length], name="x"))
        self.get_weights = _function(self._get, tf.TensorSpec([1], name="dummy"))
        self.set_weights = _function(self._set, tf.TensorSpec([start.size], name="weights"))

    def _train(self, x: tf.Tensor, rate: tf.Tensor) -> dict[str, tf.Tensor]:
        flat = self.weights.read_value()
        with tf.GradientTape() as tape:
            tape.watch(flat)
            loss = tf.reduce_mean(tf.square(self._reconstruct(flat, x) - x))
        gradient = tape.gradient(loss, flat)
        steps = self.steps + 1
        first = BETA1 * self.first + (1 - BETA1) * gradient
        second = BETA2 * self.second + (1 - BETA2) * gradient * gradient
        rate *= tf.sqrt(1 - tf.pow(BETA2, steps)) / (1 - tf.pow(BETA1, steps))
        self._store(flat - rate * first / (tf.sqrt(second) + EPSILON), first, second, steps)
        return {"loss": loss}

    def _infer(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"reconstruction": self._reconstruct(self.weights.read_value(), x)}

    def _get(self, _: tf.Tensor) -> dict[str, tf.Tensor]:
        """The input is a dummy, there because LiteRT's signatures want one."""
        return {"weights": self.weights.read_value()}

    def _set(self, weights: tf.Tensor) -> dict[str, tf.Tensor]:
        """Adam starts anew: its moments belong to the weights that they were measured on."""
        zeros = tf.zeros_like(weights)
        self._store(weights, zeros, zeros, 0.0)
        return {"size": tf.size(weights)}

    def _store(self, weights: tf.Tensor, first: tf.Tensor, second: tf.Tensor, steps: tf.Tensor) -> None:
        for variable, value in (
            (self.weights, weights),
            (self.first, first),
            (self.second, second),
            (self.steps, steps),
        ):
            variable.assign(value)

    def _reconstruct(self, flat: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        parts = tf.split(flat, [math.prod(shape) for shape in self.shapes])
        return chain([tf.reshape(part, shape) for part, shape in zip(parts, self.shapes, strict=True)], x, relu)


@tf.custom_gradient
def relu(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """ReLU with a gradient of built-in operators; that of tf.nn.relu needs Flex, which no gateway has."""
    return tf.maximum(x, 0.0), lambda upstream: upstream * tf.cast(x > 0.0, tf.float32)


def chain(parts: list, x: tf.Tensor, activation: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Dense layers in turn, each but the last with `activation`."""
    for matrix, biases in zip(parts[:-2:2], parts[1:-2:2], strict=True):
        x = activation(tf.matmul(x, matrix, transpose_b=True) + biases)
    return tf.matmul(x, parts[-2], transpose_b=True) + parts[-1]


def split(flat: np.ndarray, shapes: Shapes) -> list[np.ndarray]:
    """The flat vector, cut into one piece for each shape."""
    return np.split(flat, np.cumsum([math.prod(shape) for shape in shapes])[:-1])


def convert(module: tf.Module, signatures: dict[str, Callable]) -> bytes:
    """`module` as a .tflite of TensorFlow Lite's built-in operators alone; anything else is an error."""
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=signatures)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        converter.experimental_enable_resource_variables = True
        return converter.convert()


def _function(python: Callable, *inputs: tf.TensorSpec) -> Callable:
    return tf.function(python, input_signature=inputs)


def _buffer_of(model: bytes, part: np.ndarray) -> int:
    """The number of the buffer that holds `part`: tensors' names change with the converter's version, bytes do not."""
    (number,) = (number for number, data in enumerate(tflite_file.buffers(model)) if data == part.tobytes())
    return number
