"""One block: k data shards to parity, and any k shards back to the data. Pure; the code itself is in `matrices.py`."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from reedmesh.coding import kernel
from reedmesh.coding.matrices import PLACES, Bytes, weights

Buffer = bytes | bytearray | memoryview

_weights = lru_cache(16)(weights)  # the blocks of a payload ask for the same; at most 16 KiB each


def encode(data: Buffer, k: int, length: int, indices: Sequence[int]) -> list[memoryview]:
    """The shards `indices` of a block, each of `length` bytes: 0..k-1 are its data, k..254 parity.

    data: at most k * length bytes, filled up with zeros; data shards are views of it where it is full. Any index may be
    asked for at any time, so that more parity can be made later. Raises ValueError when a number is out of range.

    >>> shards = encode(b"abcdefgh", k=2, length=4, indices=[0, 1, 2])
    >>> [bytes(each) for each in shards]
    [b'abcd', b'efgh', b'C\\xef\\x8b\\xac']
    >>> bytes(decode({1: shards[1], 2: shards[2]}, k=2))
    b'abcdefgh'
    """
    _check(k, indices)
    if not 0 < len(data) <= k * length:
        raise ValueError(f"{len(data)} bytes are no block of {k} shards of {length}")
    rows = _filled(data, k * length).reshape(k, length)
    wanted = [i for i in indices if i >= k]
    parity = np.empty((len(wanted), length), np.uint8)
    kernel.multiply(_weights(tuple(wanted), tuple(range(k))), rows, parity)
    made = dict(zip(wanted, parity, strict=True))
    return [(made[i] if i >= k else rows[i]).data for i in indices]


def decode(shards: Mapping[int, Buffer], k: int) -> memoryview:
    """The k * length bytes of a block from any k of its shards, by index; more are not looked at.

    Nothing is checked but sizes: a wrong shard gives wrong data. Raises ValueError for fewer than k shards, for an
    index out of range and for shards that are not equally long.
    """
    _check(k, shards)
    length = len(next(iter(shards.values()), b""))
    if len(shards) < k or not length or any(len(shard) != length for shard in shards.values()):
        raise ValueError(f"{len(shards)} shards of {length} bytes and others, {k} of one length are needed")
    out = np.empty((k, length), np.uint8)
    decode_into(out, {i: np.frombuffer(shard, np.uint8) for i, shard in shards.items()})
    return out.reshape(-1).data


def decode_into(out: Bytes, shards: Mapping[int, Bytes]) -> None:
    """Decode into `out`, uint8 [k, length]; as `decode`, but the shards are not checked again."""
    k = len(out)
    known = sorted(shards)[:k]  # data first: what is there need not be calculated
    lost = [i for i in range(k) if i not in shards]
    for i in known:
        if i < k:
            out[i] = shards[i]
    kernel.multiply(_weights(tuple(lost), tuple(known)), [shards[i] for i in known], [out[i] for i in lost])


def _filled(data: Buffer, size: int) -> Bytes:
    given = np.frombuffer(data, np.uint8)
    if len(given) == size:
        return given
    filled = np.zeros(size, np.uint8)
    filled[: len(given)] = given
    return filled


def _check(k: int, indices: Sequence[int] | Mapping[int, Buffer]) -> None:
    if not 0 < k < PLACES or any(not 0 <= i < PLACES for i in indices) or len(set(indices)) != len(indices):
        raise ValueError(f"k must be 1 to {PLACES - 1} and indices 0 to {PLACES - 1}, each once: k={k}")
