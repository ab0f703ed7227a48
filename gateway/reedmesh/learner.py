"""One gateway's part in learning together: train -> delta -> tell | hear -> verify -> merge -> finish. Pure, no clock.

It holds what it learnt, the public copy of it that its neighbours hold, and their public copies. Windows come as
features; what leaves is `tell()`, what arrives goes through `hear()`, and `models()` is what would go into service.
"""

from collections.abc import Sequence

import numpy as np

from reedmesh import delta, train
from reedmesh.delta import Delta, Profile
from reedmesh.family import Family
from reedmesh.finish import finish
from reedmesh.machine import Floats, Machine
from reedmesh.merge import Merged, Peer, Reputation, merge
from reedmesh.train import Trainer


class Learner:
    """A gateway that learns one set of weights from all its `machines`."""

    def __init__(
        self,
        family: Family,
        machines: Sequence[Machine],
        profile: Profile,
        weights: Floats | None = None,
        public: Floats | None = None,
    ) -> None:
        """weights: to begin with, float32 [n]; public: what neighbours hold of them.

        Without, both are the family's start, which every gateway knows of every other.
        """
        self.family = family
        self.machines = machines
        self.profile = profile
        self.trainer = Trainer(family.train_tflite)
        self._start = self.trainer.get()
        self.weights = self._start.copy() if weights is None else weights
        self.public = self._start.copy() if public is None else public
        self.heard: dict[str, Peer] = {}
        self.reputation: dict[str, Reputation] = {}
        self._seen = np.concatenate([machine.seen for machine in machines])
        self._unseen = np.concatenate([machine.unseen for machine in machines])

    def train(self, epochs: int, seed: int) -> None:
        """Learn from the own windows."""
        self.weights = train.fit(self.trainer, self.weights, self._seen, epochs, self.family.training.rate, seed)

    def news(self) -> Delta:
        """What neighbours do not know yet."""
        return Delta(self.weights - self.public, len(self._seen), self.quantile())

    def tell(self) -> bytes:
        """The same as the payload of an update; neighbours are taken to have it from now on."""
        payload, step = delta.pack(self.news(), self.family.tensors, self.profile)
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

    def merge(self) -> Merged:
        """Take over what helps of what the neighbours know."""
        merged = merge(self.weights, self.public, len(self._seen), self.heard, self.loss, self.profile.step)
        self.weights = merged.weights
        for name in merged.taken:
            self.reputation.setdefault(name, Reputation()).merged += 1
        for name, reason in merged.refused.items():
            self.refuse(name, reason)
        return merged

    def loss(self, weights: Floats) -> float:
        """The mean squared error of `weights` on held-out windows."""
        self.trainer.set(weights)
        return self.trainer.loss(self._unseen)

    def quantile(self) -> float:
        """The highest quantile of held-out scores among its machines, in squared deviations a feature."""
        self.trainer.set(self.weights)
        each = (np.quantile(self.trainer.errors(it.unseen), self.family.threshold.quantile) for it in self.machines)
        return float(max(each))

    def finish(self, machine: Machine) -> bytes:
        """The int8 model of a machine that goes into service now, its threshold being the federation's."""
        merged = [name for name, known in self.reputation.items() if known.merged > known.refused]
        return finish(self.family, self.weights, machine, [self.heard[name].quantile for name in merged])
