"""The classifier of parts: a small network over the features that the detector scales, from labelled parts. Pure.

One hidden layer with ReLU, softmax cross-entropy, Adam with decoupled weight decay (Loshchilov and Hutter, 2019) and a
cosine schedule; noise on the inputs, because there are few faults of each kind. NETS networks are trained from their
own starts and vote by the mean of their logits, which is again one network with NETS times the hidden units.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reedmesh.learning.arrays import Doubles, Floats, Windows
from reedmesh.protocol.scaling import ONE

Labels = NDArray[np.intp]


NETS, HIDDEN = 3, 16  # networks, and hidden units of each
STEPS, BATCH = 1600, 32  # of Adam, and parts in each
RATE, DECAY, NOISE = 3e-3, 0.3, 0.5  # of five settings tried on wafer and robot_grasp; the worst was .002 below
_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8
_LEAST = 0.5  # units that an input varies by at least


@dataclass(frozen=True)
class Net:
    """Logits of z in units: relu(z @ inner + inner_bias) @ outer + outer_bias; inner [p, h], outer [h, c]."""

    inner: Doubles
    inner_bias: Doubles
    outer: Doubles
    outer_bias: Doubles

    def hidden(self, z: Doubles) -> Doubles:
        """Of units [m, p]: [m, h]."""
        return np.asarray(np.maximum(z @ self.inner + self.inner_bias, 0.0))

    def logits(self, z: Doubles) -> Doubles:
        """Of units [m, p]: [m, c]."""
        return np.asarray(self.hidden(z) @ self.outer + self.outer_bias)

    @property
    def tensors(self) -> list[Doubles]:
        """All weights, in the order of the fields."""
        return [self.inner, self.inner_bias, self.outer, self.outer_bias]


def fit(z: Windows, labels: Labels, classes: int, seed: int) -> Net:
    """Learn the class of z, int8 [m, p] in eighths; labels 0..classes - 1. Equal calls give equal weights here."""
    standard, middle, unit = standardised(z)
    return _left(_together(trained(standard, labels, classes, NETS, HIDDEN, seed)), middle, unit)


def standardised(z: Windows) -> tuple[Doubles, Doubles, Doubles]:
    """z, int8 [m, p], with mean 0 and deviation 1 over all parts; middle and unit of that [p], in units of z."""
    x = z / float(ONE)
    middle, unit = x.mean(axis=0), np.maximum(x.std(axis=0), _LEAST)
    return (x - middle) / unit, middle, unit


def _left(net: Net, middle: Doubles, unit: Doubles) -> Net:
    """`net` over inputs in units again."""
    inner = net.inner / unit[:, None]
    return Net(inner, net.inner_bias - middle @ inner, net.outer, net.outer_bias)


def _together(nets: list[Net]) -> Net:
    inner, bias = np.concatenate([each.inner for each in nets], axis=1), np.concatenate([n.inner_bias for n in nets])
    outer = np.concatenate([each.outer for each in nets]) / NETS
    return Net(inner, bias, outer, np.mean([each.outer_bias for each in nets], axis=0))


def trained(x: Doubles, labels: Labels, classes: int, nets: int, hidden: int, seed: int) -> list[Net]:
    """Networks side by side, each from its own start (He's), with its own order of parts and noise; x: standardised."""
    random, features = np.random.default_rng(seed), x.shape[1]
    weights = _Weights(nets, features, hidden, classes)
    weights.inner[:] = random.normal(0, np.sqrt(2 / features), weights.inner.shape)
    weights.outer[:] = random.normal(0, np.sqrt(1 / hidden), weights.outer.shape)
    gradient, adam = _Weights(nets, features, hidden, classes), _adam(weights)
    known, wanted = x.astype(np.float32), np.eye(classes, dtype=np.float32)[labels]
    for step, rows in enumerate(_batches(len(x), nets, random)):
        noise = random.standard_normal((*rows.shape, features), np.float32)
        _differentiate(weights, known[rows] + np.float32(NOISE) * noise, wanted[rows], gradient)
        adam(step, gradient.flat)
    return [Net(*[np.asarray(part[i], np.float64).squeeze() for part in weights.parts]) for i in range(nets)]


class _Weights:
    """Of `nets` networks: one flat float32 vector, so that one step changes all, and views of its parts."""

    def __init__(self, nets: int, features: int, hidden: int, classes: int) -> None:
        shapes = (nets, features, hidden), (nets, 1, hidden), (nets, hidden, classes), (nets, 1, classes)
        ends = np.cumsum([0, *[int(np.prod(shape)) for shape in shapes]])
        self.flat = np.zeros(ends[-1], np.float32)
        self.parts = [self.flat[a:b].reshape(shape) for a, b, shape in zip(ends, ends[1:], shapes, strict=False)]
        self.inner, self.inner_bias, self.outer, self.outer_bias = self.parts


def _batches(count: int, nets: int, random: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Numbers of parts, int64 [nets, size], for STEPS steps; each network has its own order."""
    size, at = min(BATCH, count), count
    for _ in range(STEPS):
        if at + size > count:
            order, at = random.permuted(np.tile(np.arange(count), (nets, 1)), axis=1), 0
        yield order[:, at : at + size]
        at += size


def _differentiate(it: _Weights, x: Floats, wanted: Floats, into: _Weights) -> None:
    """The gradient of the mean cross-entropy; x: float32 [nets, size, p], wanted: [nets, size, c]."""
    hidden = np.maximum(x @ it.inner + it.inner_bias, 0.0)
    logits = hidden @ it.outer + it.outer_bias
    share = np.exp(logits - logits.max(axis=2, keepdims=True))
    error = (share / share.sum(axis=2, keepdims=True) - wanted) / x.shape[1]
    back = (error @ it.outer.transpose(0, 2, 1)) * (hidden > 0)
    np.matmul(x.transpose(0, 2, 1), back, out=into.inner)
    np.sum(back, axis=1, keepdims=True, out=into.inner_bias)
    np.matmul(hidden.transpose(0, 2, 1), error, out=into.outer)
    np.sum(error, axis=1, keepdims=True, out=into.outer_bias)


def _adam(weights: _Weights) -> Callable[[int, Floats], None]:
    """What changes `weights` in place by a gradient; matrices decay, biases do not."""
    first, second = np.zeros_like(weights.flat), np.zeros_like(weights.flat)
    kept = np.concatenate([np.full(part.size, i % 2 == 0) for i, part in enumerate(weights.parts)]).astype(np.float32)

    def change(step: int, gradient: Floats) -> None:
        nonlocal first, second
        rate = RATE * (1 + np.cos(np.pi * step / STEPS)) / 2
        first += np.float32(1 - _BETA1) * (gradient - first)
        second += np.float32(1 - _BETA2) * (gradient * gradient - second)
        spread = np.sqrt(second / np.float32(1 - _BETA2 ** (step + 1))) + np.float32(_EPSILON)
        weights.flat -= np.float32(rate / (1 - _BETA1 ** (step + 1))) * first / spread
        weights.flat -= np.float32(rate * DECAY) * kept * weights.flat

    return change
