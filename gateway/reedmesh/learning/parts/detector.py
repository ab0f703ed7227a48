"""The detector of parts, from OK parts alone, in closed form on integer sums: Mahalanobis' distance of the curve. Pure.

Where a curve has many points, neighbouring ones say nearly the same, and their covariance wants more parts than a line
has made; so the distance is taken of sums of neighbours, at most MOST a curve. The features stay as they are: a
classifier over the same ones wants them fine.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reedmesh.learning import covariance, sums, threshold
from reedmesh.learning.arrays import Windows
from reedmesh.learning.covariance import Scatter
from reedmesh.learning.sums import Ints, Sums
from reedmesh.learning.whitening import Whitening, scaling_for, whitening
from reedmesh.protocol.recipe import CYCLE, Cycle, Recipe

FEWEST = 20  # OK parts
MOST = 40  # points of a curve the distance is taken of; tuned on the training half of the wafer recording
_HALF_STEP = 0.5  # deviation that rounding alone adds


@dataclass(frozen=True)
class Detector:
    """model: y = z - W z. held_out: int64 [m], the score of each OK part by a model that was learnt without it."""

    model: Whitening
    held_out: Ints


def learn(parts: Windows, recipe: Recipe, neighbours: Sequence[Scatter] = (), fewest: int = FEWEST) -> Detector:
    """The detector from OK `parts`, int8 [m, recipe.length] in their order, m >= fewest >= 4.

    neighbours: how their OK parts scatter. Raises ValueError for too few parts.
    """
    if len(parts) < fewest:
        raise ValueError(f"{len(parts)} OK parts, at least {fewest} are needed")
    own, pool = sums.of(parts), pooling(recipe)
    federation = covariance.pooled(pooled(own, pool), [theirs(each, pool) for each in neighbours])
    scaled = scaling_for(parts, _deviations(own))
    fold, scores = threshold.folds(len(parts)), np.zeros(len(parts), np.int64)
    for each in range(threshold.FOLDS):
        held = fold == each
        kept = own - sums.of(parts[held])
        scores[held] = _model(kept, pool, federation, scaled, parts).scores(parts[held])
    return Detector(_model(own, pool, federation, scaled, parts), scores)


def pooling(recipe: Recipe) -> NDArray[np.int64]:
    """Zeros and ones [q, recipe.length]: which features each of the q pooled ones is the sum of."""
    by = -(-recipe.points // MOST) if isinstance(recipe, Cycle) else 1
    axis = [*_runs(recipe.points, by), *_runs(recipe.points, by), *[1] * CYCLE] if isinstance(recipe, Cycle) else [1]
    sizes = axis * (recipe.length // sum(axis))
    return np.repeat(np.eye(len(sizes), dtype=np.int64), sizes, axis=1)


def theirs(of: Scatter, pool: NDArray[np.int64]) -> Scatter:
    """A neighbour's scatter, of the pooled features."""
    return Scatter(pool @ of.matrix @ pool.T, of.freedom)


def _runs(points: int, by: int) -> list[int]:
    return [min(by, points - at) for at in range(0, points, by)]


def pooled(of: Sums, pool: NDArray[np.int64]) -> Scatter:
    """How the pooled features scatter.

    Not rounded to whole squared steps: of a few parts whose readings hardly move, that would leave no covariance.
    """
    exact = pool @ (of.count * of.products - np.multiply.outer(of.total, of.total)) @ pool.T
    return Scatter(exact / max(1, of.count), max(0, of.count - 1))  # type: ignore[arg-type]


def _deviations(of: Sums) -> NDArray[np.float64]:
    return np.maximum(np.sqrt(np.diagonal(of.scatter) / max(1, of.count - 1)), _HALF_STEP)


def _model(
    of: Sums,
    pool: NDArray[np.int64],
    federation: NDArray[np.float64] | None,
    scaled: tuple[list[int], list[int]],
    parts: Windows,
) -> Whitening:
    """A row for each pooled feature; the rows that are left give z itself, and so add nothing to the distance."""
    white = covariance.shape(pooled(of, pool), federation).whitening @ pool
    square = np.zeros((white.shape[1], white.shape[1]))
    square[: len(white)] = white
    return whitening(scaled, (of.total / of.count)[None], square, parts)
