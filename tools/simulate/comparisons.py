"""Other ways to learn together, for comparison: a mean that trusts everybody, and federated averaging with a server."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from reedmesh.inference.family import NETWORK, Family
from reedmesh.learning import dataset, steps
from reedmesh.learning.aggregate import Merged
from reedmesh.learning.steps import TrainingSet
from reedmesh.updates.worker import Worker
from tools.simulate.machines import MachineData, SimulatedLine

T = TypeVar("T")


@asynccontextmanager
async def believing() -> AsyncIterator[Worker]:
    """A worker for gateways that trust everybody: every candidate goes into service. Their rule is `mean`."""

    async def work(function: Callable[..., T], *arguments: Any) -> T:
        found = function(*arguments)
        return replace(found, objection="") if function is steps.make else found  # type: ignore

    yield work


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
