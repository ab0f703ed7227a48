"""The default rule: neighbours that hurt us are left out, the others are clipped. Pure.

Clipping at the median distance: ClippedGossip (He, Karimireddy, Jaggi 2022, arXiv:2202.01545), with a radius that needs
no setting. The loss check: as in UBAR (Guo et al. 2021), on windows of our own that were not trained on. Covariances
are clipped direction by direction, see `learning/covariance.py`.
"""

from collections.abc import Collection, Mapping
from statistics import median

import numpy as np

from reedmesh.learning import covariance
from reedmesh.learning.aggregate import Loss, Merged, Peer, refused_copies
from reedmesh.learning.arrays import Floats
from reedmesh.learning.contribution import shapley

# A neighbour's step may raise our loss by this factor: its machine is another one.
TOLERANCE = 1.05
MOST_WEIGHT = 1.0  # times ours; a neighbour states its own count of windows, so none gets more than 1 / (n + 1)

pool = covariance.pooled


def merge(own: Floats, public: Floats, windows: int, peers: Mapping[str, Peer], loss: Loss, step: float) -> Merged:
    """As in `Rule`. Without neighbours it returns our weights; neighbours whose weights are no numbers are refused."""
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


def _clipped(move: Floats, radius: float) -> Floats:
    """No longer than `radius`."""
    norm = float(np.linalg.norm(move))
    return move * np.float32(radius / norm) if norm > radius else move


def _shares(windows: int, counts: dict[str, int]) -> dict[str, float]:
    """Each neighbour's part of the whole, ours included, by windows."""
    bounded = {name: min(count, MOST_WEIGHT * windows) for name, count in counts.items()}
    whole = windows + sum(bounded.values())
    return {name: count / whole for name, count in bounded.items()}
