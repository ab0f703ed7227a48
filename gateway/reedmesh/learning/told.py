"""The sums that gateways exchange: whole numbers, as differences to those sent before. Pure.

Scatter within the states of a gateway's machines, in squared steps, without any mean; and a histogram of held-out
scores. An update is the difference to the one before, so each is applied once and in order, nothing is rounded, and
what was told is replaced or taken back without a trace. Signed numbers are zigzag, then LEB128, as in Protocol Buffers:

    freedom, p (p + 1) / 2 products of the upper triangle row by row, number of bins, then bin and count of each

Whoever sends it may be wrong or lie: numbers that no windows can have are refused.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from reedmesh.errors import WireError
from reedmesh.learning import exact, threshold
from reedmesh.learning.covariance import Scatter
from reedmesh.learning.threshold import BINS, Histogram

MOST_WINDOWS = 1 << 31
LONGEST = 10  # bytes of a number
_ROUNDED = 0.5  # by which rounding to whole products changes one at most
_RIDGE = 1e-3  # of a correlation matrix that was rounded to whole products


@dataclass(frozen=True)
class Told:
    """A gateway's sums: scatter within the states of its machines, and a histogram of held-out scores."""

    scatter: Scatter
    scores: Histogram = field(default_factory=dict)

    def __add__(self, other: "Told") -> "Told":
        """Of the machines of both."""
        matrix = self.scatter.matrix + other.scatter.matrix
        bins = {each: self.scores.get(each, 0) + other.scores.get(each, 0) for each in {*self.scores, *other.scores}}
        return Told(Scatter(matrix, self.scatter.freedom + other.scatter.freedom), bins)


def nothing(features: int) -> Told:
    """The sums of no windows: zeros [p, p]."""
    return Told(Scatter(np.zeros((features, features), np.int64), 0))


def most_bytes(features: int) -> int:
    """The most bytes that `pack` makes."""
    return LONGEST * (2 + features * (features + 1) // 2 + 2 * BINS)


def pack(it: Told, before: Told) -> bytes:
    """The bytes by which `before` becomes `it`."""
    upper = np.triu_indices(len(it.scatter.matrix))
    numbers = [it.scatter.freedom - before.scatter.freedom]
    numbers += (it.scatter.matrix - before.scatter.matrix)[upper].tolist()
    changed = _difference(it.scores, before.scores)
    numbers += [len(changed), *(number for pair in sorted(changed.items()) for number in pair)]
    return b"".join(_packed(number) for number in numbers)


def check(data: bytes, features: int) -> None:
    """Raises WireError unless `data` is b"", or has the form of what is new in the sums of so many features."""
    if data:
        _parts(data, features)


def unpack(data: bytes, before: Told) -> Told:
    """`before` with what `data` adds; raises WireError when that cannot be what windows make."""
    features = len(before.scatter.matrix)
    freedom, upper, pairs = _parts(data, features)
    matrix = before.scatter.matrix + _symmetric(upper, features)
    scores = _sum(before.scores, dict(zip(pairs[::2], pairs[1::2], strict=True)))
    return checked(Told(Scatter(matrix, before.scatter.freedom + freedom), scores))


def quantiles(everyone: Sequence[Told], share: float) -> list[float]:
    """Of those who told scores."""
    return [threshold.quantile(each.scores, share) for each in everyone if each.scores]


def _parts(data: bytes, features: int) -> tuple[int, list[int], list[int]]:
    """Freedom, upper triangle, and bins with their counts in turn."""
    numbers, size = list(_numbers(data)), features * (features + 1) // 2
    if len(numbers) < size + 2 or len(numbers) != size + 2 + 2 * numbers[size + 1]:
        raise WireError(f"sums: {len(numbers)} numbers, not those of {features} features and their scores")
    return numbers[0], numbers[1 : size + 1], numbers[size + 2 :]


def checked(it: Told) -> Told:
    """The same; raises WireError for what no windows can make."""
    matrix, freedom = it.scatter.matrix, it.scatter.freedom
    variances = np.diagonal(matrix)
    if not 0 < freedom <= MOST_WINDOWS or (variances < 0).any() or (variances > 255**2 * freedom).any():
        raise WireError(f"sums: {freedom} windows cannot vary by {variances.min()} to {variances.max()}")
    if any(not 0 <= each < BINS or not 0 < count <= MOST_WINDOWS for each, count in it.scores.items()):
        raise WireError("sums: scores that are none")
    _check_positive(matrix)
    return it


def _check_positive(matrix: np.ndarray) -> None:
    """A scatter has no direction in which it is negative, but for rounding."""
    most = np.sqrt(np.diagonal(matrix) + _ROUNDED)
    if (np.abs(matrix) > (most[:, None] * most + _ROUNDED) * (1 + 1e-9)).any():
        raise WireError("sums: a correlation above 1")
    deviations = np.sqrt(np.maximum(np.diagonal(matrix), 1.0))
    correlations = matrix / (deviations[:, None] * deviations)
    try:
        exact.cholesky(correlations + np.eye(len(matrix)) * _ridge(matrix))
    except ValueError as fault:
        raise WireError("sums: a negative variance") from fault


def _ridge(matrix: np.ndarray) -> float:
    """What rounding to whole numbers may have taken from the smallest variance."""
    return _RIDGE + len(matrix) / max(1.0, float(np.diagonal(matrix).min()))


def _symmetric(upper: Sequence[int], features: int) -> np.ndarray:
    matrix = np.zeros((features, features), np.int64)
    matrix[np.triu_indices(features)] = upper
    return matrix + np.triu(matrix, 1).T


def _difference(a: Mapping[int, int], b: Mapping[int, int]) -> dict[int, int]:
    return {each: a.get(each, 0) - b.get(each, 0) for each in {*a, *b} if a.get(each, 0) != b.get(each, 0)}


def _sum(a: Mapping[int, int], b: Mapping[int, int]) -> dict[int, int]:
    return {each: count for each in {*a, *b} if (count := a.get(each, 0) + b.get(each, 0))}


def _packed(number: int) -> bytes:
    rest, out = (number << 1) ^ (number >> 63), bytearray()
    while rest > 127:
        out.append(rest & 127 | 128)
        rest >>= 7
    return bytes([*out, rest])


def _numbers(data: bytes) -> Iterator[int]:
    """Raises WireError for one that does not end, or is longer than 62 bits."""
    value = shift = 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            if value >> 62:
                raise WireError("sums: a number of more than 62 bits")
            yield (value >> 1) ^ -(value & 1)
            value = shift = 0
        elif shift >= 7 * LONGEST:
            raise WireError("sums: a number that is too long")
    if shift:
        raise WireError("sums: they end within a number")
