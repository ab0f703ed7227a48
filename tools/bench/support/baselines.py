"""Other methods on the same features: Ledoit and Wolf's covariance, five nearest neighbours, isolation forest.

scikit-learn's, which the product does without. Each gets the threshold rule of learning by sums, its margin over the
quantile of windows held out in blocks; the forest, whose scores are no distances, the 99 % quantile without a margin.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors

from reedmesh.inference.family import Family
from reedmesh.learning import threshold

Scores = NDArray[np.float64]
Scorer = Callable[[NDArray[np.int8]], Scores]
NEAREST = 5


def ledoit_wolf(windows: NDArray[np.int8], _: int) -> Scorer:
    """Squared Mahalanobis distance."""
    fitted = LedoitWolf().fit(_scaled(windows, windows))
    return lambda x: np.asarray(fitted.mahalanobis(_scaled(windows, x)))


def nearest(windows: NDArray[np.int8], _: int) -> Scorer:
    """Mean squared distance to the nearest five."""
    fitted = NearestNeighbors(n_neighbors=NEAREST).fit(_scaled(windows, windows))
    return lambda x: np.asarray((fitted.kneighbors(_scaled(windows, x))[0] ** 2).mean(axis=1))


def forest(windows: NDArray[np.int8], seed: int) -> Scorer:
    """Isolation forest of 100 trees."""
    fitted = IsolationForest(n_estimators=100, random_state=seed, n_jobs=1).fit(windows)
    return lambda x: np.asarray(-fitted.score_samples(x))


WAYS = {"Ledoit-Wolf": ledoit_wolf, "5-NN": nearest, "isolation forest": forest}


def learnt(family: Family, way: str, windows: NDArray[np.int8], seed: int) -> tuple[Scorer, float]:
    """A baseline and its threshold, from the windows of one machine, or of several one after the other."""
    make, part = WAYS[way], threshold.folds(len(windows))
    held_out = np.zeros(len(windows))
    for fold in range(threshold.FOLDS):
        held = part == fold
        held_out[held] = make(windows[~held], seed)(windows[held])
    if way == "isolation forest":
        return make(windows, seed), float(np.quantile(held_out, 0.99))
    return make(windows, seed), family.sums.margin * float(np.quantile(held_out, family.sums.quantile))


def _scaled(learnt_from: NDArray[np.int8], windows: NDArray[np.int8]) -> Scores:
    """In standard deviations, or halves of a step if that is more."""
    deviation = np.maximum(learnt_from.std(axis=0), 0.5)
    return np.asarray((windows - learnt_from.mean(axis=0)) / deviation)
