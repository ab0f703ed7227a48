"""Dishonest gateways: they publish something else than their updates. `LIES` are the kinds."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from reedmesh.exchange.outgoing import Outgoing
from reedmesh.inference.family import Family
from reedmesh.learning import delta, told
from reedmesh.learning.covariance import Scatter
from reedmesh.learning.delta import Delta
from reedmesh.learning.events import Event
from reedmesh.learning.threshold import BINS
from reedmesh.learning.told import Told
from reedmesh.store.writer import Disk

LIES = ("flip", "noise", "scaled", "replay", "faults")


class Liar(Outgoing):
    """Publishes something else than its gateway learnt. kind: one of LIES."""

    def __init__(
        self, kind: str, name: str, family: Family, disk: Disk, profile: delta.Profile, tell: Callable[[Event], None]
    ) -> None:
        super().__init__(name, family, disk, profile, tell)
        self.kind = kind
        self._first: bytes | None = None
        self._lied: Told | None = None  # the sums that neighbours hold of it

    async def _publish(self, sequence: int, payload: bytes) -> None:
        await super()._publish(sequence, self._lie(sequence, payload))

    def _lie(self, sequence: int, payload: bytes) -> bytes:
        """Return its step times -4, noise, its step times 10, or its first update again.

        A gateway that lies by "faults" has learnt from faults only, and claims the most windows that a frame can hold.
        """
        if self.kind == "replay":
            self._first = self._first or payload
            return self._first
        said = delta.unpack(payload, self._family.tensors, self._family.recipe.length)
        noise = np.random.default_rng(sequence).normal(0, 1, len(said.step)).astype(np.float32)
        lies = {"flip": -4 * said.step, "noise": noise, "scaled": 10 * said.step, "faults": said.step}
        said = replace(said, step=lies[self.kind].astype(np.float32), sums=self._lie_of_sums(said))
        if self.kind == "faults":
            said = replace(said, windows=2**32 - 1, quantile=1e5)
        return delta.pack(said, self._family.tensors, self._profile)[0]

    def _lie_of_sums(self, said: Delta) -> bytes:
        if self.learning_state.told is None:
            return b""
        lie = _lied(self.kind, self.learning_state.told)
        begun = told.nothing(said.features) if said.squares is not None or self._lied is None else self._lied
        self._lied = lie
        return told.pack(lie, begun)


def _lied(kind: str, it: Told) -> Told:
    """Sums in reverse order, of noise, times 10, or of faults with the highest possible scores."""
    matrix, freedom = it.scatter.matrix, it.scatter.freedom
    noise = np.random.default_rng(1).integers(-60, 60, (3 * len(matrix), len(matrix)))
    most = told.MOST_WINDOWS // freedom
    return {
        "flip": Told(Scatter(matrix[::-1, ::-1].copy(), freedom), it.scores),
        "noise": Told(Scatter(noise.T @ noise, len(noise)), it.scores),
        "scaled": Told(Scatter(10 * matrix, freedom), {each + 106: count for each, count in it.scores.items()}),
        "faults": Told(Scatter(most * matrix, most * freedom), {BINS - 1: told.MOST_WINDOWS}),
    }[kind]
