"""The receipt of a training: which windows, committed to before, became which model by which code; signed. Pure.

An in-toto statement (https://github.com/in-toto/attestation, v1) in a DSSE envelope, whose subject is the model by its
SHA-256. It names the Merkle root of the windows (`merkle.py`) and the ledger entry that committed to it before the
model was learnt. Whoever is shown the windows can learn the model again, to the bit; docs/provenance.md has the rest.
An auditor who did so signs the same statement, with a key of their own.
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

PREDICATE = "urn:reedmesh:training:1"


@dataclass(frozen=True)
class Receipt:
    """Of one training of the machine of `sensor`.

    model: SHA-256 of the .tflite it gave. family: id. root, windows: the Merkle root over the windows and their number.
    committed: number of the ledger entry that holds the root. inputs: SHA-256 over what neighbours had told, "" where
    nothing was taken of them. before: SHA-256 of the model that was in service, "" for the first. code: SHA-256 over
    the program that learnt.
    """

    model: str
    sensor: str
    family: str
    root: str
    windows: int
    committed: int
    code: str
    inputs: str = ""
    before: str = ""

    def faults(self, other: "Receipt") -> list[str]:
        """Fields in which another receipt differs from this one, a line each; [] for none."""
        pairs = ((name, mine, asdict(other)[name]) for name, mine in asdict(self).items())
        return [
            f"{name} is {theirs!s:.16}, the receipt says {mine!s:.16}" for name, mine, theirs in pairs if mine != theirs
        ]


def sign(receipt: Receipt, key: Signer, keyid: str) -> bytes:
    """The envelope of the receipt, UTF-8 JSON; equal receipts give equal bytes."""
    table = {name: value for name, value in asdict(receipt).items() if value != ""}
    subject = {"name": table.pop("sensor"), "digest": {"sha256": table.pop("model")}}
    statement = {"_type": STATEMENT, "subject": [subject], "predicateType": PREDICATE, "predicate": table}
    return dsse.seal(ENVELOPE, json.dumps(statement, sort_keys=True, separators=(",", ":")).encode(), key, keyid)


def verify(envelope: bytes, keys: Iterable[bytes]) -> tuple[Receipt, bytes]:
    """The receipt in `envelope`, and the one of `keys`, 32 bytes each, that signed it; raises WireError."""
    payload, key = dsse.unseal(envelope, ENVELOPE, keys)
    return _read(read_json(payload, dsse.MOST)), key


def unverified(envelope: bytes) -> Receipt:
    """The receipt in `envelope`, UTF-8 JSON, whoever signed it, for comparison; raises WireError."""
    return _read(read_json(dsse.payload(envelope, ENVELOPE), dsse.MOST))


def _read(statement: dict[str, Any]) -> Receipt:
    if (statement.get("_type"), statement.get("predicateType")) != (STATEMENT, PREDICATE):
        raise WireError(f"receipt: a statement of another kind, {statement.get('predicateType')!r:.80}")
    table, subjects = statement.get("predicate"), statement.get("subject")
    try:
        (subject,) = subjects  # type: ignore[misc]
        named = {"sensor": subject["name"], "model": subject["digest"]["sha256"]}
        return read_dataclass(Receipt, dict(table) | named, "receipt")  # type: ignore[arg-type]
    except (TypeError, ValueError, KeyError) as error:
        raise WireError("receipt: not of one model") from error
    except ConfigError as error:
        raise WireError(str(error).splitlines()[0]) from error
