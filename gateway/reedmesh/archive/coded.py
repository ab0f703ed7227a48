"""An object to a manifest and its shards, and shards back to the object. Pure; the code is that of `coding/`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from reedmesh.archive import manifest as manifests
from reedmesh.archive.manifest import Manifest, shape_for
from reedmesh.archive.placement import code_for
from reedmesh.coding import Decoder, encode_block
from reedmesh.errors import WireError
from reedmesh.identity.keys import Key

Place = tuple[int, int]  # block and index


@dataclass(frozen=True)
class Wanted:
    """What an owner says of an object. until: day since 1970, 0: kept without end. quorum of keys: may delete it."""

    label: str
    kind: str
    until: int = 0
    quorum: int = 0
    keys: tuple[bytes, ...] = ()


def code(
    content: bytes, wanted: Wanted, owner: str, key: Key, gateways: int, made: int, federation: str
) -> tuple[Manifest, dict[Place, memoryview]]:
    """The signed manifest of `content`, 1 byte to 16 MiB, and all of its shards; raises WireError.

    gateways: that can hold shards, 1 or more. made: s since 1970.
    """
    k, n = code_for(gateways)
    shape = shape_for(len(content), k)
    shards = {
        (block, index): shard
        for block in range(shape.blocks)
        for index, shard in enumerate(encode_block(content, shape, block, range(n)))
    }
    hashes = tuple(sha256(shard).digest() for shard in shards.values())
    about = wanted.label, wanted.kind, n, shape, made, wanted.until, sha256(content).digest(), hashes
    it = Manifest(owner, *about, wanted.quorum, wanted.keys)
    return replace(it, frame=manifests.pack(it, key, federation)), shards


def is_right(it: Manifest, place: Place, shard: bytes) -> bool:
    """Whether `shard` is the one the manifest lists at a place; raises WireError for a place that there is not."""
    return len(shard) == it.shape.shard_length and sha256(shard).digest() == it.hash_of(*place)


def decode(it: Manifest, shards: Mapping[Place, bytes]) -> bytes:
    """The content of an object from k right shards of each block; raises ValueError while there are too few."""
    decoder = Decoder(it.shape, it.sha256)
    for (block, index), shard in shards.items():
        decoder.add(block, index, shard)
    return decoder.payload()


def again(it: Manifest, content: bytes, indices: Iterable[int]) -> dict[Place, bytes]:
    """The shards `indices` of all blocks, made once more; raises WireError if they are not those of the manifest."""
    wanted = list(indices)
    made = {
        (block, index): bytes(shard)
        for block in range(it.shape.blocks)
        for index, shard in zip(wanted, encode_block(content, it.shape, block, wanted), strict=True)
    }
    if not all(is_right(it, place, shard) for place, shard in made.items()):
        raise WireError(f"archive: shards of {it.label!r} do not come out as its manifest lists them")
    return made
