"""What a lesson costs a gateway: processor of a sensor and day, memory, and bytes of a model; by each kind.

A worker process of its own for each kind, as in service, learns one machine of 240 windows with three neighbours: once
for the first time, then again as every hour of a day with 240 windows that came since.

    python -m tools.bench.lesson_cost [--family vibration] [--lessons 4]
"""

import argparse
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np

from reedmesh.inference.family import KINDS, SUMS, find_family, load_family
from reedmesh.learning import dataset, delta, steps, summed
from reedmesh.learning.aggregate import Peer
from reedmesh.learning.arrays import Windows
from reedmesh.learning.steps import TrainingSet
from reedmesh.protocol.recipe import Recipe
from tools.bench import report

DAY = 24  # lessons: one for each 3600 windows of a second


@dataclass(frozen=True)
class Cost:
    """first, again: seconds of processor of a lesson. megabytes: most resident at once. model: bytes of a .tflite."""

    first: float
    again: float
    megabytes: float
    model: int

    @property
    def day(self) -> float:
        """Seconds of processor for a sensor and day."""
        return DAY * self.again


def main() -> None:
    """Print the table and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--family", default="vibration")
    parser.add_argument("--lessons", type=int, default=4, help="of which the mean is taken")
    chosen = parser.parse_args()
    print(f"{chosen.family}, 240 windows, three neighbours; {report.machine()}")
    print(f"{'kind':<8} {'first s':>8} {'again s':>8} {'s a day':>8} {'MB':>6} {'model':>7} bytes")
    found = {}
    for kind in KINDS:
        with ProcessPoolExecutor(1, get_context("spawn")) as worker:
            it = found[kind] = worker.submit(cost, chosen.family, kind, chosen.lessons).result()
        print(
            f"{kind:<8} {it.first:>8.2f} {it.again:>8.2f} {it.day:>8.1f} {it.megabytes:>6.0f} {it.model:>7}", flush=True
        )
    sums = found.pop(SUMS)
    report.save("learn_cpu_day_s", sums.day, "s of a sensor and day", {kind: each.day for kind, each in found.items()})
    report.save("learn_memory_mb", sums.megabytes, "MB", {kind: each.megabytes for kind, each in found.items()})


def cost(name: str, kind: str, lessons: int) -> Cost:
    """Of one kind, in this process."""
    family = load_family(find_family(name))
    family = replace(family, training=replace(family.training, kind=kind))
    others = [summed.learn(family, machine(family.recipe, seed)).told for seed in (11, 12, 13)]
    start = steps.start(family)
    peers = {f"gw{i}": Peer(start, 240, quantile=1.0, told=each) for i, each in enumerate(others)}
    took, model = list[float](), b""
    for number in range(lessons + 1):
        began = time.process_time()
        training_set = TrainingSet(dataset.of(family, [machine(family.recipe, 1 + 100 * number)]), model)
        trained = steps.fit(family, [training_set], [start], steps.epochs(family, [training_set]), number)
        merged, _ = steps.mix(family, [training_set], trained, start, peers, delta.PROFILES["full"].step)
        model = steps.make(family, training_set, merged, {each: peers[each] for each in merged.taken}).model
        took.append(time.process_time() - began)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return Cost(took[0], float(np.mean(took[1:])), most, len(model))


def machine(recipe: Recipe, seed: int) -> Windows:
    """240 windows of a machine with two loads, whose features share causes as those of real ones do."""
    loads = np.random.default_rng(99).normal(0, 4, (6, recipe.length))
    random = np.random.default_rng(seed)
    state = np.arange(240) // 30 % 2 * 12
    x = random.normal(0, 2, (240, recipe.length)) + random.normal(0, 1, (240, 6)) @ loads + state[:, None]
    return np.asarray(np.clip(np.rint(x), -128, 127), np.int8)


if __name__ == "__main__":
    main()
