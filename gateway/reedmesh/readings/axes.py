"""How much each axis of a transducer moves, and which do not: their RMS feature stands at its lowest step. Pure.

Of a trend no axis is said not to move: a slow variable may rest for hours, and one that is not connected always does.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from reedmesh.protocol.recipe import (
    CYCLE,
    DEFAULT,
    MAX_AXES,
    MAX_BANDS,
    MAX_CYCLE_AXES,
    MAX_POINTS,
    MAX_TREND_AXES,
    STATISTICS,
    TREND,
    Cycle,
    Spectrum,
    Trend,
)

HIGHEST = 127  # int8
LOWEST = -128  # int8: 2**-4 counts² or less, so that all readings of a window are the same


def rms_places(table: object, length: int) -> tuple[int, ...]:
    """Where the RMS of each axis stands among `length` features; () unless `table` is of a spectrum of that length."""
    if not isinstance(table, Mapping) or table.get("kind", DEFAULT) != Spectrum.kind:
        return ()
    bands = _whole(table, "bands", MAX_BANDS)
    return _places(table, length, MAX_AXES, bands + STATISTICS, bands)


def movement_places(table: object, length: int) -> tuple[int, ...]:
    """Where it stands among `length` features how much each axis moves: RMS, or the spread of a slow variable.

    () unless `table` is a recipe of that length.
    """
    kind = table.get("kind", DEFAULT) if isinstance(table, Mapping) else None
    if kind == Trend.kind:
        return _places(table, length, MAX_TREND_AXES, TREND, 2)
    if kind == Cycle.kind and isinstance(table, Mapping):
        points = _whole(table, "points", MAX_POINTS)
        return _places(table, length, MAX_CYCLE_AXES, 2 * points + CYCLE, 2 * points + 2)
    return rms_places(table, length)


def clipped(features: bytes | bytearray, places: Sequence[int]) -> bool:
    """Whether the peak of an axis, which follows its RMS at `places`, is at its highest step. features: int8 bytes."""
    return any(features[place + 1] == HIGHEST for place in places)


def flat(features: bytes | bytearray, places: Sequence[int]) -> tuple[bool, ...]:
    """For each axis, whether the window's readings were all the same. features: int8 bytes."""
    return tuple(features[place] == LOWEST & 0xFF for place in places)


def flat_mean(means: Sequence[float], places: Sequence[int]) -> tuple[bool, ...]:
    """For each axis, whether it never moved while a model learnt `means`, in steps of the features."""
    return tuple(means[place] < LOWEST + 0.5 for place in places)


def _places(table: object, length: int, most: int, width: int, at: int) -> tuple[int, ...]:
    """The feature `at` of each axis, of `width` features each."""
    axes = _whole(table, "axes", most) if isinstance(table, Mapping) else 0
    return tuple(axis * width + at for axis in range(axes)) if axes * width == length else ()


def _whole(table: Mapping[str, Any], key: str, most: int) -> int:
    value = table.get(key)
    return value if isinstance(value, int) and 0 < value <= most else 0
