"""A machine as learning sees it: windows to learn from, later ones that are held out, and its own scaling. Pure."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reedmesh import scale, scaling
from reedmesh.errors import DeployError
from reedmesh.family import Family

Floats = NDArray[np.float32]
Windows = NDArray[np.int8]
Scaling = tuple[list[int], list[int]]


@dataclass(frozen=True)
class Machine:
    """learnt, held_out: features, int8 [m, length]. scaling: means and gains, as `scale.gains` gives them."""

    learnt: Windows
    held_out: Windows
    scaling: Scaling

    @property
    def seen(self) -> Floats:
        """What a network learns from: float32 [m, length], in deviations."""
        return inputs(self.learnt, self.scaling)

    @property
    def unseen(self) -> Floats:
        """What it is tested on."""
        return inputs(self.held_out, self.scaling)


def of(family: Family, features: Windows, scaled: Scaling | None = None) -> Machine:
    """The machine that `features` were heard of, int8 [m, recipe.length] in the order of their windows.

    scaled: its scaling, if that is known. Raises DeployError when there are too few windows, or of another recipe.
    """
    kept = math.ceil(len(features) * family.training.held_out)
    if features.shape[1:] != (family.recipe.length,) or len(features) - kept < 2:
        raise DeployError(
            f"cannot learn {family.name} from features {features.shape}; at least 4 by {family.recipe.length}"
        )
    learnt = features[:-kept]
    return Machine(learnt, features[-kept:], scaled or scale.gains(scale.fit(learnt)))


def inputs(windows: Windows, scaled: Scaling) -> Floats:
    """`windows`, int8 [m, length], as a network sees them."""
    return scale.apply(windows, *scaled).astype(np.float32) / np.float32(scaling.ONE)
