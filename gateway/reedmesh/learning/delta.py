"""The change that training made, packed for neighbours: the difference to the public copy they hold, in int8. Pure.

CHOCO-SGD (Koloskova et al., ICML 2019, arXiv:1902.00340): what rounding and sparsity left out stays in the difference
to the public copy, and so in the next delta; nothing is lost, only late. Each delta must be applied once, and in order.
A snapshot is the delta to nothing, of all weights: whoever has it needs no other. It carries how much the features of
each of the sender's machines vary, too, and names profile 255. Little-endian, all but the first two bytes deflated
(zlib):

    u8 version, u8 profile, then: u32 weights, u32 kept, u32 windows, f32 quantile, f32 scales [tensors],
    f32 squares [features] of a snapshot, u8 gaps [kept or 0] before each kept weight (255: 254 more left out, none
    kept), i8 steps [kept], and what is new in the sender's sums (`told.py`), if it tells any

Whoever sends it may be wrong or lie: sizes are checked before anything is inflated or allocated.
"""

import zlib
from dataclasses import dataclass, field
from struct import Struct

import numpy as np
from numpy.typing import NDArray

from reedmesh.errors import WireError
from reedmesh.learning import told
from reedmesh.learning.arrays import Floats

VERSION = 4
SNAPSHOT = 255  # in place of a profile
LARGEST = 1e3  # of a weight or a step; trained ones stay below 10
_HEAD = Struct("<BB")
_BODY = Struct("<IIIf")
_ESCAPE = 255  # a gap: 254 weights are left out, and none is kept behind them


@dataclass(frozen=True)
class Profile:
    """How much of a delta is sent, and how far a merge may step for it: too far a step diverges when little is sent."""

    number: int
    share: float
    step: float


PROFILES = {"full": Profile(0, 1.0, 1.0), "narrow25": Profile(1, 0.25, 0.7), "narrow10": Profile(2, 0.10, 0.5)}


@dataclass(frozen=True)
class Delta:
    """step: float32 [n], to be added to the public copy. windows: how many the sender learnt from.

    quantile: of its normal windows' scores, in squared deviations a feature. squares: of a snapshot, float32
    [features]: the sum of squared differences of its windows to their machine's mean; those of several gateways add up.
    sums: as `told.pack` makes them; b"": it tells none. features: the length of a feature vector.
    """

    step: Floats
    windows: int
    quantile: float
    squares: Floats | None = None
    sums: bytes = field(default=b"", repr=False)
    features: int = 0


def pack(delta: Delta, tensors: tuple[int, ...], profile: Profile) -> tuple[bytes, Floats]:
    """The payload of `delta`, and the step that whoever unpacks it will add.

    tensors: lengths of the parts of the weights that have a scale each; they sum to n.
    """
    kept = _largest(delta.step, profile.share)
    scales, steps = _quantised(delta.step, tensors, kept)
    body = _BODY.pack(len(delta.step), len(kept), delta.windows, delta.quantile) + scales.astype("<f4").tobytes()
    body += b"" if delta.squares is None else delta.squares.astype("<f4").tobytes()
    body += (b"" if len(kept) == len(delta.step) else _gaps(kept)) + steps.tobytes() + delta.sums
    number = profile.number if delta.squares is None else SNAPSHOT
    return _HEAD.pack(VERSION, number) + zlib.compress(body, 9), _spread(steps, scales, tensors, kept)


def stands_alone(payload: bytes) -> bool:
    """Whether it is a snapshot."""
    return payload[1:2] == bytes([SNAPSHOT])


def unpack(payload: bytes, tensors: tuple[int, ...], length: int) -> Delta:
    """The delta in `payload`, of a family with such tensors and features of this length; raises WireError."""
    size, features = sum(tensors), length * stands_alone(payload)
    most = _BODY.size + 4 * len(tensors) + 4 * features + 3 * size + told.most_bytes(length)
    if len(payload) < _HEAD.size or payload[0] != VERSION:
        raise WireError(f"delta: {len(payload)} bytes, version {payload[:1].hex()}, this program reads {VERSION}")
    body = _inflate(payload[_HEAD.size :], most)
    if len(body) < _BODY.size:
        raise WireError(f"delta: {len(body)} bytes")
    declared, count, windows, quantile = _BODY.unpack_from(body)
    if declared != size or not 0 < count <= size or not windows or not 0 <= quantile < 1e6:
        raise WireError(f"delta: {declared} weights, {count} kept, {windows} windows, quantile {quantile}")
    scales = np.frombuffer(_exactly(body, _BODY.size, 4 * len(tensors)), "<f4").astype(np.float32)
    if not ((scales >= 0) & (scales <= LARGEST / 127)).all():
        raise WireError("delta: a scale is not a number, negative or huge")
    at = _BODY.size + 4 * len(tensors)
    squares = _squares(body, at, features, windows) if features else None
    kept, at = _places(body, at + 4 * features, count, size)
    steps = np.frombuffer(_exactly(body, at, count), np.int8)
    if features and count < size:
        raise WireError(f"delta: a snapshot of {count} weights, there are {size}")
    sums = body[at + count :]
    told.check(sums, length)
    return Delta(_spread(steps, scales, tensors, kept), windows, quantile, squares, sums, length)


