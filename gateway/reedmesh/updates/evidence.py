"""Evidence of the training data of models: a commitment in the ledger before learning, and the data after it.

What a commitment holds is dated by the checkpoint that neighbours get of the ledger; windows that were invented later
cannot be in it. Where a family learns a network, whose bits depend on the processor, there is no evidence.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reedmesh.inference.family import NETWORK, Family
from reedmesh.learning import audit
from reedmesh.learning.audit import Material
from reedmesh.learning.candidate import Candidate
from reedmesh.learning.steps import TrainingSet
from reedmesh.learning.told import Told
from reedmesh.provenance import ledger, merkle
from reedmesh.provenance.ledger import Entry
from reedmesh.store.store import Store
from reedmesh.store.writer import Disk


@dataclass(frozen=True)
class Commitment:
    """To the windows of one machine. secret: of the salts. number: of the ledger entry that holds the Merkle root."""

    secret: bytes
    number: int


@dataclass(frozen=True)
class Evidence:
    """Of one candidate: what it was learnt from, and the ledger entry that committed to it."""

    material: Material
    committed: int


async def commit(family: Family, disk: Disk, training_sets: Mapping[str, TrainingSet]) -> dict[str, Commitment]:
    """Enter the root over each machine's windows in the ledger; {} where nothing could be checked later."""
    if family.training.kind == NETWORK:
        return {}
    secret = {sensor: secrets.token_bytes(merkle.SECRET) for sensor in training_sets}
    materials = [material(family, name, each, secret[name]) for name, each in training_sets.items()]
    entries = [_entry(family, it) for it in materials]
    last = await disk.call(_enter, disk.store, entries)
    numbers = range(last - len(entries) + 1, last + 1)
    return {it.sensor: Commitment(it.secret, number) for it, number in zip(materials, numbers, strict=True)}


def material(
    family: Family, sensor: str, training_set: TrainingSet, secret: bytes, neighbours: Sequence[Told] = ()
) -> Material:
    """The training data of a candidate of that machine."""
    windows, before = training_set.machine.windows, training_set.model
    said = before, training_set.anew, training_set.day
    return Material(sensor, family.id, windows, secret, tuple(neighbours), *said)


def of(candidate: Candidate, it: Material, commitment: Commitment | None) -> Evidence | None:
    """The evidence of a candidate, if it was learnt by sums from windows that were committed to."""
    return Evidence(it, commitment.number) if commitment and not candidate.weights else None


def doubt(family: Family, candidate: Candidate, evidence: Evidence | None) -> str:
    """Why the candidate's receipt would be doubtful; "" when learning again gives the same model."""
    if not evidence:
        return "it cannot be audited: it was not learnt by sums"
    return "" if audit.learn(family, evidence.material) == candidate.model else "learning it again gave another model"


def _entry(family: Family, it: Material) -> Entry:
    """What is committed to: the root, and in place of a sequence the number of windows."""
    return Entry(ledger.COMMITTED, "", it.sensor, family.name, len(it.windows), it.root.hex())


def _enter(store: Store, entries: Sequence[Entry]) -> int:
    """The number of the last of `entries`; 0 without a ledger."""
    store.enter(*entries)
    return store.ledger.last()[0] if store.ledger else len(entries)
