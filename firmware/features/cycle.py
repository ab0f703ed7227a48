"""Cycles on the sensor: the bytes that `gateway/reedmesh/inference/features/cycle.py` makes, in viper."""

from array import array

import micropython
from micropython import const
from protocol.recipe import LOG2

from features.axis import Axis, as_power, log2_words

_ZERO = const(32768)  # a signed value's 0, in memory
_STEP = const(6)  # right shift of a step: 1024ths of the range


class Features(Axis):
    """The curve of each axis in `points` parts, the largest step in each, highest, lowest, spread, largest step."""

    def __init__(self, recipe) -> None:
        super().__init__(recipe)
        self._points = recipe.points
        self._parts = array("H", recipe.edges(recipe.samples))
        self._gaps = array("H", recipe.edges(recipe.samples - 1))

    def features(self, samples: array, axis: int, into: bytearray, at: int) -> None:
        """Write the features of one axis to into[at ...]."""
        points, axes = self._points, self.axes
        curve(samples, self._parts, into, at, points, axis, axes)
        step = steps(samples, self._gaps, into, at + points, points, axis, axes)
        at += 2 * points
        ends(samples, self.samples, into, at, axis, axes)
        into[at + 2] = self.rms(self.take(samples, axis))
        into[at + 3] = as_power(2 * log2_words(0, step, LOG2))


@micropython.viper
def curve(samples: ptr16, edges: ptr16, into: ptr8, at: int, points: int, axis: int, axes: int):
    """The rounded mean of each part, in 256ths of the range."""
    i = 0
    while i < points:
        n = edges[i]
        end = edges[i + 1]
        count = end - n
        total = count << 7  # a half of what it is divided by
        n = n * axes + axis
        end = end * axes
        while n < end:
            total += samples[n] ^ _ZERO
            n += axes
        level = total // (count << 8)
        if level > 255:
            level = 255
        into[at + i] = level ^ 128
        i += 1


@micropython.viper
def steps(samples: ptr16, edges: ptr16, into: ptr8, at: int, points: int, axis: int, axes: int) -> int:
    """The largest distance between two readings in a row in each part; returns the largest of all, in counts."""
    whole = 0
    here = samples[axis] ^ _ZERO
    n = axis + axes
    i = 0
    while i < points:
        end = (edges[i + 1] + 1) * axes
        top = 0
        while n < end:
            there = samples[n] ^ _ZERO
            step = there - here
            if step < 0:
                step = 0 - step
            if step > top:
                top = step
            here = there
            n += axes
        if top > whole:
            whole = top
        top >>= _STEP
        if top > 255:
            top = 255
        into[at + i] = top ^ 128
        i += 1
    return whole


@micropython.viper
def ends(samples: ptr16, count: int, into: ptr8, at: int, axis: int, axes: int):
    """The highest and the lowest reading, in 256ths of the range."""
    high = 0
    low = 65535
    n = axis
    end = count * axes
    while n < end:
        value = samples[n] ^ _ZERO
        if value > high:
            high = value
        if value < low:
            low = value
        n += axes
    high = (high + 128) >> 8
    low = (low + 128) >> 8
    if high > 255:
        high = 255
    if low > 255:
        low = 255
    into[at] = high ^ 128
    into[at + 1] = low ^ 128
