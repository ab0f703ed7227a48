"""A machine as learning sees it: windows to learn from, later ones that are held out, and its own scaling. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reedmesh import scale, scaling
from reedmesh.errors import DeployError
from reedmesh.family import Family

Floats = NDArray[np.float32]
Windows = NDArray[np.int8]
Scaling = tuple[list[int], list[int]]

FEWEST = 4  # windows of a run


@dataclass(frozen=True)
class Machine:
    """learnt, held_out: features, int8 [m, length]. scaling: means and gains, as `scale.gains` gives them.

    main: how many of held_out, the first ones, are of its main run; the others somebody called normal.
    """

    learnt: Windows
    held_out: Windows
    scaling: Scaling
    main: int

    @property
    def seen(self) -> Floats:
        """What a network learns from: float32 [m, length], in deviations."""
        return inputs(self.learnt, self.scaling)

    @property
    def unseen(self) -> Floats:
        """What it is tested on."""
        return inputs(self.held_out, self.scaling)

    @property
    def moved(self) -> float:
        """How far its windows lie from those its scaling was made of, in the features' units: root mean square."""
        return float(np.sqrt((self.seen.mean(axis=0) ** 2).mean()))


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
    return Machine(learnt, held_out, scaled or scale.of(main[:-kept], family.recipe.apart), kept)


def inputs(windows: Windows, scaled: Scaling) -> Floats:
    """`windows`, int8 [m, length], as a network sees them."""
    return scale.apply(windows, *scaled).astype(np.float32) / np.float32(scaling.ONE)
