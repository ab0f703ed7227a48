"""One axis of a window, whatever the kind of features: its mean removed, its RMS, logarithms of what is found.

Viper's `ptr16` reads without a sign and its `ptr32` reads negative numbers differently on 32- and 64-bit machines, so
signed values rest in memory as unsigned 16-bit words, 32768 more than they are. Sums of squares and of fourth powers
outgrow 32 bits and are kept as two words that stand for (high << 16) + low.
"""

from array import array

import micropython
from micropython import const
from protocol.recipe import LIMIT, LOG2, POWER_OFFSET

_ZERO = const(32768)  # a signed value's 0, in memory

# What a kernel leaves in `words`.
SQUARES = const(0)  # sum of squares: high, low
FOURTHS = const(2)  # sum of fourth powers of samples rounded to 7 bits: high, low
COARSE = const(4)  # sum of squares of the same
PEAK = const(5)  # largest magnitude


class Axis:
    """The axis at hand; a kind of features derives from it, and writes what it finds by `features(...)`.

    All buffers are allocated at the start, nothing per window. signal: the axis without its mean, in 15 bits. words:
    what `moments` says of it.
    """

    def __init__(self, recipe) -> None:
        from protocol.recipe import log2  # the rest of which is needed at the start only

        self.samples, self.axes = recipe.samples, recipe.axes
        self.signal = array("H", bytes(2 * recipe.samples))
        self.words = array("i", bytes(24))
        self.samples_level = log2(recipe.samples)

    def take(self, samples: array, axis: int) -> int:
        """Remove the axis's mean and shift it left (or right) so that its peak has 15 bits; returns the shift."""
        n, axes = self.samples, self.axes
        whole = total(samples, n, axis, axes)
        mean = whole // n
        shift = _left_shift(peak(samples, n, axis, axes, mean))
        rest = (whole - n * mean << max(shift, 0)) // n  # of the mean behind the point, 0 when shifted right
        normalise(samples, self.signal, n, axis, axes, mean, shift, rest)
        moments(self.signal, self.words, n)
        return shift

    def rms(self, shift: int) -> int:
        """The feature for the mean square of the axis that was taken with `shift`."""
        squares = log2_words(self.words[SQUARES], self.words[SQUARES + 1], LOG2)
        return as_power(squares - self.samples_level - 64 * shift)


def _left_shift(top: int) -> int:
    if top > LIMIT:
        return -1
    shift = 0
    while top and top << shift < 16384:  # a dead axis stays as it is
        shift += 1
    return shift


def as_power(level: int) -> int:
    """A level in 1/32 octave as a feature, in eighths."""
    return as_int8(((level + 2) >> 2) - POWER_OFFSET)


def as_int8(value: int) -> int:
    """A value, saturated, as the byte that stands for it."""
    return min(max(value, -128), 127) & 255


@micropython.viper
def total(samples: ptr16, n: int, axis: int, axes: int) -> int:
    """Sum of one axis, each sample 32768 more than it is."""
    end = n * axes
    out = 0
    while axis < end:
        out += samples[axis] ^ _ZERO
        axis += axes
    return out


@micropython.viper
def peak(samples: ptr16, n: int, axis: int, axes: int, mean: int) -> int:
    """The largest distance of one axis from its mean: at most 65535."""
    end = n * axes
    out = 0
    while axis < end:
        value = (samples[axis] ^ _ZERO) - mean
        if value < 0:
            value = 0 - value
        if value > out:
            out = value
        axis += axes
    return out


@micropython.viper
def normalise(samples: ptr16, signal: ptr16, n: int, axis: int, axes: int, mean: int, shift: int, rest: int):
    """One axis less its mean, shifted, less the mean's rest: 16 bits with sign."""
    i = 0
    while i < n:
        value = (samples[axis] ^ _ZERO) - mean
        if shift < 0:
            value >>= 1
        else:
            value <<= shift
        signal[i] = value - rest + _ZERO
        axis += axes
        i += 1


@micropython.viper
def moments(signal: ptr16, words: ptr32, n: int):
    """Sums of squares and of fourth powers, and the peak. 1024 squares have 40 bits, fourth powers of 7 bits 38."""
    high = low = fourths_high = fourths_low = coarse = top = i = 0
    while i < n:
        value = signal[i] - _ZERO
        square = value * value
        high += square >> 16
        low += square & 65535
        if value < 0:
            if 0 - value > top:
                top = 0 - value
        elif value > top:
            top = value
        value = (value + 128) >> 8
        square = value * value
        coarse += square
        square *= square
        fourths_high += square >> 16
        fourths_low += square & 65535
        i += 1
    words[SQUARES] = high
    words[SQUARES + 1] = low
    words[FOURTHS] = fourths_high
    words[FOURTHS + 1] = fourths_low
    words[COARSE] = coarse
    words[PEAK] = top


@micropython.viper
def log2_words(high: int, low: int, table: ptr8) -> int:
    """32 * log2((high << 16) + low), rounded as `recipe.log2` does; low may hold 31 bits, high 26."""
    high += low >> 16
    low &= 65535
    exponent = 7
    value = low
    if high > 255:
        exponent = 23
        value = high
    elif high:
        exponent = 15
        value = (high << 8) + (low >> 8)
    else:
        if low == 0:
            return 0
    while value > 255:
        value >>= 1
        exponent += 1
    while value < 128:
        value <<= 1
        exponent -= 1
    return (exponent << 5) + table[value & 127]
