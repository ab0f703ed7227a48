"""Openings: some windows of a commitment, shown with proofs, chosen by a hash that nobody knew when it was made. Pure.

A gateway that invented windows after it had committed to others cannot show those that are asked for. Which ones are
asked for follows from a later checkpoint, so neither side chooses them: with k of n windows opened, f of them invented,
the chance to notice is 1 - (1 - f / n)**k. As JSON:

    {"sensor", "windows", "root", "head", "leaves": [{"index", "salt", "features", "siblings": [...]}]}, bytes in hex
"""

import hmac
import json
from collections.abc import Sequence
from struct import pack, unpack
from typing import Any

from reedmesh.errors import WireError
from reedmesh.provenance import merkle

MOST = 256  # leaves of an opening
LONGEST = 1 << 20  # bytes of JSON


def chosen(root: bytes, head: bytes, windows: int, count: int) -> list[int]:
    """The leaves to open: `count` different numbers below `windows`, in order, that follow from both 32-byte hashes."""
    found: set[int] = set()
    turn = 0
    while len(found) < min(count, windows, MOST):
        (number,) = unpack("<Q", hmac.digest(head, root + pack("<I", turn), "sha256")[:8])
        found.add(number % windows)
        turn += 1
    return sorted(found)


def make(sensor: str, secret: bytes, windows: Sequence[bytes], head: bytes, count: int) -> dict[str, Any]:
    """The opening of windows, features as bytes, as a JSON object. secret: 32 bytes, salts the tree; head: 32 bytes."""
    hashes = merkle.leaves(secret, sensor, windows)
    root = merkle.root(hashes)
    leaves = [
        {
            "index": index,
            "salt": merkle.salt(secret, index).hex(),
            "features": windows[index].hex(),
            "siblings": [each.hex() for each in merkle.proof(hashes, index)],
        }
        for index in chosen(root, head, len(windows), count)
    ]
    return {"sensor": sensor, "windows": len(windows), "root": root.hex(), "head": head.hex(), "leaves": leaves}


def check(data: bytes, root: bytes, windows: int, head: bytes, count: int) -> list[str]:
    """Faults of an opening, UTF-8 JSON, of the 32-byte commitment `root`; [] for none. Raises WireError for no JSON."""
    if len(data) > LONGEST:
        raise WireError(f"opening: {len(data)} bytes, {LONGEST} are the most")
    try:
        table = json.loads(data)
        leaves = {int(each["index"]): each for each in table["leaves"]}
        faults = [
            f"window {index} does not lead to the root"
            for index, each in leaves.items()
            if not _holds(each, str(table["sensor"]), index, root, windows)
        ]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise WireError(f"opening: {error!r:.80}") from error
    asked = chosen(root, head, windows, count)
    return faults + [f"window {index} was asked for and is not shown" for index in asked if index not in leaves]


def _holds(each: dict[str, Any], sensor: str, index: int, root: bytes, windows: int) -> bool:
    hashed = merkle.leaf(bytes.fromhex(each["salt"]), sensor, index, bytes.fromhex(each["features"]))
    return merkle.holds(root, windows, index, hashed, [bytes.fromhex(sibling) for sibling in each["siblings"]])
