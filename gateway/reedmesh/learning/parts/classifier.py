"""The classifier of parts: a small network over the features that the detector scales, from labelled parts. Pure.

One hidden layer with ReLU, softmax cross-entropy, Adam with decoupled weight decay (Loshchilov and Hutter, 2019) and a
cosine schedule; noise on the inputs, because there are few faults of each kind. NETS networks are trained from their
own starts and vote by the mean of their logits, which is again one network with NETS times the hidden units.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reedmesh.learning.arrays import Doubles, Windows
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


def start(features: int, classes: int, seed: int) -> Net:
    """He's start of NETS networks side by side; outputs average over them."""
    random, units = np.random.default_rng(seed), NETS * HIDDEN
    inner = random.normal(0, np.sqrt(2 / features), (features, units))
    return Net(
        inner, np.zeros(units), random.normal(0, np.sqrt(1 / HIDDEN), (units, classes)) / NETS, np.zeros(classes)
    )


def fit(z: Windows, labels: Labels, classes: int, seed: int, begun: Net | None = None, steps: int = STEPS) -> Net:
    """Learn the class of z, int8 [m, p] in eighths; labels 0..classes - 1. Equal calls give equal weights here.

    begun: weights to go on from; None: a new start.
    """
    x = z / float(ONE)
    middle, unit = _middle(x)
    standard = (x - middle) / unit
    net = _entered(begun, middle, unit) if begun else start(z.shape[1], classes, seed)
    random = np.random.default_rng(seed)
    nets = [_trained(each, standard, np.eye(classes)[labels], random, steps) for each in _apart(net)]
    return _left(_together(nets), middle, unit)


def mean(nets: "list[Net]", shares: "list[float]") -> Net:
    """The weighted mean of networks that went on from the same weights, as federated averaging has it."""
    whole = sum(shares)
    parts = zip(*[each.tensors for each in nets], strict=True)
    return Net(*[np.asarray(sum(s * t for s, t in zip(shares, of, strict=True)) / whole) for of in parts])


def _middle(x: Doubles) -> tuple[Doubles, Doubles]:
    return x.mean(axis=0), np.maximum(x.std(axis=0), _LEAST)


def _entered(net: Net, middle: Doubles, unit: Doubles) -> Net:
    """`net` as it is over standardised inputs."""
    return Net(net.inner * unit[:, None], net.inner_bias + middle @ net.inner, net.outer, net.outer_bias)


def _left(net: Net, middle: Doubles, unit: Doubles) -> Net:
    """`net` over inputs in units again."""
    inner = net.inner / unit[:, None]
    return Net(inner, net.inner_bias - middle @ inner, net.outer, net.outer_bias)


def _apart(net: Net) -> list[Net]:
    columns = [slice(i * HIDDEN, (i + 1) * HIDDEN) for i in range(NETS)]
    return [
        Net(net.inner[:, each], net.inner_bias[each], net.outer[each] * NETS, net.outer_bias.copy()) for each in columns
    ]


def _together(nets: list[Net]) -> Net:
    inner, bias = np.concatenate([each.inner for each in nets], axis=1), np.concatenate([n.inner_bias for n in nets])
    outer = np.concatenate([each.outer for each in nets]) / NETS
    return Net(inner, bias, outer, np.mean([each.outer_bias for each in nets], axis=0))


def _trained(net: Net, x: Doubles, wanted: Doubles, random: np.random.Generator, steps: int) -> Net:
    weights = [each.copy() for each in net.tensors]
    adam = _adam(weights, steps)
    size = min(BATCH, len(x))
    order = random.permutation(len(x))
    for step in range(steps):
        at = step * size % len(x)
        if at + size > len(x):
            order, at = random.permutation(len(x)), 0
        rows = order[at : at + size]
        noisy = x[rows] + NOISE * random.normal(size=(size, x.shape[1]))
        adam(step, _gradient(Net(*weights), noisy, wanted[rows]))
    return Net(*weights)


def _gradient(net: Net, x: Doubles, wanted: Doubles) -> list[Doubles]:
    hidden = net.hidden(x)
    logits = hidden @ net.outer + net.outer_bias
    share = np.exp(logits - logits.max(axis=1, keepdims=True))
    error = (share / share.sum(axis=1, keepdims=True) - wanted) / len(x)
    back = (error @ net.outer.T) * (hidden > 0)
    return [x.T @ back, back.sum(axis=0), hidden.T @ error, error.sum(axis=0)]


def _adam(weights: list[Doubles], steps: int) -> Callable[[int, list[Doubles]], None]:
    """What changes `weights` in place by a gradient."""
    first, second = [np.zeros_like(each) for each in weights], [np.zeros_like(each) for each in weights]

    def change(step: int, gradient: list[Doubles]) -> None:
        rate = RATE * (1 + np.cos(np.pi * step / steps)) / 2
        for w, m, v, g in zip(weights, first, second, gradient, strict=True):
            m += (1 - _BETA1) * (g - m)
            v += (1 - _BETA2) * (g * g - v)
            w -= rate * m / (1 - _BETA1 ** (step + 1)) / (np.sqrt(v / (1 - _BETA2 ** (step + 1))) + _EPSILON)
            if w.ndim == 2:
                w -= rate * DECAY * w

    return change
