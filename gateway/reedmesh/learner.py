"""One gateway's part in learning together: train -> delta -> tell | hear -> verify -> merge -> accept? Pure, no clock.

It holds what it learnt, the public copy of it that its neighbours hold, and their public copies. Windows come as
features; what leaves is `tell()`, what arrives goes through `hear()`, and `model()` is what would go into service.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reedmesh import delta, quantise, scale, scaling, tflite, train
from reedmesh.delta import Delta, Profile
from reedmesh.errors import WireError
from reedmesh.family import Family
from reedmesh.merge import Merged, Peer, merge
from reedmesh.model import Model
from reedmesh.train import Trainer

HIGHEST = 3.0  # times our own quantile: a neighbour's word must not make us deaf

Floats = NDArray[np.float32]
Windows = NDArray[np.int8]


@dataclass
class Heard:
    """What a neighbour told so far."""

    weights: Floats
    windows: int
    quantile: float


@dataclass
class Reputation:
    """How often a neighbour's update was merged, and refused, and why it was the last time."""

    merged: int = 0
    refused: int = 0
    reason: str = ""


@dataclass
class Learner:
    """A gateway that learns from int8 `windows` [m, length] of one machine, the last of which it only tests on."""

    family: Family
    windows: Windows
    profile: Profile
    seed: int
    heard: dict[str, Heard] = field(default_factory=dict)
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
        inputs = self._inputs(self._learnt)
        rate = self.family.training.rate
        self.weights = train.fit(self.trainer, self.weights, inputs, epochs, rate, self.seed + self._rounds)

    def tell(self) -> bytes:
        """What neighbours do not know yet, as the payload of an update; they are taken to have it from now on."""
        news = Delta(self.weights - self.public, len(self._learnt), self.quantile())
        payload, step = delta.pack(news, self.family.tensors, self.profile)
        self.public = self.public + step
        return payload

    def hear(self, name: str, payload: bytes) -> None:
        """Apply a neighbour's update; raises WireError for what cannot be one, and then nothing has changed."""
        news = delta.unpack(payload, self.family.tensors)
        known = self.heard.get(name) or Heard(self._start, 0, 0.0)
        weights = known.weights + news.step
        if not (np.abs(weights) <= delta.LARGEST).all():
            raise WireError("delta: a weight becomes huge")
        self.heard[name] = Heard(weights, news.windows, news.quantile)

    def refuse(self, name: str, reason: str) -> None:
        """Note that something of a neighbour could not be used."""
        known = self.reputation.setdefault(name, Reputation())
        known.refused, known.reason = known.refused + 1, reason

    def inputs(self) -> Floats:
        """What it learns from, scaled: float32 [m, length]."""
        return self._inputs(self._learnt)

    def merge(self) -> Merged:
        """Take over what helps of what the neighbours know."""
        peers = {name: Peer(heard.weights, heard.windows) for name, heard in self.heard.items()}
        merged = merge(self.weights, self.public, len(self._learnt), peers, self.loss, self.profile.step)
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
        inputs = self._inputs(self._held_out)
        self.trainer.set(self.weights)
        each = self.trainer.errors(inputs)
        return float(np.quantile(each, self.family.threshold.quantile))

    def model(self) -> Model:
        """The int8 model that goes into service now, its threshold being the federation's."""
        means, gains = self.scaling
        z = scale.apply(self._learnt, means, gains)
        draft = quantise.to_int8(self.family.float_tflite, self.weights, z, scaling.to_bytes(means, gains, 0))
        own = float(np.quantile(Model(draft).scores(self._held_out), self.family.threshold.quantile))
        theirs = [min(self._in_steps(heard.quantile), HIGHEST * own) for heard in self._merged()]
        highest = max([own, *theirs])
        number = tflite.metadata_number(draft, scaling.METADATA)
        assert number is not None
        threshold = math.ceil(self.family.threshold.margin * highest)
        return Model(tflite.patch(draft, {number: scaling.to_bytes(means, gains, threshold)}))

    def _merged(self) -> list[Heard]:
        """Neighbours whose updates were merged more often than not."""
        return [self.heard[name] for name, known in self.reputation.items() if known.merged > known.refused]

    def _in_steps(self, quantile: float) -> float:
        """A score in the units of a model, from squared deviations a feature."""
        return quantile * self.family.recipe.length * scaling.ONE**2

    def _inputs(self, windows: Windows) -> Floats:
        z = scale.apply(windows, *self.scaling)
        return z.astype(np.float32) / np.float32(scaling.ONE)
