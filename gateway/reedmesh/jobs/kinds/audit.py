"""The job `audit`: learn a model again from an audit file, and say in what it differs from its receipt.

The file holds features of readings, so that its owner decides who does this: see `learning/audit.py`.
"""

from pathlib import Path
from typing import Any

from reedmesh.errors import DeployError, WireError
from reedmesh.inference import family
from reedmesh.learning import audit
from reedmesh.provenance import receipt

DETERMINISTIC = True


def about(arguments: dict[str, Any]) -> dict[str, Any]:
    """There are no arguments."""
    if arguments:
        raise WireError(f"audit: takes no argument {min(arguments)[:20]!r}")
    return {}


def run(arguments: dict[str, Any], data: Path) -> dict[str, Any]:  # noqa: ARG001 - it has none
    """{"model": its SHA-256 by the receipt, "faults": in what it differs}."""
    material, receipts = audit.unpack(data.read_bytes())
    if not receipts:
        raise WireError("audit: the file has no receipt")
    stated = receipt.unverified(receipts[0])
    return {"model": stated.model, "faults": audit.check(_family(material.family), material, stated)}


def check(result: dict[str, Any]) -> None:
    """A text and a list of texts."""
    faults = result.get("faults")
    if set(result) != {"model", "faults"} or not isinstance(result["model"], str) or not isinstance(faults, list):
        raise WireError("audit: no model, or no list of faults")


def _family(identity: str) -> family.Family:
    for name in family.family_names():
        found = family.load_family(family.find_family(name))
        if found.id == identity:
            return found
    raise DeployError(f"no family here has the id {identity}")
