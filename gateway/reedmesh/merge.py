"""What neighbours learnt, merged into what we learnt: those that hurt us are left out, the rest are clipped. Pure.

Clipping at the median distance: ClippedGossip (He, Karimireddy, Jaggi 2022, arXiv:2202.01545), with a radius that needs
no setting. The loss check: as in UBAR (Guo et al. 2021), on windows of our own that were not trained on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Loss = Callable[[Floats], float]

TOLERANCE = (
    1.05  # a neighbour's step may raise our loss by so much: its machine is not ours, and it knows more of others
)
MOST_WEIGHT = 4.0  # times ours: the count of windows is what a neighbour says it is


@dataclass(frozen=True)
class Peer:
    """A neighbour's public copy, float32 [n], and how many windows it says it learnt it from."""

    weights: Floats
    windows: int


@dataclass(frozen=True)
class Merged:
    """weights: float32 [n]. taken: the neighbours in it, with their share. refused: the others, with the reason."""

    weights: Floats
    taken: dict[str, float]
    refused: dict[str, str]


def merge(own: Floats, public: Floats, windows: int, peers: Mapping[str, Peer], loss: Loss, step: float) -> Merged:
    """Our weights `own`, moved by `step` times what the neighbours that help differ from our `public` copy.

    windows: that we learnt from. loss: of weights, on our held-out windows. Works with any number of neighbours; with
    none our weights come back. Neighbours whose weights are no numbers are refused.
    """
    moves = {name: peer.weights - public for name, peer in peers.items()}
    radius = median(norms) if (norms := [float(np.linalg.norm(move)) for move in moves.values()]) else 0.0
    refused, good = {}, {}
    limit = TOLERANCE * loss(own)
    for name, move in moves.items():
        clipped = _clipped(move, radius)
        found = loss(own + np.float32(step) * clipped)
        if not found <= limit:
            refused[name] = f"loss {found:.4f} on our own windows, {limit:.4f} is the most"
        else:
            good[name] = clipped
    shares = _shares(windows, {name: peers[name].windows for name in good})
    moved = sum((np.float32(step * shares[name]) * good[name] for name in good), np.zeros_like(own))
    return Merged(own + moved, shares, refused)


def _clipped(move: Floats, radius: float) -> Floats:
    """No longer than `radius`."""
    norm = float(np.linalg.norm(move))
    return move * np.float32(radius / norm) if norm > radius else move


def _shares(windows: int, counts: dict[str, int]) -> dict[str, float]:
    """Each neighbour's part of the whole, ours included, by windows."""
    bounded = {name: min(count, MOST_WEIGHT * windows) for name, count in counts.items()}
    whole = windows + sum(bounded.values())
    return {name: count / whole for name, count in bounded.items()}
