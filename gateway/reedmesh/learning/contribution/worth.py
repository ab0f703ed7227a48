"""The worth of neighbours' sums to us: how much better a machine is known, and faults stand out, with them. Pure.

The value of a coalition is the sum of two logarithms, on windows of our youngest machine that its covariance was not
learnt from, for there neighbours matter most: the likelihood of normal windows, per feature, and the median score of
synthetic faults over the 95 % quantile of normal scores. Each neighbour has one share of a federation's covariance, and
who is not in the coalition is replaced by our own; so an echo of our covariance is worth nothing, and nobody earns by
making others weigh less. Shares are Shapley values (`shapley.py`), rounded to 1e-12: ordinary floating point, for
nothing that runs depends on it.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from reedmesh.learning import covariance, detector, faultset, states
from reedmesh.learning.arrays import Doubles, Windows
from reedmesh.learning.contribution import shapley
from reedmesh.learning.contribution.shapley import Coalition
from reedmesh.learning.covariance import FLOOR, PRIOR, Scatter
from reedmesh.learning.told import Told
from reedmesh.protocol.recipe import Recipe

FEWEST = 40  # windows of a machine to judge by
BLOCK = 8  # windows in a row that are learnt from, or judged by, in turn
ROWS = 40  # normal windows to judge by
FAULTY = 24  # windows of each fault to judge by
QUANTILE = 0.95


def of(recipe: Recipe, machines: Sequence[Windows], neighbours: Mapping[str, Told]) -> dict[str, float]:
    """The share of each neighbour in the gain of all, in natural logarithms; {} without enough windows to judge by."""
    enough = [windows for windows in machines if len(windows) >= FEWEST]
    if not neighbours or not enough:
        return {}
    judge = Judge(recipe, min(enough, key=len), neighbours)
    return {name: round(share, 12) for name, share in shapley.shares(neighbours, judge.value).items()}


class Judge:
    """A machine whose windows tell what a coalition's covariance is worth."""

    def __init__(self, recipe: Recipe, windows: Windows, neighbours: Mapping[str, Told]) -> None:
        state = detector.choose(windows)
        judged = np.arange(len(windows)) // BLOCK % 2 == 1
        parts = states.split(windows[~judged], np.unique(state[~judged], return_inverse=True)[1])
        scatter = detector.within(parts)
        centres = {k: windows[~judged & (state == k)].mean(axis=0) for k in np.unique(state[~judged])}
        known = judged & np.isin(state, list(centres))
        some = np.flatnonzero(known)[:: max(1, known.sum() // ROWS)]
        around = np.stack([centres[k] for k in state[some]])
        self._normal = windows[some] - around
        few = np.linspace(0, len(some) - 1, FAULTY).astype(int)
        faulty = faultset.faulty(recipe, windows[some[few]]).values()
        self._faults = np.concatenate([each - around[few] for each in faulty])
        self._own, self._weight = scatter.covariance, scatter.freedom + PRIOR * recipe.length
        self._freedom = scatter.freedom
        self._theirs = _clipped(scatter, neighbours)

    def value(self, coalition: Coalition) -> float:
        """How well a coalition's covariance explains the machine and tells faults from it, in natural logarithms."""
        count = len(self._theirs)
        shared = self._own * (count - len(coalition)) + sum(self._theirs[name] for name in sorted(coalition))
        prior = self._weight - self._freedom
        precision = _precision((self._freedom * self._own + prior * shared / count) / self._weight, self._weight)
        normal = np.sort(_scores(self._normal, precision))
        likelihood = (np.linalg.slogdet(precision).logabsdet - normal.mean()) / 2 / len(precision)
        medians = np.sort(_scores(self._faults, precision).reshape(-1, FAULTY), axis=1)[:, FAULTY // 2]
        return float(likelihood + np.log(medians).mean() - np.log(normal[int(QUANTILE * len(normal))]))


def _clipped(own: Scatter, neighbours: Mapping[str, Told]) -> dict[str, Doubles]:
    names = sorted(neighbours)
    found = covariance.clipped(own, [neighbours[name].scatter.covariance for name in names])
    return dict(zip(names, found, strict=True))


def _precision(matrix: Doubles, windows: float) -> Doubles:
    """The inverse of a covariance, its correlations shrunk as `covariance.py` does."""
    deviations = np.sqrt(np.maximum(np.diagonal(matrix), FLOOR))
    correlations = matrix / np.outer(deviations, deviations)
    np.fill_diagonal(correlations, 1.0)
    return np.asarray(np.linalg.inv(covariance.shrunk(correlations, windows)) / np.outer(deviations, deviations))


def _scores(rows: Doubles, precision: Doubles) -> Doubles:
    found = np.einsum("ij,ij->i", rows @ precision, rows)
    return np.asarray(np.maximum(found, 1e-9))  # below zero: by rounding of the sums
