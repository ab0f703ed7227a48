"""What gateways tell each other of their parts: how OK parts with one recipe scatter, and how they score. Pure.

No part, no curve, no label and no number of a part leaves the gateway: of its faults neighbours hear nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from reedmesh.learning import covariance, sums, threshold
from reedmesh.learning.arrays import Windows
from reedmesh.learning.covariance import Scatter
from reedmesh.learning.parts import detector, model
from reedmesh.learning.parts.limits import Costs
from reedmesh.learning.parts.model import PartModel, Taught
from reedmesh.learning.told import Told
from reedmesh.protocol.recipe import Cycle

FEWEST = detector.FEWEST  # OK parts, ours and theirs: the covariance of fewer may not be positive once it is clipped


@dataclass(frozen=True)
class Learnt:
    """made: the model. told: for neighbours. worth: of each neighbour in it; refused: why the others are not."""

    made: PartModel
    told: Told
    worth: dict[str, float] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def share(self) -> dict[str, float]:
        """Of the covariance that OK parts are judged by, that of each neighbour in it."""
        prior = covariance.PRIOR * len(self.told.scatter.matrix)
        each = prior / (prior + self.told.scatter.freedom) / max(1, len(self.worth))
        return dict.fromkeys(self.worth, round(each, 4))


def learn(taught: Taught, recipe: Cycle, costs: Costs, neighbours: Mapping[str, Told]) -> Learnt:
    """The model of a station, with those neighbours by whose parts ours become likelier; raises ValueError."""
    believed, refused = {}, {}
    for name, each in sorted(neighbours.items()):
        gain = worth(taught.ok, recipe, each.scatter)
        if gain > 0:
            believed[name] = round(gain, 9)
        else:
            refused[name] = f"OK parts here are less likely by its parts: {gain:.3f} a feature"
    made = model.learn(taught, recipe, costs, neighbours=[neighbours[name].scatter for name in believed])
    return Learnt(made, telling(taught.ok, made), believed, refused)


def telling(ok: Windows, made: PartModel) -> Told:
    """The sums for neighbours."""
    return Told(Scatter(sums.of(ok).scatter, len(ok) - 1), threshold.histogram(np.array(made.held_out)))


def worth(ok: Windows, recipe: Cycle, neighbour: Scatter) -> float:
    """By how much OK parts that were held out become likelier with a neighbour's, in natural logarithms a feature."""
    if len(ok) < FEWEST or neighbour.freedom < FEWEST - 1:
        return -1.0
    own, pool, fold = sums.of(ok), detector.pooling(recipe), threshold.folds(len(ok))
    federation = covariance.pooled(detector.pooled(own, pool), [detector.theirs(neighbour, pool)])
    gains = []
    for each in range(threshold.FOLDS):
        held = ok[fold == each]
        rest = own - sums.of(held)
        away = (held - rest.total / rest.count) @ pool.T
        scatter = detector.pooled(rest, pool)
        alone, together = covariance.shape(scatter), covariance.shape(scatter, federation)
        gains += [_likelihood(together, away) - _likelihood(alone, away)]
    return float(np.mean(gains))


def _likelihood(shape: covariance.Shape, away: np.ndarray) -> float:
    """The mean logarithm of a normal density, a feature, without what is the same in all."""
    distance = ((away @ shape.whitening.T) ** 2).sum(axis=1).mean()
    return float(-(shape.log_determinant + distance) / 2 / away.shape[1])
