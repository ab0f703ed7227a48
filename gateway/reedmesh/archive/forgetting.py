"""Deletion before its day: an object goes when as many of its keys as its manifest demands have signed that. Pure, but
for `obey`.

    id of the object [16], u8 signatures, then for each: u8 number of the key in the manifest, signature [64] of a
    purpose, the federation's name, a zero byte and the id
"""

from collections.abc import Mapping

from reedmesh.archive.manifest import ID, MOST_KEYS, SIGNATURE, Manifest
from reedmesh.archive.site import Site
from reedmesh.errors import WireError
from reedmesh.identity.ed25519 import is_signed
from reedmesh.identity.keys import Key

_PURPOSE = b"reedmesh archive forget\0"


def signature(object_id: bytes, key: Key, federation: str) -> bytes:
    """One owner's consent that an object goes: 64 bytes."""
    return key.signature(_signed(object_id, federation))


def pack(object_id: bytes, signatures: Mapping[int, bytes]) -> bytes:
    """The order. signatures: by the number of their key in the manifest, from 0."""
    said = b"".join(bytes([number]) + each for number, each in sorted(signatures.items()))
    return object_id + bytes([len(signatures)]) + said


def counted(it: Manifest, order: bytes, federation: str) -> int:
    """How many different keys of the manifest signed the order; raises WireError for what is none."""
    count = order[ID] if len(order) > ID else 0
    if order[:ID] != it.id or not 0 < count <= MOST_KEYS or len(order) != ID + 1 + count * (1 + SIGNATURE):
        raise WireError(f"archive: an order of {len(order)} bytes to delete {it.label!r}")
    text, found = _signed(it.id, federation), set()
    for at in range(ID + 1, len(order), 1 + SIGNATURE):
        number, signed = order[at], order[at + 1 : at + 1 + SIGNATURE]
        if number < len(it.keys) and is_signed(it.keys[number], signed, text):
            found.add(number)
    return len(found)


async def obey(at: Site, order: bytes) -> None:
    """Delete an object for good; raises WireError unless as many keys as it takes have signed."""
    it = at.shelf.manifests.get(order[:ID])
    if not it:
        return  # it is gone, or never came
    if not it.quorum or counted(it, order, at.federation) < it.quorum:
        raise WireError(f"archive: {it.label!r} goes with {it.quorum or 'no'} signatures of its {len(it.keys)} keys")
    await at.disk(at.shelf.delete, it.id, order)


def _signed(object_id: bytes, federation: str) -> bytes:
    return _PURPOSE + federation.encode() + b"\0" + object_id
