"""Training on the gateway: a family's train.tflite, whose signatures hold the whole of Adam in built-in operators.

Weights are one flat float32 vector, layer after layer: a dense layer's matrix [out, in] row by row, then its biases.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reedmesh.inference import runtime
from reedmesh.learning.arrays import Floats


class Trainer:
    """The signatures of a train.tflite: takes batches of `batch` scaled vectors of `length`, has `size` weights."""

    def __init__(self, train_tflite: bytes) -> None:
        self._interpreter = runtime.optimised(train_tflite)  # kept: the runners below live only as long as it does
        self._train, self._infer, self._get, self._set = (
            self._interpreter.get_signature_runner(name) for name in ("train", "infer", "get_weights", "set_weights")
        )
        self.batch, self.length = (int(n) for n in _shape(self._train, "x"))
        (self.size,) = (int(n) for n in _shape(self._set, "weights"))

    def get(self) -> Floats:
        """The weights as they are now: float32 [size]; of a new Trainer, the family's start weights."""
        return self._get(dummy=np.zeros(1, dtype=np.float32))["weights"]  # type: ignore[no-any-return]

    def set(self, weights: Floats) -> None:
        """Take weights, bit for bit, and forget Adam's moments and step count."""
        self._set(weights=weights)

    def step(self, batch: Floats, rate: float) -> float:
        """One step of Adam on float32 [batch, length]; returns the mean squared error before it."""
        return float(self._train(x=batch, rate=np.float32(rate))["loss"])

    def loss(self, inputs: Floats) -> float:
        """The mean squared error of reconstructing float32 [m, length], any m."""
        return float(np.mean(self.errors(inputs)))

    def errors(self, inputs: Floats) -> Floats:
        """The mean squared error of each of float32 [m, length]: [m]."""
        return np.asarray(np.mean((self._infer(x=inputs)["reconstruction"] - inputs) ** 2, axis=1), np.float32)


def fit(
    trainer: Trainer,
    weights: Floats,
    inputs: Floats,
    epochs: int,
    rate: float,
    seed: int,
    progress: Callable[[int, float], None] | None = None,
) -> Floats:
    """Train from `weights` on float32 [m, length] and return the new weights; the same arguments give the same bits.

    progress: called after each epoch with its number from 1 and the mean loss of its steps.
    """
    trainer.set(weights)
    random = np.random.default_rng(seed)
    for epoch in range(1, epochs + 1):
        losses = [trainer.step(inputs[rows], rate) for rows in _batches(len(inputs), trainer.batch, random)]
        if progress:
            progress(epoch, sum(losses) / len(losses))
    return trainer.get()


def _batches(count: int, size: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Every row number of `count` in random order, in batches; the last is filled with rows drawn again."""
    short = -count % size
    order = np.concatenate([random.permutation(count), random.integers(count, size=short)])
    return order.reshape(-1, size)


def _shape(runner: Any, name: str) -> Any:
    return runner.get_input_details()[name]["shape"]
