"""Passports at work: a model gets one when it is made, and none is loaded without.

LiteRT is not proof against damaged files, so a model goes to it only after its digest, its passport, its size and its
operators were checked, whatever the database says.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from reedmesh import __version__
from reedmesh.errors import ConfigError, DeployError, WireError
from reedmesh.identity import keys
from reedmesh.inference import compatibility
from reedmesh.inference.family import Family
from reedmesh.inference.learnt import highest_rate
from reedmesh.inference.model import Model
from reedmesh.learning import audit
from reedmesh.learning.candidate import Candidate
from reedmesh.protocol import scaling
from reedmesh.protocol.offer_frame import MAX_MODEL
from reedmesh.provenance import passport
from reedmesh.provenance import receipt as receipts
from reedmesh.provenance.dsse import Signer
from reedmesh.provenance.passport import Figures, Ingredient, Maker, Passport, Source
from reedmesh.store.models import StoredModel
from reedmesh.updates.evidence import Evidence

INHERITED = "in service before passports were kept: what it was made from is not known"
TOOLS = ("ai-edge-litert", "ai-edge-quantizer", "numpy")
Origin = tuple[int, str]  # sequence and SHA-256 of a neighbour's update


class Passports:
    """Of the gateway `name`, which signs with `key`; counting: public keys whose signature it takes, its own first.

    family_of: the family of the sensor with this name; None: every sensor is of `family`.
    """

    def __init__(
        self,
        name: str,
        family: Family,
        key: Signer,
        counting: Callable[[], Sequence[bytes]],
        family_of: Callable[[str], Family | None] | None = None,
    ) -> None:
        self._first = family
        self._find = family_of
        self._key = key
        self._counting = counting
        self._maker = Maker(name, keys.fingerprint(key.public))
        self._tools = {"reedmesh": __version__} | _versions()

    def _family_of(self, sensor: str) -> Family:
        return (self._find(sensor) if self._find else None) or self._first

    def receipt(self, candidate: Candidate, evidence: Evidence) -> bytes:
        """The signed receipt of a candidate's training."""
        made = audit.receipt(
            self._family_of(evidence.material.sensor), evidence.material, candidate.model, evidence.committed
        )
        return receipts.sign(made, self._key, self._maker.fingerprint)

    def issue(
        self,
        sensor: str,
        candidate: Candidate,
        before: bytes | None,
        origins: Mapping[str, Origin],
        now: float,
        receipt: bytes | None = None,
    ) -> bytes:
        """The envelope for what was just learnt. before: SHA-256 of the sensor's model until now.

        origins: the update of each neighbour that was merged. receipt: of the training, if there is one.
        """
        start = self._family_of(sensor).train_tflite
        sources = [Source("start", sha256(start).hexdigest())] if start else []
        sources += [Source("before", before.hex())] if before else []
        merged = [
            Ingredient(name, *origins.get(name, (0, "")), share, candidate.worth.get(name, 0.0))
            for name, share in candidate.taken.items()
        ]
        made = self._describe(sensor, candidate.model, candidate.weights, now)
        made = replace(made, sources=tuple(sources), merged=tuple(merged), figures=self._figures(sensor, candidate))
        return passport.sign(replace(made, receipt=sha256(receipt).hexdigest() if receipt else ""), self._key)

    def inherit(self, stored: StoredModel) -> bytes:
        """The envelope for a model that was in service before there were passports."""
        made = self._describe(stored.sensor, stored.tflite, stored.weights, stored.made)
        return passport.sign(replace(made, note=INHERITED), self._key)

    def check(self, stored: StoredModel) -> Passport:
        """The passport of a stored model, if it holds and a sensor can run the model; raises DeployError."""
        where = f"model {stored.sequence} of {stored.sensor}"
        if len(stored.tflite) > MAX_MODEL:
            raise DeployError(f"{where}: {len(stored.tflite)} bytes, a sensor takes {MAX_MODEL}")
        if not stored.passport:
            raise DeployError(f"{where} has no passport")
        try:
            found = passport.verify(stored.passport, self._counting())
        except WireError as fault:
            raise DeployError(f"{where} has no passport that holds: {fault}") from fault
        if faults := found.faults(stored.sensor, self._family_of(stored.sensor).id, stored.tflite, stored.weights):
            raise DeployError(f"{where} has the passport of something else: {'; '.join(faults)}")
        operators(stored.tflite, where)
        return found

    def load(self, stored: StoredModel) -> Model:
        """A stored model, ready to judge; raises DeployError as `check` does."""
        self.check(stored)
        return Model(stored.tflite)

    def shown(self, stored: StoredModel) -> dict[str, Any]:
        """Of a stored model, for people and programs: its number, what is wrong with its passport, what that says."""
        told = {"sensor": stored.sensor, "sequence": stored.sequence, "sha256": sha256(stored.tflite).hexdigest()}
        try:
            return told | {"fault": "", "passport": asdict(self.check(stored))}
        except DeployError as error:
            return told | {"fault": str(error), "passport": None}

    def _describe(self, sensor: str, model: bytes, weights: bytes, now: float) -> Passport:
        """What can be said of any model."""
        digests = sha256(model).hexdigest(), sha256(weights).hexdigest()
        known = operators(model, f"the model of {sensor}")
        return Passport(
            *digests, sensor, self._family_of(sensor).id, self._maker, passport.stated(now), known, self._tools
        )

    def _figures(self, sensor: str, candidate: Candidate) -> Figures:
        count, it = len(candidate.held_out), candidate.estimate
        alarms = round(it.false_alarms * count)
        threshold = scaling.deviations(candidate.threshold, self._family_of(sensor).recipe.length)
        rounded = round(it.loss, 6), round(threshold, 6)
        return Figures(candidate.moments.count, count, *rounded, alarms, round(highest_rate(alarms, count), 6))


def operators(model: bytes, where: str) -> dict[str, int]:
    """The operators of a .tflite and how many of each; raises DeployError for one that the sensor's engine refuses."""
    try:
        report = compatibility.check(model, where)
    except ConfigError as error:
        raise DeployError(str(error)) from error
    if refused := report.refused():
        raise DeployError(f"{where}: {refused[0]}")
    return dict(Counter(each.name for each in report.operators))


def _versions() -> dict[str, str]:
    """What is installed of the packages that make models."""
    found = {}
    for name in TOOLS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # tflite-runtime in place of LiteRT
            continue
    return found
