"""What neighbours learnt, merged into what we learnt: those that hurt us are left out, the rest are clipped. Pure.

Clipping at the median distance: ClippedGossip (He, Karimireddy, Jaggi 2022, arXiv:2202.01545), with a radius that needs
no setting. The loss check: as in UBAR (Guo et al. 2021), on windows of our own that were not trained on.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from reedmesh.errors import WireError
from reedmesh.learning import shapley, told
from reedmesh.learning.arrays import Floats
from reedmesh.learning.delta import LARGEST, Delta
from reedmesh.learning.told import Told

Loss = Callable[[Floats], float]

# A neighbour's step may raise our loss by so much: its machine is not ours, and it knows more of others.
TOLERANCE = 1.05
MOST_WEIGHT = 1.0  # times ours: the count of windows is what a neighbour says it is; so none has more than 1 / (n + 1)


@dataclass(frozen=True)
class Peer:
    """A neighbour's public copy, float32 [n], and how many windows it says it learnt it from.

    quantile: of its normal windows' scores, in squared deviations a feature. sequence, digest: of the newest update in
    it, the SHA-256 of its payload in hex. squares: as in `delta.Delta`, of the last snapshot. told: its sums, None
    where it tells none. copied: the neighbour that told the same before it, see `copies.py`; "" for nobody.
    """

    weights: Floats
    windows: int
    quantile: float = 0.0
    sequence: int = 0
    digest: str = ""
    squares: Floats | None = None
    told: Told | None = None
    copied: str = ""

    @property
    def origin(self) -> tuple[int, str]:
        """Sequence and SHA-256 of the newest update in it."""
        return self.sequence, self.digest

    def after(self, news: Delta, sequence: int = 0, digest: str = "") -> "Peer":
        """The copy when `news` was added to it; raises WireError when that cannot be."""
        weights = self.weights + news.step
        if not (np.abs(weights) <= LARGEST).all():
            raise WireError("delta: a weight becomes huge")
        squares = self.squares if news.squares is None else news.squares
        return Peer(weights, news.windows, news.quantile, sequence, digest, squares, self._told(news))

    def _told(self, news: Delta) -> Told | None:
        """Its sums with what is new in them; a snapshot, which has squares, begins with none."""
        if not news.sums:
            return None
        begun = told.nothing(news.features) if news.squares is not None or self.told is None else self.told
        return told.unpack(news.sums, begun)


@dataclass(frozen=True)
class Merged:
    """weights: float32 [n]. taken: the neighbours in it, with their share. refused: the others, with the reason.

    worth: the share of each in what our held-out loss fell by (`shapley.py`), or for sums as in `worth.py`; below zero
    it cost us.
    """

    weights: Floats
    taken: dict[str, float]
    refused: dict[str, str]
    worth: dict[str, float] = field(default_factory=dict)


def merge(own: Floats, public: Floats, windows: int, peers: Mapping[str, Peer], loss: Loss, step: float) -> Merged:
    """Our weights `own`, moved by `step` times what the neighbours that help differ from our `public` copy.

    windows: that we learnt from. loss: of weights, on our held-out windows. Works with any number of neighbours; with
    none our weights come back. Neighbours whose weights are no numbers are refused.
    """
    moves = {name: peers[name].weights - public for name in sorted(peers)}  # the same sums, whoever came first
    radius = median(norms) if (norms := [float(np.linalg.norm(move)) for move in moves.values()]) else 0.0
    refused, good = refused_copies(peers), {}
    moves = {name: move for name, move in moves.items() if name not in refused}
    shares = _shares(windows, {name: peers[name].windows for name in moves})
    limit = TOLERANCE * loss(own)
    for name, move in moves.items():
        clipped = _clipped(move, radius)
        found = loss(own + np.float32(step * shares[name]) * clipped)
        if not found <= limit:
            refused[name] = f"loss {found:.4f} on our own windows, {limit:.4f} is the most"
        else:
            good[name] = clipped
    shares = _shares(windows, {name: peers[name].windows for name in good})

    def moved(names: Collection[str]) -> Floats:
        """With the shares that all together have: who is left out hands its part to nobody."""
        return own + sum((np.float32(step * shares[name]) * good[name] for name in sorted(names)), np.zeros_like(own))

    worth = shapley.shares(good, lambda names: -loss(moved(names)))
    return Merged(moved(good), shares, refused, worth)


def refused_copies(peers: Mapping[str, Peer]) -> dict[str, str]:
    """Neighbours that tell what another told before, with the reason to leave them out."""
    return {name: f"it tells the same as {peer.copied}" for name, peer in sorted(peers.items()) if peer.copied}


def _clipped(move: Floats, radius: float) -> Floats:
    """No longer than `radius`."""
    norm = float(np.linalg.norm(move))
    return move * np.float32(radius / norm) if norm > radius else move


def _shares(windows: int, counts: dict[str, int]) -> dict[str, float]:
    """Each neighbour's part of the whole, ours included, by windows."""
    bounded = {name: min(count, MOST_WEIGHT * windows) for name, count in counts.items()}
    whole = windows + sum(bounded.values())
    return {name: count / whole for name, count in bounded.items()}
