"""The passport of a model: its content, its origin, its maker and its quality; signed. Pure.

An in-toto statement (https://github.com/in-toto/attestation, v1) whose subject is the .tflite by its SHA-256, in a DSSE
envelope under the gateway's Ed25519 key. What it proves is that this gateway said so; docs/provenance.md has the rest.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from reedmesh.config.schema import read_dataclass
from reedmesh.errors import ConfigError, WireError
from reedmesh.json_object import read_json
from reedmesh.provenance import dsse
from reedmesh.provenance.dsse import Signer

ENVELOPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:reedmesh:passport:1"


@dataclass(frozen=True)
class Source:
    """The origin of a model: `start` weights, or the sensor's model `before`; by the SHA-256 of its file."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Ingredient:
    """A neighbour's update in it: its number and SHA-256, its share, and what it was worth (see `merge.Merged`)."""

    gateway: str
    sequence: int
    sha256: str
    share: float
    worth: float


@dataclass(frozen=True)
class Figures:
    """How well it does. loss: mean score of held-out windows; threshold: an alert's; in squared deviations a feature.

    learnt, held_out: windows trained on, and tested on. alarms: held-out ones above a threshold made of the other half
    of them (`learning/evaluate.py`). false_alarms: the share of normal windows above it that leaves likely, at most (95
    %).
    """

    learnt: int
    held_out: int
    loss: float
    threshold: float
    alarms: int
    false_alarms: float


@dataclass(frozen=True)
class Maker:
    """The signer, and the key."""

    gateway: str
    fingerprint: str


@dataclass(frozen=True)
class Passport:
    """Of the model with this SHA-256, for that sensor.

    weights: SHA-256 of what it was quantised from. family: id. made: as RFC 3339 has it. operators: of the .tflite, and
    how many of each. tools: packages that took part, with their versions. figures: None, of a model that was in service
    before gateways kept passports. receipt: SHA-256 of the envelope with our receipt of the training, "" without one.
    """

    sha256: str
    weights: str
    sensor: str
    family: str
    maker: Maker
    made: str
    operators: dict[str, int]
    tools: dict[str, str]
    sources: tuple[Source, ...] = ()
    merged: tuple[Ingredient, ...] = ()
    figures: Figures | None = None
    note: str = ""
    receipt: str = ""

    def faults(self, sensor: str, family: str, model: bytes, weights: bytes) -> list[str]:
        """Differences to the passport of `model`, made of `weights`, both bytes, for `sensor` of `family`; [] for
        none.
        """
        digests = sha256(model).hexdigest(), sha256(weights).hexdigest()
        names = "model", "weights", "sensor", "family"
        pairs = zip(
            names, (*digests, sensor, family), (self.sha256, self.weights, self.sensor, self.family), strict=True
        )
        return [f"{what} is {is_it:.16}, the passport is of {says:.16}" for what, is_it, says in pairs if is_it != says]

    def lines(self) -> list[str]:
        """The passport as lines of text for people."""
        made_of = [f"{each.name} {each.sha256:.16}" for each in self.sources]
        merged = [
            f"{each.gateway} update {each.sequence}, {each.share:.1%} of it, worth {each.worth:+.2g} of loss"
            for each in self.merged
        ]
        it = self.figures
        figures = it and (
            f"learnt from {it.learnt} windows, tested on {it.held_out}: loss {it.loss:.3f}, threshold "
            f"{it.threshold:.3f}; {it.alarms} above it, so at most {it.false_alarms:.1%} false alarms"
        )
        return [
            f"model      {self.sha256}",
            f"made       {self.made} by {self.maker.gateway}, key {self.maker.fingerprint}",
            f"family     {self.family}",
            f"made of    {', '.join(made_of) or self.note}",
            *(f"merged     {each}" for each in merged or ["nothing of neighbours"]),
            f"figures    {figures or 'not known'}",
            f"receipt    {self.receipt or 'none: nobody can learn it again'}",
            f"operators  {', '.join(f'{count} {name}' for name, count in self.operators.items())}",
            f"tools      {', '.join(f'{name} {version}' for name, version in self.tools.items())}",
        ]


def sign(passport: Passport, key: Signer) -> bytes:
    """The envelope of the passport, UTF-8 JSON; equal passports give equal bytes."""
    table = {name: value for name, value in asdict(passport).items() if value not in (None, "", ())}
    subject = {"name": table.pop("sensor"), "digest": {"sha256": table.pop("sha256")}}
    statement = {"_type": STATEMENT, "subject": [subject], "predicateType": PREDICATE, "predicate": table}
    payload = json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()
    return dsse.seal(ENVELOPE, payload, key, passport.maker.fingerprint)


def verify(envelope: bytes, keys: Iterable[bytes]) -> Passport:
    """The passport in `envelope`, signed with one of `keys`, 32 bytes each; raises WireError."""
    payload, _ = dsse.unseal(envelope, ENVELOPE, keys)
    return _read(read_json(payload, dsse.MOST))


def stated(moment: float) -> str:
    """Seconds since 1970 in the form of RFC 3339, in UTC.

    >>> stated(0)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _read(statement: dict[str, Any]) -> Passport:
    if (statement.get("_type"), statement.get("predicateType")) != (STATEMENT, PREDICATE):
        raise WireError(f"passport: a statement of another kind, {statement.get('predicateType')!r:.80}")
    table = statement.get("predicate")
    if not isinstance(table, dict):
        raise WireError("passport: it states nothing")
    name, digest = _subject(statement.get("subject"))
    try:
        return read_dataclass(Passport, table | {"sensor": name, "sha256": digest}, "passport")
    except ConfigError as error:
        raise WireError(str(error).splitlines()[0]) from error


def _subject(found: object) -> tuple[object, object]:
    """Name and SHA-256 of the only subject."""
    if isinstance(found, list) and len(found) == 1 and isinstance(found[0], dict):
        digest = found[0].get("digest")
        if isinstance(digest, dict):
            return found[0].get("name"), digest.get("sha256")
    raise WireError("passport: not of one model")
