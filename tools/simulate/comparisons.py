"""Other ways to learn together, for comparison: a mean that trusts everybody, and federated averaging with a server."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from reedmesh.inference.family import NETWORK, Family
from reedmesh.learning import dataset, steps
from reedmesh.learning.aggregate import Merged, Peer
from reedmesh.learning.arrays import Floats
from reedmesh.learning.steps import Trained, TrainingSet
from reedmesh.updates.worker import Worker
from tools.simulate.machines import MachineData, SimulatedLine

T = TypeVar("T")


@asynccontextmanager
async def believing() -> AsyncIterator[Worker]:
    """Where everybody is believed: a plain mean in place of the merge, and whatever comes of it goes into service."""

    async def work(function: Callable[..., T], *arguments: Any) -> T:
        found = mean(*arguments) if function is steps.mix else function(*arguments)
        return replace(found, objection="") if function is steps.make else found  # type: ignore

    yield work


def mean(
    family: Family,
    training_sets: Sequence[TrainingSet],
    trained: Trained,
    _public: Floats,
    peers: dict[str, Peer],
    _step: float,
) -> tuple[Merged, float]:
    """In place of `steps.mix`."""
    weights = np.mean([trained.weights, *(peer.weights for peer in peers.values())], axis=0, dtype=np.float32)
    return Merged(weights, dict.fromkeys(peers, 1 / (1 + len(peers))), {}, dict.fromkeys(peers, 0.0)), steps.loss(
        family, training_sets, weights
    )


def served(family: Family, at: Sequence[MachineData], rounds: int, seed: int) -> list[SimulatedLine]:
    """FedAvg with a server (McMahan et al. 2017) on the same windows: all get the weighted mean of all each round."""
    family = replace(family, training=replace(family.training, kind=NETWORK))
    lines, weights = [SimulatedLine(family, [place]) for place in at], steps.start(family)
    training_sets = [TrainingSet(dataset.of(family, [place.learn])) for place in at]
    for number in range(rounds):
        epochs = steps.epochs(family, training_sets if not number else [])
        told = [
            steps.fit(family, [it], [weights], epochs, seed + 100 * i + number) for i, it in enumerate(training_sets)
        ]
        counts = [each.windows for each in told]
        weights = np.average([each.weights for each in told], axis=0, weights=counts).astype(np.float32)
    for site, place, training_set in zip(lines, at, training_sets, strict=True):
        site.candidates[place.name] = steps.make(family, training_set, Merged(weights, {}, {}), {})
    return lines
