"""Commissioning: a machine's normal windows become its first model, with a threshold and a trial for the sensor.

A pure function of its arguments that takes a third of a second of a processor, so the gateway runs it in a process of
its own and goes on scoring meanwhile.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reedmesh import quantise, scale, scaling, tflite, train
from reedmesh.errors import DeployError
from reedmesh.family import Family
from reedmesh.model import Model
from reedmesh.scale import Moments
from reedmesh.train import Trainer


@dataclass(frozen=True)
class Lesson:
    """What was learnt of one machine.

    model: the int8 .tflite for gateway and sensor. weights: its float32 weights, as bytes of the flat vector. held_out:
    the scores of the windows that were not trained on; threshold follows from them. trial: features of one of them, and
    their score, for the sensor to prove itself with. first_loss, last_loss: mean loss of the first and the last epoch.
    """

    model: bytes = field(repr=False)
    weights: bytes = field(repr=False)
    moments: Moments = field(repr=False)
    threshold: int
    held_out: tuple[int, ...] = field(repr=False)
    trial: bytes = field(repr=False)
    trial_score: int
    first_loss: float
    last_loss: float


def commission(
    family: Family, features: NDArray[np.int8], seed: int, start: NDArray[np.float32] | None = None
) -> Lesson:
    """Learn from `features`, int8 [m, recipe.length] in the order of their windows; equal calls give equal bytes.

    start: weights to begin with, for instance a neighbour's; otherwise those the family was built with. Raises
    DeployError when there are too few windows or they are of another recipe.
    """
    learnt, kept = _split(family, features)
    moments = scale.fit(learnt)
    means, gains = scale.gains(moments)
    z = scale.apply(learnt, means, gains)
    weights, losses = _train(family, z, seed, start)
    draft = quantise.to_int8(family.float_tflite, weights, z, scaling.to_bytes(means, gains, 0))
    scores = Model(draft).scores(kept)
    threshold = math.ceil(family.threshold.margin * float(np.quantile(scores, family.threshold.quantile)))
    worst = int(scores.argmax())
    return Lesson(
        model=_with_threshold(draft, means, gains, threshold),
        weights=weights.tobytes(),
        moments=moments,
        threshold=threshold,
        held_out=tuple(scores.tolist()),
        trial=kept[worst].tobytes(),
        trial_score=int(scores[worst]),
        first_loss=losses[0],
        last_loss=losses[-1],
    )


def _split(family: Family, features: NDArray[np.int8]) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Windows to learn from, and the last ones, kept for the threshold."""
    kept = math.ceil(len(features) * family.training.held_out)
    if features.shape[1:] != (family.recipe.length,) or len(features) - kept < 2:
        raise DeployError(
            f"cannot learn {family.name} from features {features.shape}; at least 4 by {family.recipe.length}"
        )
    return features[:-kept], features[-kept:]


def _train(
    family: Family, z: NDArray[np.int8], seed: int, start: NDArray[np.float32] | None
) -> tuple[NDArray[np.float32], list[float]]:
    """Weights trained from the start given, or the family's, and the loss of each epoch."""
    trainer, losses = Trainer(family.train_tflite), []
    inputs = z.astype(np.float32) / np.float32(scaling.ONE)
    settings = family.training
    weights = train.fit(
        trainer,
        trainer.get() if start is None else start,
        inputs,
        settings.epochs,
        settings.rate,
        seed,
        lambda _, loss: losses.append(loss),
    )
    return weights, losses


def _with_threshold(model: bytes, means: list[int], gains: list[int], threshold: int) -> bytes:
    number = tflite.metadata_number(model, scaling.METADATA)
    assert number is not None
    return tflite.patch(model, {number: scaling.to_bytes(means, gains, threshold)})
