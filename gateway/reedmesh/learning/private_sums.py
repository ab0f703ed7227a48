"""What a gateway tells where sums are private: numbers that can be added up without any being seen. Pure.

Every gateway tells the covariance of its machines as if it came from NOMINAL windows, so that each has one vote,
and votes once for the quantile of its scores. Only the sum over all is ever seen, and whoever knows it and its own part
knows the mean of the others:

    p (p + 1) / 2 products of the upper triangle row by row, then VOTES counts, all zeros but for a one
"""

import numpy as np
from numpy.typing import NDArray

from reedmesh.learning import threshold
from reedmesh.learning.covariance import Scatter
from reedmesh.learning.threshold import BINS
from reedmesh.learning.told import Told

NOMINAL = 16  # windows: the largest covariance of int8, 16 times that and of 16 gateways stay within the field
COARSE = 4  # bins of a score's histogram that make one vote: eight votes an octave
VOTES = BINS // COARSE

Numbers = NDArray[np.int64]


def length(features: int) -> int:
    """How many numbers a gateway tells."""
    return features * (features + 1) // 2 + VOTES


def numbers(told: Told, share: float) -> Numbers:
    """What to tell, int64 [length], of own sums; share: of windows below the quantile that is voted for."""
    covariance = np.rint(told.scatter.covariance * NOMINAL).astype(np.int64)
    votes = np.zeros(VOTES, np.int64)
    if told.scores:
        votes[_vote(threshold.quantile(told.scores, share))] = 1
    return np.concatenate([covariance[np.triu_indices(len(covariance))], votes])


def mean(total: Numbers, own: Numbers, others: int, features: int) -> Told:
    """The mean of so many others, as sums of one neighbour, from the total and our own part of it.

    Where votes are not one each, as of a liar, nobody's count.
    """
    rest, upper = total - own, np.triu_indices(features)
    matrix = np.zeros((features, features), np.int64)
    matrix[upper] = rest[:-VOTES]
    votes = rest[-VOTES:]
    fair = (votes >= 0).all() and 0 < votes.sum() <= others
    scores = {_bin(int(np.searchsorted(np.cumsum(votes), (votes.sum() + 1) // 2))): 1} if fair else {}
    return Told(Scatter(matrix + np.triu(matrix, 1).T, NOMINAL * others), scores)


def _vote(score: float) -> int:
    return int(np.clip(32 * np.log2(max(score, 1.0)), 0, BINS - 1)) // COARSE


def _bin(vote: int) -> int:
    return vote * COARSE + COARSE // 2
