"""Mahalanobis' distance as the int8 model that sensors run: y = z - W (z - c), so that sum((z - y)**2) is the distance.

z is the features under their scaling; c the centre of the state the window is in, by a softmax of the distances to all
that is as good as a choice; W the whitening of `covariance.py` in the units of z. With one state c is 0, and
y = (I - W) z is one layer. What is computed here is what the sensor computes, to the bit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reedmesh.inference import normalisation
from reedmesh.learning import exact
from reedmesh.learning.arrays import Doubles, Windows
from reedmesh.learning.sums import Ints
from reedmesh.protocol.scaling import ONE

Bytes = NDArray[np.int8]
Singles = NDArray[np.float32]

REACH = 8.0  # units to the farthest window learnt from; int8 holds 16
_FEWEST_STEPS = 1.0  # a unit, in feature steps
WHOLE = 256  # parts of a softmax's output
_SHARP = 16.0  # exp(-16) of a share is none
_LOGITS = 100.0  # of int8's 127: how far the states' logits reach for windows learnt from


@dataclass(frozen=True)
class Layer:
    """A dense layer: int8 weights [out, in] with a scale per row, int32 biases, scales of input and output."""

    weights: Bytes
    scales: Singles
    biases: NDArray[np.int32]
    entry: float
    end: float

    def run(self, x: Ints) -> Ints:
        """int8 values [m, in] -> [m, out], as TFLite's reference kernel has them (zero points 0)."""
        sums = x @ self.weights.T.astype(np.int64) + self.biases
        return np.clip(_requantised(sums, self.entry, self.scales, self.end), -128, 127)


@dataclass(frozen=True)
class Whitening:
    """means, gains: the scaling. layer: W, or I - W for one state. For several: states, whose output, one logit each,
    a softmax of `sharpness` turns into shares in 256ths, and centres, which turns those into c."""

    means: list[int]
    gains: list[int]
    layer: Layer
    states: Layer | None = None
    centres: Layer | None = None

    @property
    def sharpness(self) -> float:
        """Beta of the softmax: so high that a state one step of the logits below another has no share."""
        return _SHARP / self.states.end if self.states else 1.0

    def scores(self, windows: Windows) -> Ints:
        """Of int8 windows [m, p]: int64 [m], as gateway and sensor have them of the model."""
        residuals = self.residuals(windows)
        return np.asarray((residuals * residuals).sum(axis=1))

    def residuals(self, windows: Windows) -> Ints:
        """z - y of int8 windows [m, p]: int64 [m, p]."""
        z = normalisation.apply(windows, self.means, self.gains).astype(np.int64)
        if self.states is None or self.centres is None:
            return np.asarray(z - self.layer.run(z))
        apart = np.clip(z - self.centres.run(_shares(self.states.run(z))), -128, 127)
        return np.asarray(z - np.clip(z - self.layer.run(apart), -128, 127))


def scaling_for(windows: Windows, deviations: Doubles) -> tuple[list[int], list[int]]:
    """Means in sixteenths and gains of windows, int8 [m, p], m > 0, whose within-state deviations [p] are known."""
    means, _ = normalisation.gains(normalisation.fit(windows))
    far = np.abs(16 * windows.astype(np.int64) - np.array(means)).max(axis=0) / (16 * REACH)
    return means, normalisation.gains(normalisation.fit(windows), np.maximum(deviations, far).tolist())[1]


def whitening(scaled: tuple[list[int], list[int]], centres: Doubles, white: Doubles, windows: Windows) -> Whitening:
    """The model of states with `centres` [k, p] in feature steps and a `white` matrix [p, p] per feature step.

    scaled: means and gains. windows: learnt from; the logits' range follows from them.
    """
    means, gains = scaled
    unit = (1 << 14) / np.array(gains, np.float64)
    placed = (centres - np.array(means) / 16) / unit
    ours = white * unit
    if len(placed) == 1:
        return Whitening(means, gains, quantised(np.eye(len(ours)) - ours, 1 / ONE, 1 / ONE))
    states = _logits(placed, ours, normalisation.apply(windows, means, gains))
    return Whitening(means, gains, quantised(ours, 1 / ONE, 1 / ONE), states, quantised(placed.T, 1 / WHOLE, 1 / ONE))


def _shares(logits: Ints) -> Ints:
    """A sharp softmax in 256ths, the whole being 255: the highest logit's state, or those that share it."""
    highest = logits == logits.max(axis=1, keepdims=True)
    return np.asarray(highest * np.minimum(255, (2 * WHOLE + 1) // (2 * highest.sum(axis=1, keepdims=True))))


def _logits(centres: Doubles, white: Doubles, z: Bytes) -> Layer:
    """Half the distance to each state, negative, less what all have in common; its scale is a power of two."""
    turned = exact.product(centres, white.T)
    rows = exact.product(turned, white)
    offsets = -0.5 * _row_sums(turned * turned)
    rows, offsets = rows - _mean(rows), offsets - _mean(offsets[:, None])[0]
    reach = np.abs(exact.product(z / ONE, rows.T) + offsets).max(initial=1.0) / _LOGITS
    end = float(2.0 ** np.frexp(max(reach, 1 / ONE))[1])
    return quantised(rows, 1 / ONE, end, offsets)


def quantised(matrix: Doubles, entry: float, end: float, biases: Doubles | None = None) -> Layer:
    """`matrix` [out, in] and `biases` [out] in int8 and int32, each row with a scale of its own; entry, end: scales of
    input and output."""
    scales = (np.maximum(np.abs(matrix).max(axis=1), 1e-6) / 127).astype(np.float32)
    weights = np.clip(np.rint(matrix / scales[:, None].astype(np.float64)), -127, 127).astype(np.int8)
    offsets = np.zeros(len(matrix)) if biases is None else biases / (scales.astype(np.float64) * entry)
    return Layer(weights, scales, np.rint(np.clip(offsets, -1e9, 1e9)).astype(np.int32), entry, end)


def _requantised(sums: Ints, entry: float, scales: Singles, end: float) -> Ints:
    """Sums times entry * scale / end, halves away from zero, as LiteRT's reference kernel and our sensors round."""
    exact_values = sums * (scales.astype(np.float64) * (entry / end))
    whole = np.trunc(exact_values)
    return np.asarray((whole + np.trunc(2.0 * (exact_values - whole))).astype(np.int64))


def _row_sums(values: Doubles) -> Doubles:
    out = np.zeros(len(values))
    for column in values.T:
        out = out + column
    return out


def _mean(rows: Doubles) -> Doubles:
    return _row_sums(rows.T) / len(rows)
