"""Reed-Solomon coding over the prime field of 2**24 - 3 elements, for sums that must come out exact. Pure.

GF(256), which updates are coded in, adds by exclusive or, so a sum of code words is not the code word of a sum of
numbers. Here it is. A word is a polynomial of degree below `needed`, given by its values at points; values are uint64
arrays below PRIME, three bytes each on the wire.
"""

import secrets
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import combinations

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from numpy.typing import NDArray

from reedmesh.errors import WireError

PRIME = (1 << 24) - 3
BYTES = 3  # of a value
MOST_TERMS = 1 << 15  # of a sum of products, which stays below 2**63

Values = NDArray[np.uint64]


def field(numbers: NDArray[np.int64]) -> Values:
    """Whole numbers as elements of the field; those from -(PRIME // 2) to PRIME // 2 come back by `signed`."""
    return np.asarray(numbers % PRIME, np.uint64)


def signed(values: Values) -> NDArray[np.int64]:
    """The whole numbers from -(PRIME // 2) to PRIME // 2 that elements stand for."""
    found = values.astype(np.int64)
    return np.where(found > PRIME // 2, found - PRIME, found)


def stream(key: bytes, label: bytes, count: int) -> Values:
    """`count` values that follow from a secret of 32 bytes and a label, and look random to all who lack the secret.

    ChaCha20 (RFC 8439) in words of 24 bits; those that are no element are left out, so all are equally likely.
    """
    words, extra = np.zeros(0, np.uint64), 8
    while len(words) < count:
        keystream = Cipher(ChaCha20(key, sha256(label).digest()[:16]), mode=None).encryptor()
        words = _words(keystream.update(bytes(BYTES * (count + extra))))
        words, extra = words[words < PRIME], 2 * extra
    return words[:count]


def pack(values: Values) -> bytes:
    """Three bytes each, little-endian."""
    return values.astype("<u4").view(np.uint8).reshape(-1, 4)[:, :BYTES].tobytes()


def unpack(data: bytes, count: int) -> Values:
    """`count` values; raises WireError for another number of them, or one that is no element."""
    if len(data) != BYTES * count:
        raise WireError(f"field: {len(data)} bytes, {count} values have {BYTES * count}")
    words = _words(data)
    if (words >= PRIME).any():
        raise WireError("field: a value is no element")
    return words


def weights(at: Sequence[int], points: Sequence[int]) -> Values:
    """What values at `points` must be multiplied with, uint64 [len(at), len(points)], for those at `at` (Lagrange)."""
    rows = [[_weight(where, i, points) for i in range(len(points))] for where in at]
    return np.array(rows, np.uint64).reshape(len(at), len(points))


def product(matrix: Values, rows: Values) -> Values:
    """matrix [m, n] times rows [n, d] in the field; n at most MOST_TERMS."""
    return np.asarray((matrix @ rows) % np.uint64(PRIME))


def agreeing(points: Sequence[int], rows: Values, needed: int) -> tuple[list[int], list[int]]:
    """Which `rows`, one for each point, are of one word, and which are not; raises WireError when that cannot be told.

    Of n rows, (n - needed) // 2 may be wrong. All columns are tried at once, by random multiples that nobody foresees.
    """
    count = len(points)
    dice = np.array([secrets.randbelow(PRIME) for _ in range(rows.shape[1])], np.uint64)
    values = (rows * dice % np.uint64(PRIME)).sum(axis=1) % np.uint64(PRIME)
    for wrong in _subsets(count, max(0, (count - needed) // 2)):
        kept = [i for i in range(count) if i not in wrong]
        if len(kept) >= needed and _is_word([points[i] for i in kept], values[kept], needed):
            return kept, list(wrong)
    raise WireError(f"field: {count} values are not of one word of {needed}")


def _subsets(count: int, most: int) -> Iterator[tuple[int, ...]]:
    return (each for size in range(most + 1) for each in combinations(range(count), size))


def _is_word(points: Sequence[int], values: Values, needed: int) -> bool:
    first = weights(points[needed:], points[:needed])
    return bool((product(first, values[:needed, None])[:, 0] == values[needed:]).all()) if len(first) else True


def _weight(where: int, i: int, points: Sequence[int]) -> int:
    above = below = 1
    for j, point in enumerate(points):
        if j != i:
            above = above * (where - point) % PRIME
            below = below * (points[i] - point) % PRIME
    return above * pow(below, -1, PRIME) % PRIME


def _words(data: bytes) -> Values:
    parts = np.frombuffer(data, np.uint8).reshape(-1, BYTES).astype(np.uint64)
    return np.asarray(parts[:, 0] | parts[:, 1] << np.uint64(8) | parts[:, 2] << np.uint64(16))
