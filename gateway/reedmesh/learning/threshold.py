"""Where an alert's threshold comes from: scores of held-out windows, own and the federation's. Pure.

Each own window is scored by a model that was learnt without it (interleaved blocks, cross-validation), so that all
windows count and none judges itself. Scores travel as a histogram of whole numbers, 32 bins an octave; histograms add
up. The threshold is the family's margin times the lower median of all gateways' quantiles, ours among them, within a
factor FARTHEST of our own: a machine that was quiet by luck does not cry wolf, one that was disturbed while it was
commissioned is not deaf, and a liar moves a median by one place only.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from reedmesh.learning.sums import Ints
from reedmesh.protocol.recipe import log2

BLOCK, FOLDS = 8, 4  # windows in a row that are held out together, and parts in which all are
BINS = 32 * 32  # of scores up to 2**32
FARTHEST = 1.5  # times the own quantile, or part of it, that the others' may make of it
IMPLAUSIBLE = 8.0  # times our own, or part of it
_WIDTH = 0.0217  # of a bin, in parts of its centre
_ROOT = math.sqrt(math.sqrt(math.sqrt(math.sqrt(math.sqrt(2.0)))))  # square roots have the same bits everywhere
_POWERS = [math.prod([_ROOT] * each) for each in range(32)]  # 2**(i / 32)
Histogram = dict[int, int]


def folds(count: int, apart: int = 1, block: int = BLOCK) -> NDArray[np.intp]:
    """The part, 0 to FOLDS - 1, in which each of `count` windows in a row is held out: every fourth `block`.

    apart: windows from one to the next that shares no reading with it; blocks are twice as long, if that is more. They
    are shorter where there are too few windows for two rounds of them.
    """
    size = max(1, min(max(block, 2 * apart), count // (2 * FOLDS)))
    return np.asarray((np.arange(count) // size) % FOLDS)


def histogram(scores: Ints) -> Histogram:
    """How many scores are in each bin."""
    bins, counts = np.unique([min(BINS - 1, log2(int(score))) for score in scores], return_counts=True)
    return {int(each): int(count) for each, count in zip(bins, counts, strict=True)}


def quantile(of: Mapping[int, int], share: float) -> float:
    """The score below which `share` of a histogram lies, evenly within its bin; 0.0 of an empty one."""
    rest = share * sum(of.values())
    for each in sorted(of):
        if of[each] >= rest:
            return 2.0 ** (each // 32) * _POWERS[each % 32] * (1 + _WIDTH * (rest / of[each] - 0.5))
        rest -= of[each]
    return 0.0


def combined(own: float, others: Sequence[float]) -> float:
    """The score of normal windows that a threshold is a multiple of.

    others: quantiles of the gateways heard, ours not included; an implausible one does not count.
    """
    heard = [each for each in others if is_plausible(own, each)]
    middle = sorted([own, *heard])[len(heard) // 2]
    return min(max(middle, own / FARTHEST), own * FARTHEST)


def is_plausible(own: float, other: float) -> bool:
    """Whether another gateway's machines can score so: whitened scores are near the number of features everywhere."""
    return own / IMPLAUSIBLE < other < own * IMPLAUSIBLE
