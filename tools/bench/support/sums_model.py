"""Models of the vibration family learnt by sums, of one state and of eight, for benchmarks of what a sensor needs."""

from pathlib import Path

import numpy as np

from reedmesh.learning import detector, export
from reedmesh.learning.detector import MOST_STATES
from tools.checkout import BUILD

FEATURES = 69


def write(states: int) -> Path:
    """A file with a model of `states` states, far apart, whose features depend on each other."""
    random, state = np.random.default_rng(states), np.arange(240) // 10 % states
    loads = random.normal(0, 4, (240, 3)) @ random.normal(0, 1, (3, FEATURES))
    windows = loads + random.normal(0, 3, (240, FEATURES)) + random.uniform(-90, 90, (states, FEATURES))[state]
    found = detector.learn(np.clip(np.rint(windows), -128, 127).astype(np.int8))
    path = BUILD / f"sums_{states}.tflite"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(export.to_tflite(found.model, 1))
    return path


def every() -> dict[str, Path]:
    """By name: the smallest and the largest."""
    return {f"sums, {count} state{'s'[: count > 1]}": write(count) for count in (1, MOST_STATES)}
