"""Commissioning: a machine's normal windows become its model, with a threshold and a trial for the sensor. Pure.

`commission` learns one machine by itself. A gateway learns all of its machines, and with its neighbours (`update.py`);
what a candidate is, is the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from reedmesh.inference import normalisation
from reedmesh.inference.family import Family
from reedmesh.inference.model import Model
from reedmesh.inference.normalisation import Moments
from reedmesh.learning import dataset
from reedmesh.learning import evaluate as estimate
from reedmesh.learning import trainer as train
from reedmesh.learning.arrays import Floats, Windows
from reedmesh.learning.calibrate import finish
from reedmesh.learning.dataset import Machine
from reedmesh.learning.evaluate import Estimate
from reedmesh.learning.trainer import Trainer


@dataclass(frozen=True)
class Candidate:
    """The result of learning one machine.

    model: the int8 .tflite for gateway and sensor. weights: its float32 weights, as bytes of the flat vector. held_out:
    the scores of the windows that were not trained on; threshold follows from them. trial: features of one of them, and
    their score, for the sensor to prove itself with. estimate: what it is worth. before: the same of the model it may
    replace. objection: why it may not, or "". taken: the neighbours that were merged into its weights in the round that
    made it, with their share; worth: as in `merge.Merged`.
    """

    model: bytes = field(repr=False)
    weights: bytes = field(repr=False)
    moments: Moments = field(repr=False)
    threshold: int
    held_out: tuple[int, ...] = field(repr=False)
    trial: bytes = field(repr=False)
    trial_score: int
    estimate: Estimate
    before: Estimate | None = None
    objection: str = ""
    taken: dict[str, float] = field(default_factory=dict)
    worth: dict[str, float] = field(default_factory=dict)


def commission(family: Family, features: Windows, seed: int) -> Candidate:
    """Learn from `features`, int8 [m, recipe.length] in the order of their windows; equal calls give equal bytes.

    Raises DeployError when there are too few windows or they are of another recipe.
    """
    it, settings = dataset.of(family, [features]), family.training
    trainer = Trainer(family.train_tflite)
    weights = train.fit(trainer, trainer.get(), it.seen, settings.epochs, settings.rate, seed)
    return make_candidate(family, weights, it)


def make_candidate(family: Family, weights: Floats, it: Machine, quantiles: Iterable[float] = ()) -> Candidate:
    """The candidate of a machine from `weights`; quantiles: as in `finish`."""
    model = finish(family, weights, it, quantiles)
    made = Model(model)
    scores = made.scores(it.held_out)
    worst = int(scores.argmax())
    return Candidate(
        model=model,
        weights=weights.tobytes(),
        moments=normalisation.fit(it.learnt),
        threshold=made.threshold,
        held_out=tuple(scores.tolist()),
        trial=it.held_out[worst].tobytes(),
        trial_score=int(scores[worst]),
        estimate=estimate.candidate(family, made, it.held_out),
    )
