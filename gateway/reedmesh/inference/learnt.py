"""The record in a .tflite learnt by sums: from how many windows it was learnt, and which changes it detects.

Metadata `reedmesh.sums`, little endian: u8 version 2, u8 the smallest lift of the middle band, u16 windows that were
held out in turn, u16 how many of those were above the threshold, u16 day, u32 the threshold at commissioning, u32 that
which the day began with, then u8 the smallest lift of each band, in steps. A lift is a rise of a band, on all axes,
that raises an alert; 0: not known, MOST: none does. Version 1 ends after the middle band.
"""

import struct
from dataclasses import dataclass
from math import sqrt

METADATA = "reedmesh.sums"  # its scores are squared Mahalanobis distances
STEP_DB = 0.376  # a step of a feature that is a power
MOST = 81  # steps, 30 dB: no smaller lift is seen
_HEAD = struct.Struct("<BBHHHII")
_COUNTED = 0xFFFF
_Z = 1.645  # of the normal distribution: one-sided, 95 %


@dataclass(frozen=True)
class Learnt:
    """windows: held out in turn; over: of them, above the threshold. lifts: of each band, in steps, none where features
    are no powers; middle: of the band in the middle. first, day, morning: as in `learning.history.History`.
    """

    windows: int = 0
    over: int = 0
    lifts: tuple[int, ...] = ()
    middle: int = 0
    first: int = 0
    day: int = 0
    morning: int = 0

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
        return _HEAD.pack(2, self.middle, *counts, self.day, self.first, self.morning) + bytes(self.lifts)


def unpack(said: bytes | None) -> Learnt | None:
    """The record in the metadata; None of a model without one; of one cut short, its readable part."""
    if said is None:
        return None
    if len(said) < _HEAD.size or said[0] != 2:
        return Learnt(middle=said[1] if len(said) > 1 else 0)
    _, middle, windows, over, day, first, morning = _HEAD.unpack_from(said)
    return Learnt(windows, min(over, windows), tuple(said[_HEAD.size :]), middle, first, day, morning)


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
