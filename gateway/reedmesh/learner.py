"""One gateway's part in learning together: train -> delta -> tell | hear -> verify -> merge -> accept? Pure, no clock.

It holds what it learnt, the public copy of it that its neighbours hold, and their public copies. Windows come as
features; what leaves is `tell()`, what arrives goes through `hear()`, and `model()` is what would go into service.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reedmesh import delta, scale, train
from reedmesh.delta import Delta, Profile
from reedmesh.family import Family
from reedmesh.finish import finish, inputs
from reedmesh.merge import Merged, Peer, Reputation, merge
from reedmesh.model import Model
from reedmesh.train import Trainer

Floats = NDArray[np.float32]
Windows = NDArray[np.int8]


@dataclass
class Learner:
    """A gateway that learns from int8 `windows` [m, length] of one machine, the last of which it only tests on."""

    family: Family
    windows: Windows
    profile: Profile
    seed: int
    heard: dict[str, Peer] = field(default_factory=dict)
    reputation: dict[str, Reputation] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kept = math.ceil(len(self.windows) * self.family.training.held_out)
        self._learnt, self._held_out = self.windows[:-kept], self.windows[-kept:]
        self.trainer = Trainer(self.family.train_tflite)
        self.weights = self.trainer.get()
        self._start = self.weights.copy()
        self.public = self.weights.copy()  # every gateway begins with the family's, and knows that of the others
        self.scaling = scale.gains(scale.fit(self._learnt))  # the machine's own: docs/decisions/0006
        self._rounds = 0

    def train(self, epochs: int) -> None:
        """Learn from the own windows."""
        self._rounds += 1
        seen, rate = self.inputs(), self.family.training.rate
        self.weights = train.fit(self.trainer, self.weights, seen, epochs, rate, self.seed + self._rounds)

    def tell(self) -> bytes:
        """What neighbours do not know yet, as the payload of an update; they are taken to have it from now on."""
        news = Delta(self.weights - self.public, len(self._learnt), self.quantile())
        payload, step = delta.pack(news, self.family.tensors, self.profile)
        self.public = self.public + step
        return payload

    def hear(self, name: str, payload: bytes) -> None:
        """Apply a neighbour's update; raises WireError for what cannot be one, and then nothing has changed."""
        news = delta.unpack(payload, self.family.tensors)
        known = self.heard.get(name) or Peer(self._start, 0)
        self.heard[name] = known.after(news)

    def refuse(self, name: str, reason: str) -> None:
        """Note that something of a neighbour could not be used."""
        self.reputation.setdefault(name, Reputation()).refuse(reason)

    def inputs(self) -> Floats:
        """What it learns from, scaled: float32 [m, length]."""
        return self._inputs(self._learnt)

    def merge(self) -> Merged:
        """Take over what helps of what the neighbours know."""
        merged = merge(self.weights, self.public, len(self._learnt), self.heard, self.loss, self.profile.step)
        self.weights = merged.weights
        for name in merged.taken:
            self.reputation.setdefault(name, Reputation()).merged += 1
        for name, reason in merged.refused.items():
            self.refuse(name, reason)
        return merged

    def loss(self, weights: Floats) -> float:
        """The mean squared error of `weights` on held-out windows."""
        self.trainer.set(weights)
        return self.trainer.loss(self._inputs(self._held_out))

    def quantile(self) -> float:
        """The quantile of the held-out windows' scores by the present weights, in squared deviations a feature."""
        self.trainer.set(self.weights)
        each = self.trainer.errors(self._inputs(self._held_out))
        return float(np.quantile(each, self.family.threshold.quantile))

    def model(self) -> Model:
        """The int8 model that goes into service now, its threshold being the federation's."""
        quantiles = [heard.quantile for heard in self._merged()]
        return Model(finish(self.family, self.weights, self.scaling, self._learnt, self._held_out, quantiles))

    def _merged(self) -> list[Peer]:
        """Neighbours whose updates were merged more often than not."""
        return [self.heard[name] for name, known in self.reputation.items() if known.merged > known.refused]

    def _inputs(self, windows: Windows) -> Floats:
        return inputs(windows, self.scaling)
