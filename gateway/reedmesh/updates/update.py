"""THE UPDATE PATH: one round of learning in a gateway, from the windows of its machines to the models of its sensors.

    train -> delta -> encode -> publish | collect -> decode -> verify -> merge -> accept? -> quantise -> deploy

Arithmetic is done beside the data path (`updates/worker.py`). Nobody waits for anybody longer than the deadline, and
what is in service stays there unless its successor is no worse.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from reedmesh.exchange.neighbourhood import Neighbourhood
from reedmesh.inference.family import Family
from reedmesh.learning import steps
from reedmesh.learning.aggregate import Peer
from reedmesh.learning.arrays import Floats
from reedmesh.learning.candidate import Candidate
from reedmesh.learning.events import Made, Round
from reedmesh.learning.steps import TrainingSet
from reedmesh.updates import evidence
from reedmesh.updates.attestation import Origin
from reedmesh.updates.evidence import Commitment, Evidence
from reedmesh.updates.worker import WorkerFactory

log = logging.getLogger(__name__)


class Machines(Protocol):
    """Where windows come from, and models go to."""

    async def training_sets(self) -> dict[str, TrainingSet]:
        """The training set of each machine in this round, by its sensor's name; those with too little are left out."""
        ...

    async def commit(self, training_sets: Mapping[str, TrainingSet]) -> dict[str, Commitment]:
        """Commit to what is about to be learnt from, by sensor; {} where nobody is to check it."""
        ...

    async def deploy(
        self, sensor: str, candidate: Candidate, origins: Mapping[str, Origin], evidence: Evidence | None
    ) -> str:
        """Put a candidate's model into service, or say why not; called only for those there is no objection to.

        origins: the updates of the neighbours that are in it. evidence: what it can be learnt from again.
        """
        ...


async def update(
    family: Family,
    neighbourhood: Neighbourhood,
    machines: Machines,
    new_worker: WorkerFactory,
    seed: int,
    audited: bool = False,
) -> Round | None:
    """Play one round and return what came of it, None when there is no machine to learn from.

    audited: each model is learnt twice, and goes into service only when both are the same, to the bit.

    The same windows, copies and seed give the same weights. Raises DeployError or BrokenExecutor when it had to be
    given up; then neighbours may have heard of it, and all else is as it was.
    """
    began, training_sets = time.monotonic(), await machines.training_sets()
    if not training_sets:
        return None
    committed = await machines.commit(training_sets)
    everyone, begun = list(training_sets.values()), _begun(family, neighbourhood)
    epochs = steps.epochs(family, everyone)
    async with new_worker() as work:
        trained = await work(steps.fit, family, everyone, begun, epochs, seed + neighbourhood.learning_state.rounds)
        await neighbourhood.give(trained)  # delta -> encode -> publish
        peers, late = await neighbourhood.collect()  # decoded and verified as they come
        public, step = neighbourhood.learning_state.public, neighbourhood.profile.step
        merged, loss = await work(steps.mix, family, everyone, trained, public, peers, step)
        await neighbourhood.keep(merged, peers)
        taken = {name: peers[name] for name in merged.taken}
        origins = {name: peers[name].origin for name in merged.taken}
        made = []
        for sensor, training_set in training_sets.items():
            candidate = await work(steps.make, family, training_set, merged, taken)
            found = _evidence(family, sensor, training_set, taken, candidate, committed.get(sensor))
            if audited and (doubt := await work(evidence.doubt, family, candidate, found)):
                candidate = replace(candidate, objection=f"its receipt is doubtful: {doubt}")
            made.append(await _renew(machines, sensor, candidate, origins, found))
    seconds = time.monotonic() - began
    losses = trained.loss, loss
    outcome = Round(
        time.time(), neighbourhood.learning_state.rounds, trained.windows, merged, late, *losses, seconds, tuple(made)
    )
    neighbourhood.tell(outcome)
    return outcome


def _evidence(
    family: Family,
    sensor: str,
    training_set: TrainingSet,
    taken: Mapping[str, Peer],
    candidate: Candidate,
    committed: Commitment | None,
) -> Evidence | None:
    told = [peer.told for peer in taken.values() if peer.told]
    secret = committed.secret if committed else b""
    return evidence.of(candidate, evidence.material(family, sensor, training_set, secret, told), committed)


async def _renew(
    machines: Machines, sensor: str, candidate: Candidate, origins: Mapping[str, Origin], found: Evidence | None
) -> Made:
    """Accepted? Then it goes into service."""
    objection = candidate.objection or await machines.deploy(sensor, candidate, origins, found)
    if objection:
        log.info("%s keeps its model: %s", sensor, objection)
    return Made(sensor, candidate.model, objection, candidate.before, candidate.estimate)


def _begun(family: Family, neighbourhood: Neighbourhood) -> list[Floats]:
    """Where to begin: where we were, or at first from whichever fits us best, the start or what a neighbour knows.

    Who learnt by sums until now has no weights but zeros.
    """
    known = neighbourhood.learning_state
    if known.rounds and known.weights.any():
        return [known.weights]
    return [
        steps.start(family),
        *(peer.weights for _, peer in sorted(neighbourhood.peers().items()) if peer.weights.any()),
    ]
