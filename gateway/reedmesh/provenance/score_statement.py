"""A signed statement of one score, which anybody who has the model can compute again. Pure.

An in-toto statement (https://github.com/in-toto/attestation, v1) in a DSSE envelope, whose subject is the model by its
SHA-256. To run the model on one window takes less than a millisecond, so the statement needs no proof beside it.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from reedmesh.config.schema import read_dataclass
from reedmesh.errors import ConfigError, WireError
from reedmesh.json_object import read_json
from reedmesh.provenance import dsse
from reedmesh.provenance.dsse import Signer
from reedmesh.provenance.passport import ENVELOPE, STATEMENT

PREDICATE = "urn:reedmesh:score:1"


@dataclass(frozen=True)
class ScoreStatement:
    """Of one window. at: s since 1970. features: int8, hex. score, threshold: as the sensor counts, in 1/64 squared
    deviations summed over the features. model: SHA-256 of the .tflite, hex."""

    sensor: str
    model: str
    at: float
    features: str
    score: int
    threshold: int

    @property
    def window(self) -> bytes:
        """The int8 features; raises WireError when they are not hex."""
        try:
            return bytes.fromhex(self.features)
        except ValueError as error:
            raise WireError("score: its features are not hex") from error


def sign(it: ScoreStatement, key: Signer, keyid: str) -> bytes:
    """The envelope of a statement."""
    table = asdict(it)
    subject = {"name": table.pop("sensor"), "digest": {"sha256": table.pop("model")}}
    statement = {"_type": STATEMENT, "subject": [subject], "predicateType": PREDICATE, "predicate": table}
    return dsse.seal(ENVELOPE, json.dumps(statement, sort_keys=True, separators=(",", ":")).encode(), key, keyid)


def verify(envelope: bytes, keys: Iterable[bytes]) -> ScoreStatement:
    """The statement in `envelope`, signed with one of `keys`; raises WireError."""
    return _read(read_json(dsse.unseal(envelope, ENVELOPE, keys)[0], dsse.MOST))


def _read(statement: dict[str, Any]) -> ScoreStatement:
    if (statement.get("_type"), statement.get("predicateType")) != (STATEMENT, PREDICATE):
        raise WireError(f"score: a statement of another kind, {statement.get('predicateType')!r:.80}")
    try:
        (subject,) = statement["subject"]
        named = {"sensor": subject["name"], "model": subject["digest"]["sha256"]}
        return read_dataclass(ScoreStatement, dict(statement["predicate"]) | named, "score")
    except (TypeError, ValueError, KeyError) as error:
        raise WireError("score: not of one model") from error
    except ConfigError as error:
        raise WireError(str(error).splitlines()[0]) from error
