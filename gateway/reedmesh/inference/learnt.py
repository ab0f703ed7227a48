"""The record in a .tflite learnt by sums: from how many windows it was learnt, and which changes it detects.

Metadata `reedmesh.sums`, little endian: u8 version 3, u8 the smallest lift of the middle band, u16 windows that were
held out in turn, u16 how many of those were above the threshold, u16 day, u32 the threshold at commissioning, u32 that
which the day began with, u32 the limit of a shift (`shift.py`; 0: none is looked for), then u8 the smallest lift of
each band, in steps. A lift is a rise of a band, on all axes, that raises an alert; 0: not known, MOST: none does.
Version 2 has no shift, version 1 ends after the middle band.
"""

import struct
from dataclasses import dataclass
from math import sqrt

METADATA = "reedmesh.sums"  # its scores are squared Mahalanobis distances
STEP_DB = 0.376  # a step of a feature that is a power
MOST = 81  # steps, 30 dB: no smaller lift is seen
_HEAD, _HEAD_2 = struct.Struct("<BBHHHIII"), struct.Struct("<BBHHHII")
_WIDEST = 0xFFFFFFFF
_COUNTED = 0xFFFF
_Z = 1.645  # of the normal distribution: one-sided, 95 %


@dataclass(frozen=True)
class Learnt:
    """windows: held out in turn; over: of them, above the threshold. lifts: of each band, in steps, none where features
    are no powers; middle: of the band in the middle. first, day, morning: as in `learning.history.History`. shift: the
    limit of that, 0 where none is looked for.
    """

    windows: int = 0
    over: int = 0
    lifts: tuple[int, ...] = ()
    middle: int = 0
    first: int = 0
    day: int = 0
    morning: int = 0
    shift: int = 0

    @property
    def sensitivity(self) -> float | None:
        """The middle band's smallest lift, in dB."""
        return decibels(self.middle) if self.middle else None

    @property
    def promise(self) -> float | None:
        """The highest share of normal windows above the threshold that is still likely; None where nobody counted."""
        return highest_rate(self.over, self.windows) if self.windows else None

    def pack(self) -> bytes:
        """The metadata; counts beyond 65535 are told as that."""
        counts = min(self.windows, _COUNTED), min(self.over, _COUNTED)
        shift = min(self.shift, _WIDEST)
        return _HEAD.pack(3, self.middle, *counts, self.day, self.first, self.morning, shift) + bytes(self.lifts)


def unpack(said: bytes | None) -> Learnt | None:
    """The record in the metadata; None of a model without one; of one cut short, its readable part."""
    if said is None:
        return None
    head = {3: _HEAD, 2: _HEAD_2}.get(said[0] if said else 0)
    if head is None or len(said) < head.size:
        return Learnt(middle=said[1] if len(said) > 1 else 0)
    _, middle, windows, over, day, first, morning, *rest = head.unpack_from(said)
    shift = rest[0] if rest else 0
    return Learnt(windows, min(over, windows), tuple(said[head.size :]), middle, first, day, morning, shift)


def decibels(steps: int) -> float:
    """Of steps of a power."""
    return round(steps * STEP_DB, 1)


def highest_rate(cases: int, windows: int) -> float:
    """The highest rate that `cases` among `windows` leave likely: Wilson's score bound (1927), one-sided, 95 %."""
    if not windows:
        return 1.0
    rate, spread = cases / windows, _Z * _Z / windows
    half = _Z * sqrt(rate * (1 - rate) / windows + spread / (4 * windows))
    return min(1.0, (rate + spread / 2 + half) / (1 + spread))
