"""The calculations of one round of learning: train, merge, make models. Pure; runs in a process of its own.

A gateway learns one set of weights from all its machines, each in its own scaling, and a model of them for each.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reedmesh.inference.family import NETWORK, SUMS, Family
from reedmesh.inference.model import Model
from reedmesh.learning import evaluate, rules, summed, trainer
from reedmesh.learning.aggregate import Merged, Peer
from reedmesh.learning.arrays import Floats, Windows
from reedmesh.learning.candidate import Candidate, make_candidate
from reedmesh.learning.contribution import worth
from reedmesh.learning.dataset import Machine
from reedmesh.learning.told import Told
from reedmesh.learning.trainer import Trainer

ROUNDS = 10  # into which a family's epochs are divided: so many make up what a new machine gets at once


@dataclass(frozen=True)
class TrainingSet:
    """A machine in a round. model: what is in service; b"": nothing yet. anew: somebody said what is normal now, so the
    candidate's loss need not be below that of the model in service, which learnt something else. faults: windows of
    alerts that nobody called no fault, int8 [m, length]; a candidate must go on seeing them. day: since 1970."""

    machine: Machine
    model: bytes = b""
    anew: bool = False
    faults: Windows | None = None
    day: int = 0


@dataclass(frozen=True)
class Trained:
    """weights: float32 [n]. windows: learnt from. quantile, squares: as in `delta.Delta`. loss: on held-out windows.

    told: the sums of the machines, where the family learns by them.
    """

    weights: Floats
    windows: int
    quantile: float
    squares: Floats
    loss: float
    told: Told | None = None


def start(family: Family) -> Floats:
    """The weights that every gateway of the family begins with, float32 [n]."""
    if not family.train_tflite:
        return np.zeros(sum(family.tensors), np.float32)
    return Trainer(family.train_tflite).get()


def epochs(family: Family, training_sets: Iterable[TrainingSet]) -> int:
    """All that the family's settings say where a machine is new, a round's part of it otherwise."""
    new = any(training_set.anew or not training_set.model for training_set in training_sets)
    return family.training.epochs if new else max(1, family.training.epochs // ROUNDS)


def fit(
    family: Family, training_sets: Sequence[TrainingSet], begun: Sequence[Floats], epochs: int, seed: int
) -> Trained:
    """Learn from all machines; a network from that one of the weights `begun` that fits them best."""
    if family.training.kind == SUMS:
        return _summed(family, training_sets, begun[0])
    trained = _trained(family, training_sets, begun, epochs, seed)
    if family.training.kind == NETWORK:
        return trained
    return replace(trained, told=_summed(family, training_sets, begun[0]).told)


def _summed(family: Family, training_sets: Sequence[TrainingSet], weights: Floats) -> Trained:
    """The sums of all machines, and no network: weights of zero are few bytes to tell."""
    told, loss = summed.telling(family, [each.machine.windows for each in training_sets])
    squares = np.diagonal(told.scatter.matrix).astype(np.float32)
    windows = sum(len(each.machine.windows) for each in training_sets)
    return Trained(np.zeros_like(weights), windows, 0.0, squares, loss, told)


def _trained(
    family: Family, training_sets: Sequence[TrainingSet], begun: Sequence[Floats], epochs: int, seed: int
) -> Trained:
    """A network, taught by all machines."""
    pool = _TrainingPool(family, training_sets)
    losses = [pool.loss(each) for each in begun]
    best = begun[int(np.nanargmin(losses))] if len(begun) > 1 else begun[0]
    weights = trainer.fit(pool.trainer, best, pool.seen, epochs, family.training.rate, seed)
    squares = sum(_squares(training_set.machine) for training_set in training_sets)
    return Trained(weights, len(pool.seen), pool.quantile(weights), np.asarray(squares), pool.loss(weights))


def loss(family: Family, training_sets: Sequence[TrainingSet], weights: Floats) -> float:
    """The mean squared error of `weights` on the training sets' held-out windows."""
    return _TrainingPool(family, training_sets).loss(weights)


