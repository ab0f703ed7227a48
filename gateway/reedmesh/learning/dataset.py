"""A machine as learning sees it: windows to learn from, later ones that are held out, and its own scaling. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reedmesh.errors import DeployError
from reedmesh.inference import normalisation
from reedmesh.inference.family import Family
from reedmesh.learning.arrays import Floats, Windows
from reedmesh.protocol import scaling

Scaling = tuple[list[int], list[int]]

FEWEST = 4  # windows of a run
RECENT = 60  # windows whose mean says how a machine runs: a minute of windows of a second


@dataclass(frozen=True)
class Machine:
    """learnt, held_out: features, int8 [m, length]. scaling: means and gains, as `scale.gains` gives them.

    main: how many of held_out, the first ones, are of its main run; the others somebody called normal. windows: all,
    run after run.
    """

    learnt: Windows
    held_out: Windows
    scaling: Scaling
    main: int
    windows: Windows

    @property
    def seen(self) -> Floats:
        """The windows that a network learns from: float32 [m, length], in deviations."""
        return inputs(self.learnt, self.scaling)

    @property
    def unseen(self) -> Floats:
        """Windows to test on, scaled."""
        return inputs(self.held_out, self.scaling)


def of(family: Family, runs: Sequence[Windows], scaled: Scaling | None = None) -> Machine:
    """The machine that `runs` were heard of: features, int8 [m, recipe.length] each, in the order of their windows.

    The first is its main run, any others somebody called normal; the last windows of each are held out. scaled: its
    scaling, if that is known. Raises DeployError when there are too few windows, or of another recipe.
    """
    length, share = family.recipe.length, family.training.held_out
    if any(run.shape[1:] != (length,) for run in runs) or not any(len(run) >= FEWEST for run in runs):
        shapes = ", ".join(str(run.shape) for run in runs)
        raise DeployError(f"cannot learn {family.name} from features {shapes}; at least {FEWEST} by {length}")
    parts = [(run, math.ceil(len(run) * share)) for run in runs if len(run) >= FEWEST]
    learnt = np.concatenate([run[:-kept] for run, kept in parts])
    held_out = np.concatenate([run[-kept:] for run, kept in parts])
    main, kept = parts[0]
    scaled = scaled or normalisation.of(main[:-kept], family.recipe.apart)
    return Machine(learnt, held_out, scaled, kept, np.concatenate([run for run, _ in parts]))


def inputs(windows: Windows, scaled: Scaling) -> Floats:
    """`windows`, int8 [m, length], as a network sees them."""
    return normalisation.apply(windows, *scaled).astype(np.float32) / np.float32(scaling.ONE)


def moved(windows: Windows, scaled: Scaling) -> Floats:
    """How far a machine ran from its scaling at each of `windows`, int8 [m, length] in their order, m > 0: float32 [m].

    In units: root mean square over the features of the mean of about RECENT windows in a row, those among which a
    window is that lie farthest off. Single windows scatter by one unit; means of 60 by an eighth, unless it moved.
    """
    parts = np.array_split(windows, max(1, 2 * len(windows) // RECENT))
    means = np.array([inputs(part, scaled).mean(axis=0) for part in parts])
    pairs = (means[:-1] + means[1:]) / 2 if len(means) > 1 else means
    runs = np.sqrt((pairs**2).mean(axis=1))
    far = np.maximum(np.append(runs, runs[-1:])[: len(means)], np.append(runs[:1], runs)[: len(means)])
    return np.repeat(far, [len(part) for part in parts])
