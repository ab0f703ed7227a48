"""Ledger entries about updates: given, taken, refused, merged, left out. Pure."""

from collections.abc import Iterator, Mapping
from hashlib import sha256

from reedmesh.learning.aggregate import Merged, Peer
from reedmesh.provenance import ledger
from reedmesh.provenance.ledger import Entry


def update(kind: str, name: str, family: str, sequence: int, payload: bytes, reason: str = "") -> Entry:
    """Of one update of the gateway `name`."""
    return Entry(kind, name, "", family, sequence, sha256(payload).hexdigest(), reason=reason)


def merge(merged: Merged, peers: Mapping[str, Peer], family: str) -> Iterator[Entry]:
    """The ledger entries of a merge: the updates in it with their worth, and those left out with the reason."""
    for name, share in merged.taken.items():
        shares = round(share, 6), round(merged.worth.get(name, 0.0), 9)
        yield Entry(ledger.MERGED, name, "", family, *peers[name].origin, *shares)
    for name, reason in merged.refused.items():
        yield Entry(ledger.LEFT_OUT, name, "", family, *peers[name].origin, reason=reason)
