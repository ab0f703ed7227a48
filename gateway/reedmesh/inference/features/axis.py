"""One axis of many windows, for all kinds of features: its mean removed, its RMS, logarithms."""

import numpy as np
from numpy.typing import NDArray

from reedmesh.protocol import recipe

Ints = NDArray[np.int64]
_LOG2 = np.frombuffer(recipe.LOG2, dtype=np.uint8).astype(np.int64)


def normalise(rows: Ints) -> tuple[Ints, Ints]:
    """Remove each row's mean and shift it so that its peak has 15 bits; returns the rows and their left shifts.

    What the mean has behind the point goes after the shift: left in, it would leak through the taper into the lowest
    bands, and these would follow a sensor's tilt instead of its machine.
    """
    total, n = rows.sum(axis=1), rows.shape[1]
    mean, rest = total // n, total % n
    centred = rows - mean[:, None]
    shift = 15 - _bit_length(np.abs(centred).max(axis=1))
    shift[shift == 15] = 0  # a dead axis stays as it is
    return _shifted(centred, shift) - (_shifted(rest, shift) // n)[:, None], shift


def rms(signal: Ints, shift: Ints) -> Ints:
    """Level of the mean square of each normalised row, int64 [n, samples], in counts²: int64 [n], in 1/32 octave."""
    return log2((signal**2).sum(axis=1)) - log2(np.array([signal.shape[1]])) - 64 * shift


def log2(values: Ints) -> Ints:
    """32 * log2(values), int64 [n], rounded as `recipe.log2` does; 0 for 0."""
    exponent = np.maximum(_bit_length(values) - 1, 0)
    mantissa = _shifted(values, 7 - exponent)
    levels: Ints = (exponent << 5) + _LOG2[mantissa & 127]
    return levels


def as_power(levels: Ints) -> NDArray[np.int8]:
    """Levels in 1/32 octave as features, int8, in eighths of an octave; saturated."""
    return as_int8(((levels + 2) >> 2) - recipe.POWER_OFFSET)


def as_int8(values: Ints) -> NDArray[np.int8]:
    """Values as int8, saturated at -128 and 127."""
    return np.clip(values, -128, 127).astype(np.int8)


def _bit_length(values: Ints) -> Ints:
    return np.frexp(values.astype(np.float64))[1].astype(np.int64)  # exact: all are below 2**53


def _shifted(values: Ints, left: Ints) -> Ints:
    """values << left along the first axis, where a negative shift goes right (and rounds down)."""
    left = left.reshape(left.shape + (1,) * (values.ndim - left.ndim))
    shifted: Ints = values << np.maximum(left, 0) >> np.maximum(-left, 0)
    return shifted