def mix(
    family: Family,
    training_sets: Sequence[TrainingSet],
    trained: Trained,
    public: Floats,
    peers: Mapping[str, Peer],
    step: float,
) -> tuple[Merged, float]:
    """Trained weights, merged with what helps of what the neighbours know, and their loss on held-out windows.

    public: our copy that they hold.
    """
    if trained.told and family.training.kind == SUMS:
        merged = summed.believed(family, trained.weights, trained.told, peers)
        return replace(merged, worth=_worth(family, training_sets, merged, peers)), trained.loss
    pool = _TrainingPool(family, training_sets)
    rule = rules.find(family.training.aggregation)
    merged = rule.merge(trained.weights, public, trained.windows, peers, pool.loss, step)
    return merged, pool.loss(merged.weights)


def _worth(
    family: Family, training_sets: Sequence[TrainingSet], merged: Merged, peers: Mapping[str, Peer]
) -> dict[str, float]:
    """What the sums of those that are believed were worth to us."""
    believed = {name: told for name in merged.taken if (told := peers[name].told)}
    return worth.of(family.recipe, [each.machine.windows for each in training_sets], believed)


def make(family: Family, training_set: TrainingSet, merged: Merged, peers: Mapping[str, Peer]) -> Candidate:
    """A machine's candidate, and what there is to object to it in place of the model in service.

    peers: the neighbours that are in it. Where the family leaves it to each sensor, that of the two candidates which
    alerts from more onsets of synthetic faults, unless it has more false alarms.
    """
    if family.training.kind == NETWORK:
        return _by_network(family, training_set, merged, peers)
    told = [peer.told for peer in peers.values() if peer.told]
    it, windows = training_set, training_set.machine.windows
    by_sums = summed.candidate(family, windows, told, it.model, it.anew, it.faults, it.day)
    by_sums = replace(by_sums, taken=merged.taken, worth=merged.worth)
    if family.training.kind == SUMS:
        return by_sums
    by_network = _by_network(family, training_set, merged, peers)
    return summed.better(family, windows, by_sums, by_network, it.anew)


def _by_network(family: Family, training_set: TrainingSet, merged: Merged, peers: Mapping[str, Peer]) -> Candidate:
    """A machine's candidate from the merged weights."""
    quantiles = [peer.quantile for peer in peers.values()]
    made = replace(
        make_candidate(family, merged.weights, training_set.machine, quantiles), taken=merged.taken, worth=merged.worth
    )
    if not training_set.model:
        return made
    before = evaluate.in_service(Model(training_set.model), training_set.machine.held_out)
    compared = replace(before, loss=float("inf")) if training_set.anew else before
    return replace(made, before=before, objection=evaluate.objection(family, compared, made.estimate))


class _TrainingPool:
    """The windows of all training sets, and a trainer to try weights with."""

    def __init__(self, family: Family, training_sets: Sequence[TrainingSet]) -> None:
        self.trainer = Trainer(family.train_tflite)
        self.seen = np.concatenate([training_set.machine.seen for training_set in training_sets])
        self._each = [training_set.machine.unseen for training_set in training_sets]
        self._unseen = np.concatenate(self._each)
        self._quantile = family.threshold.quantile

    def loss(self, weights: Floats) -> float:
        """The mean squared error of `weights` on held-out windows."""
        self.trainer.set(weights)
        return self.trainer.loss(self._unseen)

    def quantile(self, weights: Floats) -> float:
        """The highest quantile of held-out scores among the machines, in squared deviations a feature."""
        self.trainer.set(weights)
        return max(float(np.quantile(self.trainer.errors(unseen), self._quantile)) for unseen in self._each)


def _squares(it: Machine) -> Floats:
    """The sum of squared differences to the machine's mean, per feature."""
    wide = it.learnt.astype(np.float64)
    return np.asarray(((wide - wide.mean(axis=0)) ** 2).sum(axis=0), np.float32)
