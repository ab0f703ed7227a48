"""Finds a neighbour that repeats the update of another: it counts once, for the first one. Pure.

Two machines never vary alike to a thousandth: the sampling error of a covariance of d features from n windows is about
sqrt(d / n), which takes 60 million windows of 60 features to come down to that.
"""

from collections.abc import Mapping

import numpy as np

from reedmesh.learning.aggregate import Peer
from reedmesh.learning.arrays import Doubles

NEAR = 1e-3  # relative distance in the Frobenius norm


def source(name: str, peer: Peer, others: Mapping[str, Peer]) -> str:
    """Who told before what `peer`, the news of `name`, tells now; "" for nobody. others: as they were until now.

    Who says again what it said before keeps its standing: the copier is not the original's source.
    """
    before = others.get(name)
    if before and _same(peer, before):
        return before.copied
    return next((each for each in sorted(others) if each != name and _same(peer, others[each])), "")


def _same(a: Peer, b: Peer) -> bool:
    if a.told and b.told:
        return _near(a.told.scatter.covariance, b.told.scatter.covariance)
    return not a.told and not b.told and _near(a.weights.astype(float), b.weights.astype(float))


def _near(a: Doubles, b: Doubles) -> bool:
    return a.shape == b.shape and bool(np.linalg.norm(a - b) <= NEAR * np.linalg.norm(b))
