"""A neighbour's public copy, and the result of merging such copies into our weights; `rules/` has the rules. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from reedmesh.errors import WireError
from reedmesh.learning import told
from reedmesh.learning.arrays import Floats
from reedmesh.learning.delta import LARGEST, Delta
from reedmesh.learning.told import Told

Loss = Callable[[Floats], float]


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


def refused_copies(peers: Mapping[str, Peer]) -> dict[str, str]:
    """Neighbours that tell what another told before, with the reason to leave them out."""
    return {name: f"it tells the same as {peer.copied}" for name, peer in sorted(peers.items()) if peer.copied}
