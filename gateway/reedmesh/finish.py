"""Weights become the model that goes into service: int8 by a machine's own windows, with a threshold. Pure.

The threshold is the family's margin over the highest normal quantile, ours and that of neighbours whose weights were
merged; why so, and what was measured, is in docs/decisions/0006.
"""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from reedmesh import quantise, scale, scaling, tflite
from reedmesh.family import Family
from reedmesh.model import Model

HIGHEST = 3.0  # times our own quantile: a neighbour's word must not make us deaf

Scaling = tuple[list[int], list[int]]
Windows = NDArray[np.int8]


def finish(
    family: Family,
    weights: NDArray[np.float32],
    scaled: Scaling,
    learnt: Windows,
    held_out: Windows,
    quantiles: Iterable[float] = (),
) -> bytes:
    """The int8 .tflite of `weights`, the flat vector, for a machine with the means and gains of `scaled`.

    learnt, held_out: int8 [m, recipe.length], the windows that give layers their ranges, and those that give the
    threshold. quantiles: of neighbours' normal scores, in squared deviations a feature.
    """
    means, gains = scaled
    z = scale.apply(learnt, means, gains)
    draft = quantise.to_int8(family.float_tflite, weights, z, scaling.to_bytes(means, gains, 0))
    own = float(np.quantile(Model(draft).scores(held_out), family.threshold.quantile))
    theirs = [min(each * family.recipe.length * scaling.ONE**2, HIGHEST * own) for each in quantiles]
    threshold = math.ceil(family.threshold.margin * max([own, *theirs]))
    number = tflite.metadata_number(draft, scaling.METADATA)
    assert number is not None
    return tflite.patch(draft, {number: scaling.to_bytes(means, gains, threshold)})


def inputs(windows: Windows, scaled: Scaling) -> NDArray[np.float32]:
    """What a network sees of `windows`: float32 [m, length], in deviations."""
    return scale.apply(windows, *scaled).astype(np.float32) / np.float32(scaling.ONE)
