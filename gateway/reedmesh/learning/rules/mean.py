"""A rule that trusts every neighbour: the plain mean, as federated averaging without a server. For comparison. Pure.

One dishonest neighbour can move a mean as far as it likes. Use this rule only where no neighbour can be attacked.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from reedmesh.learning.aggregate import Loss, Merged, Peer
from reedmesh.learning.arrays import Doubles, Floats
from reedmesh.learning.covariance import Scatter


def merge(own: Floats, _public: Floats, _windows: int, peers: Mapping[str, Peer], _loss: Loss, _step: float) -> Merged:
    """As in `Rule`: the mean of our weights and of those of all neighbours, each with the same share."""
    weights = np.stack([own, *(peers[name].weights for name in sorted(peers))])
    return Merged(
        np.asarray(weights.mean(axis=0), np.float32),
        dict.fromkeys(peers, 1 / (1 + len(peers))),
        {},
        dict.fromkeys(peers, 0.0),
    )


def pool(_own: Scatter, neighbours: Sequence[Scatter]) -> Doubles | None:
    """As in `Rule`: the mean of the neighbours' covariances, each with the same share."""
    found = [each.covariance for each in neighbours if each.freedom > 0]
    return np.asarray(sum(found) / len(found)) if found else None
