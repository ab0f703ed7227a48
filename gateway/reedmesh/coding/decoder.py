"""Whole payloads: cut into blocks and coded, collected from shards in any order, believed by their SHA-256 alone."""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from reedmesh.coding.block import Buffer, decode_into, encode
from reedmesh.coding.locate import correct
from reedmesh.errors import WireError
from reedmesh.protocol.shards import INDICES, Shape


def encode_block(payload: Buffer, shape: Shape, block: int, indices: Sequence[int]) -> list[memoryview]:
    """The shards `indices`, 0..254, of one block of `payload`, `shape.shard_length` bytes each; raises ValueError."""
    if len(payload) != shape.length or not 0 <= block < shape.blocks:
        raise ValueError(f"block {block} of {shape.blocks}, {len(payload)} bytes where {shape.length} are described")
    size = shape.k * shape.shard_length
    return encode(memoryview(payload)[block * size : (block + 1) * size], shape.k, shape.shard_length, indices)


class Decoder:
    """Collects the shards of one payload until they are enough. Memory: what arrived, k + spare shards a block at most.

    sha256: of the payload. spare: how many shards beyond k are kept for each block, 0..254, so that wrong ones can be
    told; leave it 0 where every shard was checked against a hash or a tag.
    """

    def __init__(self, shape: Shape, sha256: bytes, spare: int = 0) -> None:
        self.shape = shape
        self._sha256 = sha256
        self._most = min(shape.k + spare, INDICES)
        self._blocks: dict[int, dict[int, bytes]] = {}

    def add(self, block: int, index: int, data: Buffer) -> bool:
        """Keep a shard; False for one that is not needed, or is here already.

        Raises WireError for another length, block or index than the shape has. The first bytes of a shard count: the
        same
        shard with other bytes is ignored.
        """
        shape = self.shape
        if not 0 <= block < shape.blocks or not 0 <= index < INDICES or len(data) != shape.shard_length:
            raise WireError(f"shard {index} of block {block} with {len(data)} bytes is none of this payload")
        kept = self._blocks.setdefault(block, {})
        if index in kept or len(kept) >= self._most:
            return False
        kept[index] = bytes(data)
        return True

    def missing(self, block: int) -> int:
        """How many shards a block still lacks, 0 to k, whichever they are; 0: it can be decoded."""
        return max(0, self.shape.k - len(self._blocks.get(block, ())))

    def has(self, block: int, index: int) -> bool:
        """Whether the shard `index`, 0..254, of `block` is here."""
        return index in self._blocks.get(block, ())

    def need(self) -> int:
        """How many more parity shards of every block are certainly enough, 0 to k; 0: the payload can be decoded."""
        if len(self._blocks) < self.shape.blocks:
            return self.shape.k
        return max(map(self.missing, self._blocks))

    def payload(self) -> bytes:
        """The payload, bytes of the announced length; raises ValueError while shards are missing.

        Raises WireError when its SHA-256 is not the announced one. Before that, wrong shards are searched among those
        kept
        beyond k.
        """
        if self.need():
            raise ValueError(f"{self.need()} shards are still missing")
        for mend in (False, True):
            payload = self._decoded(mend)
            if sha256(payload).digest() == self._sha256:
                return bytes(payload)
        raise WireError(f"{self.shape.length} bytes were put together, and their SHA-256 is not the announced one")

    def _decoded(self, mend: bool) -> memoryview:
        shape = self.shape
        out = np.empty((shape.blocks, shape.k, shape.shard_length), np.uint8)
        for block, kept in self._blocks.items():
            rows = {index: np.frombuffer(data, np.uint8) for index, data in kept.items()}
            decode_into(out[block], correct(rows, shape.k) if mend else rows)
        return out.reshape(-1)[: shape.length].data
