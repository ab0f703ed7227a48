"""Learning by sums: a machine's states, whitening and threshold from its windows and neighbours' sums. Pure.

Closed form from end to end: no rounds, no seed; the same windows and the same neighbours give the same bytes of model
on every processor (`exact.py`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from reedmesh.inference import shift
from reedmesh.inference.shift import SPAN
from reedmesh.learning import covariance, exact, states, sums, threshold
from reedmesh.learning.arrays import Doubles, Windows
from reedmesh.learning.covariance import Scatter, Shape
from reedmesh.learning.sums import Ints, Sums
from reedmesh.learning.told import Told, quantiles
from reedmesh.learning.whitening import Whitening, scaling_for, whitening

Pool = Callable[[Scatter, Sequence[Scatter]], Doubles | None]
FEWEST = 20  # windows
FEWEST_BLOCKS = 8  # of windows in a row, to tell how much their mean shifts
MOST_STATES = 8  # unless the family says otherwise


@dataclass(frozen=True)
class Detector:
    """A machine's model. held_out: the score of each window by a model that was learnt without it.

    base: what the threshold is a multiple of. states: sums of each state's windows. own: share of own windows in the
    covariance. shift: the largest that the mean of windows in a row shifted, as `inference.shift` has it; 0: not known.
    """

    model: Whitening
    held_out: Ints
    base: float
    states: tuple[Sums, ...]
    own: float
    shift: int = 0

    @property
    def scatter(self) -> Scatter:
        """Of its windows, within states."""
        return within(self.states)

    @property
    def told(self) -> Told:
        """The sums for neighbours."""
        return Told(self.scatter, threshold.histogram(self.held_out))


def learn(
    windows: Windows,
    neighbours: Sequence[Told] = (),
    quantile: float = 0.95,
    apart: int = 1,
    pool: Pool = covariance.pooled,
    most: int = MOST_STATES,
) -> Detector:
    """The detector of a machine with `windows`, int8 [m, p] in their order; raises ValueError for fewer than FEWEST.

    apart: as in `threshold.folds`. pool: the neighbours' covariance, as in `rules.Rule`. most: states told apart.
    """
    if len(windows) < FEWEST:
        raise ValueError(f"{len(windows)} windows, at least {FEWEST} are needed")
    state = choose(windows, apart, most)
    parts = states.split(windows, state)
    federation = pool(within(parts), [each.scatter for each in neighbours])
    shape = covariance.shape(within(parts), federation)
    scaled = scaling_for(windows, shape.deviations)
    known = Known(windows, state, parts, federation, scaled)
    held_out = known.scores(threshold.folds(len(windows), apart))
    model = whitening(scaled, _centres(parts), shape.whitening, windows)
    own = threshold.quantile(threshold.histogram(held_out), quantile)
    base = threshold.combined(own, quantiles(neighbours, quantile))
    return Detector(model, held_out, base, tuple(parts), shape.own, known.shift() if apart == 1 else 0)


def within(parts: Sequence[Sums]) -> Scatter:
    """The scatter within states, and its degrees of freedom."""
    matrix = sum((part.scatter for part in parts), np.zeros_like(parts[0].products))
    return Scatter(matrix, sum(max(0, part.count - 1) for part in parts))


def choose(windows: Windows, apart: int = 1, most: int = MOST_STATES) -> NDArray[np.intp]:
    """The state of each window, with that number of states under which held-out windows are likeliest."""
    return _choose(windows.tobytes(), len(windows), apart, most)


@lru_cache(maxsize=32)  # what is told and what is made of the same windows have the same states
def _choose(raw: bytes, count: int, apart: int, most: int) -> NDArray[np.intp]:
    windows = np.frombuffer(raw, np.int8).reshape(count, -1)
    tried = [each for each in states.COUNTS if each <= most and (each == 1 or each * states.FEWEST <= count)]
    found = [states.assign(windows, count) for count in tried]
    likely = [_likelihood(windows, each, apart) for each in found]
    return found[int(np.argmax(likely))]


def _likelihood(windows: Windows, state: NDArray[np.intp], apart: int) -> float:
    """Twice the log-likelihood of windows, each under the others' states and own covariance, but for a constant."""
    part, found = threshold.folds(len(windows), apart), 0.0
    for fold in range(threshold.FOLDS):
        held = part == fold
        kept = states.split(windows[~held], np.unique(state[~held], return_inverse=True)[1])
        shape = covariance.shape(within(kept))
        count = sum(each.count for each in kept)
        priors = exact.logarithm(np.array([each.count / count for each in kept]))
        found += _fit(windows[held], _centres(kept), shape, priors)
    return found


def _fit(windows: Windows, centres: Doubles, shape: Shape, priors: Doubles) -> float:
    white = shape.whitening
    distances = []
    for centre, prior in zip(centres, priors, strict=True):
        turned = exact.product(windows - centre, white.T)
        distances.append(_row_sums(turned * turned) - 2 * prior)
    nearest = np.minimum(np.min(distances, axis=0), exact.GRID)
    return -exact.total(nearest) - len(windows) * shape.log_determinant


@dataclass(frozen=True)
class Known:
    """What a machine's models are made of: its windows and their states, the states' sums, the neighbours' covariance,
    and its scaling."""

    windows: Windows
    state: NDArray[np.intp]
    parts: Sequence[Sums]
    federation: Doubles | None
    scaled: tuple[list[int], list[int]]

    def scores(self, part: NDArray[np.intp]) -> Ints:
        """The score of each window, by a model that was learnt without its `part`."""
        residuals = self._residuals(part)
        return np.asarray((residuals * residuals).sum(axis=1))

    def shift(self) -> int:
        """The largest shift of windows in a row that were held out together; 0 of too few windows to tell."""
        blocks = len(self.windows) // SPAN
        if blocks < FEWEST_BLOCKS:
            return 0
        residuals = self._residuals(threshold.folds(len(self.windows), block=SPAN))[: blocks * SPAN]
        return shift.largest(residuals.reshape(blocks, SPAN, -1))

    def _residuals(self, part: NDArray[np.intp]) -> Ints:
        """Of each window, the sums of its part subtracted from all before its model is made."""
        found = np.zeros(self.windows.shape, np.int64)
        for fold in range(threshold.FOLDS):
            held = part == fold
            kept = [whole - sums.of(self.windows[held & (self.state == k)]) for k, whole in enumerate(self.parts)]
            kept = [each for each in kept if each.count]
            shape = covariance.shape(within(kept), self.federation)
            made = whitening(self.scaled, _centres(kept), shape.whitening, self.windows)
            found[held] = made.residuals(self.windows[held])
        return found


def _centres(parts: Sequence[Sums]) -> Doubles:
    return np.stack([part.total / part.count for part in parts])


def _row_sums(values: Doubles) -> Doubles:
    out = np.zeros(len(values))
    for column in values.T:
        out = out + column
    return out
