"""What gateways tell each other of their parts: how OK parts with one recipe scatter and score, and a network. Pure.

No part, no curve, no label and no number of a part leaves the gateway: of its faults neighbours hear a small network
that tells OK from NOK (`shared_net.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from reedmesh.inference import normalisation
from reedmesh.inference.family import part_tensors
from reedmesh.learning import covariance, sums, threshold
from reedmesh.learning.arrays import Floats, Windows
from reedmesh.learning.covariance import Scatter
from reedmesh.learning.parts import detector, model, shared_net
from reedmesh.learning.parts.limits import Costs
from reedmesh.learning.parts.model import PartModel, Taught
from reedmesh.learning.told import Told
from reedmesh.protocol.recipe import Cycle

FEWEST = detector.FEWEST  # OK parts, ours and theirs: the covariance of fewer may not be positive once it is clipped


@dataclass(frozen=True)
class Heard:
    """Of a neighbour. told: its sums. weights: of its network, float32; zeros where it knows no faults."""

    told: Told
    weights: Floats


@dataclass(frozen=True)
class Learnt:
    """made: the model. told, weights: for neighbours. worth: of each neighbour's sums in it; apart: how well the
    network of each in it tells our parts apart, as an area under the curve; refused: why the others are not.
    """

    made: PartModel
    told: Told
    weights: Floats
    worth: dict[str, float] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    apart: dict[str, float] = field(default_factory=dict)

    @property
    def share(self) -> dict[str, float]:
        """Of the covariance that OK parts are judged by, that of each neighbour in it; 0 of one whose network is."""
        prior = covariance.PRIOR * len(self.told.scatter.matrix)
        each = prior / (prior + self.told.scatter.freedom) / max(1, len(self.worth))
        return {**dict.fromkeys(self.apart, 0.0), **dict.fromkeys(self.worth, round(each, 4))}


def learn(
    taught: Taught,
    recipe: Cycle,
    costs: Costs,
    neighbours: Mapping[str, Heard],
    hidden: int,
    seed: int = 1,
    fewest: int = detector.FEWEST,
) -> Learnt:
    """The model of a station, with those neighbours whose sums make our parts likelier, or whose network tells them
    apart; raises ValueError.

    hidden: units of the network that is told.
    """
    believed, refused = {}, {}
    for name, each in sorted(neighbours.items()):
        gain = worth(taught.ok, recipe, each.told.scatter)
        if gain > 0:
            believed[name] = round(gain, 9)
        else:
            refused[name] = f"OK parts here are less likely by its parts: {gain:.3f} a feature"
    apart, nets = _nets(taught, recipe, neighbours)
    sums_of = [neighbours[name].told.scatter for name in believed]
    made = model.learn(taught, recipe, costs, seed, sums_of, fewest, nets)
    refused = {name: why for name, why in refused.items() if name not in apart}
    return Learnt(
        made, telling(taught.ok, made), _weights(taught, recipe, hidden, seed, made), believed, refused, apart
    )


def _nets(
    taught: Taught, recipe: Cycle, neighbours: Mapping[str, Heard]
) -> tuple[dict[str, float], list[shared_net.Shared]]:
    """The networks that tell our parts apart, at most MOST, the best first."""
    known = {name: shared_net.read(each.weights, recipe.length) for name, each in neighbours.items()}
    found = {name: shared_net.apart(net, taught.parts, taught.labels) for name, net in sorted(known.items()) if net}
    best = sorted((name for name, area in found.items() if area >= shared_net.LEAST), key=lambda name: -found[name])
    best = best[: shared_net.MOST]
    return {name: round(found[name], 4) for name in best}, [net for name in best if (net := known[name])]


def _weights(taught: Taught, recipe: Cycle, hidden: int, seed: int, made: PartModel) -> Floats:
    """Of the network for neighbours; zeros of who knows too few faults."""
    if (taught.labels > 0).sum() < shared_net.FEWEST:
        return np.zeros(sum(part_tensors(recipe.length, hidden)), np.float32)
    z = normalisation.apply(taught.parts, made.means, made.gains)
    return shared_net.learn(z, made.gains, taught.labels, hidden, seed).weights


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