def _squares(body: bytes, at: int, features: int, windows: int) -> Floats:
    """Of a snapshot; int8 features differ from their mean by no more than 255."""
    found = np.frombuffer(_exactly(body, at, 4 * features), "<f4").astype(np.float32)
    if not ((found >= 0) & (found <= 255.0**2 * windows)).all():
        raise WireError(f"delta: {windows} windows cannot vary by {found.min()} to {found.max()}")
    return found


def _largest(step: Floats, share: float) -> NDArray[np.int64]:
    """Places of the largest changes, in order."""
    count = max(1, round(share * len(step)))
    if count == len(step):
        return np.arange(count)
    return np.sort(np.argpartition(np.abs(step), -count)[-count:])


def _quantised(step: Floats, tensors: tuple[int, ...], kept: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int8]]:
    """A scale for each tensor, and the kept changes in such steps."""
    chosen = np.zeros_like(step)
    chosen[kept] = step[kept]
    parts = np.split(np.abs(chosen), np.cumsum(tensors)[:-1])
    scales = np.array([part.max(initial=0) / 127 for part in parts], np.float32)
    each = np.repeat(scales, tensors)[kept]
    with np.errstate(invalid="ignore", divide="ignore"):
        steps = np.where(each > 0, np.rint(step[kept] / each), 0)
    return scales, np.clip(steps, -127, 127).astype(np.int8)


def _spread(steps: NDArray[np.int8], scales: Floats, tensors: tuple[int, ...], kept: NDArray[np.int64]) -> Floats:
    """The step that quantised changes stand for."""
    step = np.zeros(sum(tensors), np.float32)
    step[kept] = steps.astype(np.float32) * np.repeat(scales, tensors)[kept]
    return step


def _gaps(kept: NDArray[np.int64]) -> bytes:
    """How many weights are left out before each kept one, in bytes."""
    gaps = np.diff(kept, prepend=-1) - 1
    return b"".join(bytes([_ESCAPE]) * (gap // (_ESCAPE - 1)) + bytes([gap % (_ESCAPE - 1)]) for gap in gaps.tolist())


def _places(body: bytes, at: int, count: int, size: int) -> tuple[NDArray[np.int64], int]:
    """Places of `count` kept weights of `size`, and where in `body` their gaps end; raises WireError."""
    if count == size:
        return np.arange(size), at
    raw = np.frombuffer(body, np.uint8, offset=min(at, len(body)))
    ends = np.flatnonzero(raw != _ESCAPE)[:count]
    if len(ends) < count:
        raise WireError("delta: its places are not all there")
    used = raw[: ends[-1] + 1].astype(np.int64)
    walked = np.cumsum(np.where(used == _ESCAPE, _ESCAPE - 1, used + 1))
    kept = walked[ends] - 1
    if kept[-1] >= size:
        raise WireError(f"delta: place {kept[-1]} of {size} weights")
    return kept, at + len(used)


def _inflate(data: bytes, most: int) -> bytes:
    """Raises WireError when `data` is damaged or becomes more than `most` bytes."""
    stream = zlib.decompressobj()
    try:
        body = stream.decompress(data, most + 1)
    except zlib.error as error:
        raise WireError(f"delta: {error}") from error
    if len(body) > most or not stream.eof or stream.unused_data:
        raise WireError(f"delta: {len(body)} bytes and more, {most} are the most, or not one whole stream")
    return body


def _exactly(body: bytes, at: int, count: int) -> bytes:
    piece = body[at : at + count]
    if len(piece) != count:
        raise WireError(f"delta: {len(body)} bytes, it ends too soon")
    return piece
