"""Weights become the model that goes into service: int8 by a machine's own windows, with a threshold. Pure.

The threshold is the family's margin over the highest normal quantile, ours and that of neighbours whose weights were
merged; why so, and what was measured, is in docs/decisions/0006.
"""

import math
from collections.abc import Iterable

import numpy as np

from reedmesh.inference import normalisation, tflite_file
from reedmesh.inference.family import Family
from reedmesh.inference.model import Model
from reedmesh.learning import quantise
from reedmesh.learning.arrays import Floats
from reedmesh.learning.dataset import Machine, Scaling
from reedmesh.protocol import scaling

HIGHEST = 1.5  # times our own quantile: a neighbour's word must not make us deaf, nor a few windows called normal


def finish(family: Family, weights: Floats, machine: Machine, quantiles: Iterable[float] = ()) -> bytes:
    """The int8 .tflite of `weights`, the flat vector, for `machine`, whose held-out windows give the threshold.

    quantiles: of neighbours' normal scores, in squared deviations a feature.
    """
    means, gains = machine.scaling
    z = normalisation.apply(machine.learnt, means, gains)
    draft = quantise.to_int8(family.float_tflite, weights, z, scaling.to_bytes(means, gains, 0))
    scores = Model(draft).scores(machine.held_out)
    runs = [run for run in (scores[: machine.main], scores[machine.main :]) if len(run)]
    own, *called = (float(np.quantile(run, family.threshold.quantile)) for run in runs)
    theirs = [each * family.recipe.length * scaling.ONE**2 for each in quantiles]
    highest = max([own, *(min(each, HIGHEST * own) for each in (*called, *theirs))])
    number = tflite_file.metadata_number(draft, scaling.METADATA)
    assert number is not None
    threshold = math.ceil(family.threshold.margin * highest)
    return tflite_file.patch(draft, {number: scaling.to_bytes(means, gains, threshold)})


def scaling_of(model: bytes) -> Scaling:
    """The scaling inside an int8 .tflite; raises ValueError when it has none."""
    means, gains, _ = scaling.from_bytes(tflite_file.metadata(model, scaling.METADATA) or b"")
    return means, gains
