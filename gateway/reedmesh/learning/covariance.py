"""How the features of a machine vary together within a state: own windows, the federation's, and independence. Pure.

Own scatter S of n windows counts beside a federation's covariance F as if F came from PRIOR * p windows (the mean of a
normal covariance under an inverse-Wishart prior: Gelman et al., Bayesian Data Analysis, 3.6): much for a young machine,
little for one that knows itself. The correlations that come of it shrink towards none by the closed form of Chen,
Wiesel, Eldar and Hero (2010, IEEE TSP 58(10)), which follows from the number of windows. Neighbours have one vote each,
and a direction in which one varies more than CAP times as much as the median of all does is clipped.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reedmesh.learning import exact
from reedmesh.learning.arrays import Doubles
from reedmesh.learning.sums import Ints

FLOOR = 0.25  # squared steps: half a step, about what rounding to whole steps adds
PRIOR = 0.075  # windows for each feature; measured on three recordings, docs/decisions/0028 has the table
CAP = 2.0  # times the median neighbour's variance


@dataclass(frozen=True)
class Scatter:
    """Within-state scatter of one gateway's machines, int64 [p, p], and its degrees of freedom."""

    matrix: Ints
    freedom: int

    @property
    def covariance(self) -> Doubles:
        """Float64 [p, p]; zeros where there is no degree of freedom."""
        return np.asarray(self.matrix / max(1, self.freedom))


@dataclass(frozen=True)
class Shape:
    """A covariance as deviations [p] and correlations L L' [p, p], by their lower triangle L.

    own: the share that own windows have in it.
    """

    deviations: Doubles
    lower: Doubles
    own: float

    @property
    def whitening(self) -> Doubles:
        """W [p, p], a lower triangle: W W' is the inverse covariance, and |W (x - mean)|**2 Mahalanobis' distance."""
        return exact.inverse(self.lower) / self.deviations

    @property
    def log_determinant(self) -> float:
        """Of the covariance."""
        return 2.0 * exact.total(exact.logarithm(np.diagonal(self.lower) * self.deviations))


def shape(own: Scatter, federation: Doubles | None = None) -> Shape:
    """The covariance to judge a machine by; federation: as `pooled` gives it."""
    prior = PRIOR * len(own.matrix) if federation is not None else 0.0
    weight = own.freedom + prior
    mixed = own.matrix + (prior * federation if federation is not None else 0.0)
    covariance = mixed / max(1.0, weight)
    deviations = np.sqrt(np.maximum(np.diagonal(covariance), FLOOR))
    correlations = covariance / (deviations[:, None] * deviations)
    np.fill_diagonal(correlations, 1.0)
    return Shape(deviations, triangle(shrunk(correlations, weight)), own.freedom / max(1.0, weight))


def triangle(correlations: Doubles) -> Doubles:
    """The lower triangle L with L L' = correlations, which are halved until they are positive definite.

    Sums are told in whole squared steps. Of few windows that hardly move, what rounding adds may be larger than what
    they vary by, and leave no covariance.
    """
    while True:
        try:
            return exact.cholesky(correlations)
        except ValueError:
            correlations = correlations / 2
            np.fill_diagonal(correlations, 1.0)


def pooled(own: Scatter, neighbours: Sequence[Scatter]) -> Doubles | None:
    """The neighbours' covariance, each with one vote and clipped; None when nobody has one."""
    heard = [each for each in neighbours if each.freedom > 0]
    if not heard:
        return None
    kept = clipped(own, [each.covariance for each in heard])
    mean = kept[0]
    for each in kept[1:]:
        mean = mean + each
    return mean / len(kept)


def shrunk(correlations: Doubles, windows: float) -> Doubles:
    """Correlations of p features towards none, as little as `windows` warrant."""
    p = len(correlations)
    square = exact.total(correlations * correlations)
    apart = square - p
    intensity = 1.0 if apart <= 0 else min(1.0, (square + p * p) / (max(1.0, windows) * apart))
    out = (1.0 - intensity) * correlations
    np.fill_diagonal(out, 1.0)
    return out


def clipped(own: Scatter, covariances: Sequence[Doubles]) -> list[Doubles]:
    """Each covariance, its variance per whitened direction of ours at most CAP times the median's of all."""
    base = shape(own) if own.freedom > 1 else shape(Scatter(np.zeros_like(own.matrix), 1))
    lower = base.lower * base.deviations[:, None]
    white = base.whitening
    ours = np.ones(len(white))
    turned = [exact.product(exact.product(white, each), white.T) for each in covariances]
    variances = [np.maximum(np.diagonal(each), 1e-9) for each in turned]
    most = CAP * np.median(np.stack([ours, *variances]), axis=0)
    factors = [np.sqrt(np.minimum(1.0, most / each)) for each in variances]
    kept = [each * (factor[:, None] * factor) for each, factor in zip(turned, factors, strict=True)]
    return [exact.product(exact.product(lower, each), lower.T) for each in kept]
