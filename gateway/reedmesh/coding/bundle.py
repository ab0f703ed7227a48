"""A payload as a bundle: the manifest that describes it, and its shards in the order in which they are best sent. Pure.

Shards of different blocks take turns: what a broker drops, it drops in a row, and each block can spare only a few. A
bundle remembers how far each block was sent, so that whoever needs more gets shards nobody has had yet.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import zip_longest

from reedmesh.coding import encode_block
from reedmesh.protocol.shards import INDICES, MAX_K, Manifest, Shape, Shard, pack_shard, shard_hash

SMALLEST = 1024  # bytes of a shard; below, headers and hashes weigh too much
LARGEST = 16384 - 28  # so that a frame has 16 KiB, which every broker carries well
FEWEST = 64  # shards that a payload is cut into, if they do not become smaller than SMALLEST
MOST = 170  # data shards of a block; a third of its 255 indices is left for parity

Coded = dict[int, memoryview]  # shards by index


def shape_of(length: int) -> Shape:
    """How a payload of `length` bytes is cut for gateways; raises WireError for 0 bytes or more than 16 MiB."""
    shard_length = _whole_words(min(max(_divide(length, FEWEST), SMALLEST), LARGEST, max(length, 1)))
    blocks = max(1, _divide(length, MOST * shard_length))
    return Shape(max(1, _divide(length, blocks * shard_length)), shard_length, length)


def shape_for(length: int, shard_length: int, room: int) -> Shape:
    """Cut a payload of `length` bytes for a sensor that decodes one block at a time in `room` bytes.

    shard_length: bytes of a shard. All blocks have the same number of shards.
    """
    most = max(1, min(MAX_K, room // shard_length))
    blocks = _divide(length, most * shard_length)
    return Shape(_divide(length, blocks * shard_length), shard_length, length)


class Bundle:
    """A payload of `sender`, made ready to be sent in waves. base: as in Manifest."""

    def __init__(
        self, payload: bytes, family: str, sender: str, sequence: int, base: int, shape: Shape | None = None
    ) -> None:
        self.shape = shape or shape_of(len(payload))
        self.manifest = Manifest(self.shape, sha256(payload).digest(), family, sender, sequence, base)
        self.id = self.manifest.bundle
        self._payload = payload
        self._sent = [0] * self.shape.blocks  # shards of each block that were handed out
        self._hashes: list[list[bytes]] = [[] for _ in self._sent]

    def wave(self, wanted: Mapping[int, int]) -> list[bytes]:
        """Frames to send next, in sending order: for each block (key) so many shards (value) that were not sent
        before.

        After index 254 a block starts again at 0. The manifest then lists all shards, so look at `manifest.hashed`,
        and send
        the manifest first if it has grown.
        """
        places = {block: self._next(block, min(count, INDICES)) for block, count in wanted.items()}
        fresh = self._list(1 + max((index for indices in places.values() for index in indices), default=-1))
        made = {block: self._shards(block, indices, fresh.get(block, {})) for block, indices in places.items()}
        turns = zip_longest(*made.values())
        return [pack_shard(shard) for turn in turns for shard in turn if shard]

    def _next(self, block: int, count: int) -> list[int]:
        first = self._sent[block]
        self._sent[block] += count
        return [(first + i) % INDICES for i in range(count)]

    def _shards(self, block: int, indices: list[int], made: Coded) -> list[Shard]:
        made = made | self._encode(block, [index for index in indices if index not in made])
        return [Shard(self.id, self.shape, block, index, made[index]) for index in indices]

    def _list(self, count: int) -> dict[int, Coded]:
        """Have the manifest list the first `count` shards of every block, the data at least; returns what is new."""
        more = range(self.manifest.hashed, max(count, self.shape.k))
        if not more:
            return {}
        fresh = {block: self._encode(block, more) for block in range(self.shape.blocks)}
        for block, coded in fresh.items():
            self._hashes[block] += map(shard_hash, coded.values())
        self.manifest.hashed = more.stop
        self.manifest.hashes = b"".join(map(b"".join, self._hashes))
        return fresh

    def _encode(self, block: int, indices: Sequence[int]) -> Coded:
        return dict(zip(indices, encode_block(self._payload, self.shape, block, indices), strict=True))


def _divide(a: int, b: int) -> int:
    return -(-a // b)


def _whole_words(size: int) -> int:
    return _divide(size, 4) * 4
