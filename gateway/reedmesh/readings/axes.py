"""Which axes of a transducer do not move: their RMS feature stands at its lowest step. Pure.

Of a trend no axis is judged: a slow variable may stand still for hours, and one that is not connected always does.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from reedmesh.protocol.recipe import DEFAULT, MAX_AXES, MAX_BANDS, STATISTICS, Spectrum

LOWEST = -128  # int8: 2**-4 counts² or less, so that all readings of a window are the same


def rms_places(table: object, length: int) -> tuple[int, ...]:
    """Where the RMS of each axis stands among `length` features; () unless `table` is of a spectrum of that length."""
    if not isinstance(table, Mapping) or table.get("kind", DEFAULT) != Spectrum.kind:
        return ()
    axes, bands = _whole(table, "axes", MAX_AXES), _whole(table, "bands", MAX_BANDS)
    width = bands + STATISTICS
    return tuple(axis * width + bands for axis in range(axes)) if axes * width == length else ()


def flat(features: bytes | bytearray, places: Sequence[int]) -> tuple[bool, ...]:
    """For each axis, whether the window's readings were all the same. features: int8 bytes."""
    return tuple(features[place] == LOWEST & 0xFF for place in places)


def flat_mean(means: Sequence[float], places: Sequence[int]) -> tuple[bool, ...]:
    """For each axis, whether it never moved while a model learnt `means`, in steps of the features."""
    return tuple(means[place] < LOWEST + 0.5 for place in places)


def _whole(table: Mapping[str, Any], key: str, most: int) -> int:
    value = table.get(key)
    return value if isinstance(value, int) and 0 < value <= most else 0
