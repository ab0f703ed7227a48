"""Commissioning: a machine's normal windows become its first model, with a threshold and a trial for the sensor.

A pure function of its arguments that takes a third of a second of a processor, so the gateway runs it in a process of
its own and goes on scoring meanwhile.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reedmesh import machine, scale, train
from reedmesh.family import Family
from reedmesh.finish import finish
from reedmesh.machine import Machine, Windows
from reedmesh.merge import Merged, Peer, merge_if_better
from reedmesh.model import Model
from reedmesh.scale import Moments
from reedmesh.train import Trainer

STEP = 0.5  # of a lesson's one merge: half of what neighbours know better; rounds take the rest


@dataclass(frozen=True)
class Lesson:
    """What was learnt of one machine.

    model: the int8 .tflite for gateway and sensor. weights: its float32 weights, as bytes of the flat vector. held_out:
    the scores of the windows that were not trained on; threshold follows from them. trial: features of one of them, and
    their score, for the sensor to prove itself with. first_loss, last_loss: mean loss of the first and the last epoch.
    quantile: of the scores of held-out windows, in squared deviations a feature. taken: the neighbours that are merged
    into it, with their share; refused: the others, with the reason. worth: see `merge.Merged`.
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
    quantile: float = 0.0
    taken: dict[str, float] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    worth: dict[str, float] = field(default_factory=dict)


def commission(family: Family, features: Windows, seed: int, peers: Mapping[str, Peer] | None = None) -> Lesson:
    """Learn from `features`, int8 [m, recipe.length] in the order of their windows; equal calls give equal bytes.

    peers: what neighbours learnt, to be merged if that helps on our held-out windows. Raises DeployError when there are
    too few windows or they are of another recipe.
    """
    it = machine.of(family, features)
    merged, losses, quantile = _learn(family, it, seed, peers or {})
    model = finish(family, merged.weights, it, [(peers or {})[name].quantile for name in merged.taken])
    made = Model(model)
    scores = made.scores(it.held_out)
    worst = int(scores.argmax())
    return Lesson(
        model=model,
        weights=merged.weights.tobytes(),
        moments=scale.fit(it.learnt),
        threshold=made.threshold,
        held_out=tuple(scores.tolist()),
        trial=it.held_out[worst].tobytes(),
        trial_score=int(scores[worst]),
        first_loss=losses[0],
        last_loss=losses[-1],
        quantile=quantile,
        taken=merged.taken,
        refused=merged.refused,
        worth=merged.worth,
    )


def _learn(family: Family, it: Machine, seed: int, peers: Mapping[str, Peer]) -> tuple[Merged, list[float], float]:
    """Weights from the family's start, with the neighbours' where they help; the loss of each epoch; the quantile."""
    trainer, losses = Trainer(family.train_tflite), []
    settings, unseen = family.training, it.unseen

    def note(_: int, loss: float) -> None:
        losses.append(loss)

    def loss(weights: NDArray[np.float32]) -> float:
        trainer.set(weights)
        return trainer.loss(unseen)

    own = train.fit(trainer, trainer.get(), it.seen, settings.epochs, settings.rate, seed, note)
    merged = merge_if_better(own, len(it.learnt), peers, loss, STEP)
    trainer.set(merged.weights)
    return merged, losses, float(np.quantile(trainer.errors(unseen), family.threshold.quantile))
