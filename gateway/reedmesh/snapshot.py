"""What a gateway tells its neighbours of what it learnt: weights and feature moments. No window, no score. Pure.

A snapshot stands alone: who has it can start from it. Little-endian:

    u8 version, u8 spare, u16 features, u32 windows, u32 weights, f32 quantile, i64 sums [features],
    i64 sums of squares [features], f32 weights [weights]

Whoever sends it may be wrong or lie, so sizes, ranges and signs are checked against what the family can have.
"""

from dataclasses import dataclass
from struct import Struct

import numpy as np
from numpy.typing import NDArray

from reedmesh.errors import WireError
from reedmesh.scale import Moments

VERSION = 2
LARGEST_WEIGHT = 1e3  # trained ones stay below 10
LARGEST_QUANTILE = 1e6  # normal windows stay below 10
_HEADER = Struct("<BBHIIf")


@dataclass(frozen=True)
class Snapshot:
    """Weights, float32 [n] as `train.py` has them, and the moments of the windows they were learnt from.

    quantile: of normal windows' scores, in squared deviations a feature.
    """

    weights: NDArray[np.float32]
    moments: Moments
    quantile: float = 0.0


def pack(snapshot: Snapshot) -> bytes:
    """The payload of `snapshot`."""
    moments, weights = snapshot.moments, snapshot.weights.astype("<f4")
    header = _HEADER.pack(VERSION, 0, len(moments.total), moments.count, len(weights), snapshot.quantile)
    return header + np.array([moments.total, moments.squares], "<i8").tobytes() + weights.tobytes()


def unpack(payload: bytes, features: int, weights: int) -> Snapshot:
    """The snapshot in `payload`, of a family with so many features and weights; raises WireError with the reason."""
    if len(payload) != _HEADER.size + 16 * features + 4 * weights:
        raise WireError(f"snapshot: {len(payload)} bytes do not hold {features} features and {weights} weights")
    version, _, declared, count, size, quantile = _HEADER.unpack_from(payload)
    if (version, declared, size) != (VERSION, features, weights) or not count:
        raise WireError(f"snapshot: version {version}, {declared} features, {size} weights, {count} windows")
    if not 0 <= quantile < LARGEST_QUANTILE:
        raise WireError(f"snapshot: scores of normal windows reach {quantile}, a number up to 10**6 was expected")
    sums = np.frombuffer(payload, "<i8", 2 * features, _HEADER.size).reshape(2, features)
    found = np.frombuffer(payload, "<f4", weights, _HEADER.size + 16 * features).astype(np.float32)
    if not (np.abs(found) <= LARGEST_WEIGHT).all():
        raise WireError("snapshot: a weight is not a number, or huge")
    return Snapshot(found, _moments(count, sums), quantile)


def _moments(count: int, sums: NDArray[np.int64]) -> Moments:
    """Moments that windows of int8 features can have; raises WireError for others."""
    total, squares = (tuple(map(int, row)) for row in sums)
    for each, square in zip(total, squares, strict=True):
        if abs(each) > 128 * count or not each * each <= count * square or square > 128 * 128 * count:
            raise WireError(f"snapshot: {count} int8 values cannot sum to {each} and their squares to {square}")
    return Moments(count, total, squares)
