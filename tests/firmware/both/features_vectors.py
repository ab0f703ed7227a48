"""Prints features of windows as hex, one line each: the same lines under CPython with numpy and under MicroPython.

Usage: features_vectors.py RECIPE [FILE]: a recipe's table as JSON, and raw int16 windows, [n][sample][axis]. Without a
file the windows are made here, in integers: constants, square waves, impulses, noise and a rotating machine.
"""

import json
import sys
from array import array

try:
    import micropython
    from features import Extractor
    from protocol.recipe import from_table, sine_table
except ImportError:
    import numpy as np

    from reedmesh.inference.features import extract
    from reedmesh.protocol.recipe import from_table, sine_table

    micropython = None


class Random:
    """Numerical Recipes' linear congruential generator: the same numbers everywhere."""

    def __init__(self, seed):
        self.state = seed

    def within(self, most):
        self.state = (self.state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self.state >> 8) % (2 * most + 1) - most


def made(n):
    """Functions of the sample's number, each one axis of a window."""
    random, sine = Random(n), sine_table()
    for level in (0, 1, -1, 32767, -32768):
        yield lambda i, level=level: level
    for period in (1, 2, 3, 4, 7, 16, 50, max(1, n // 2)):
        yield lambda i, period=period: -32768 if i // period % 2 else 32767
    for height in (1, 32767, -32768):
        yield lambda i, height=height: height if i == n // 3 else 0
    yield lambda i: -32768 if i == 0 else 32767
    for most in (1, 2, 30, 1000, 32767):
        yield lambda i, most=most: random.within(most)
    for turns, strength in ((5, 16), (23, 300), (131, 16383), (400, 3)):  # 1024ths of a turn a sample
        yield lambda i, turns=turns, strength=strength: strength * sine[i * turns & 1023] // 16384 + random.within(9)


def windows(n, axes):
    """Every two neighbours of `made` as the axes of a window."""
    makers = list(made(n))
    for first in range(len(makers)):
        chosen = [makers[(first + 2 * axis) % len(makers)] for axis in range(axes)]
        yield array("h", (value(i) for i in range(n) for value in chosen))


def stored(path, n, axes):
    """The windows of a file."""
    with open(path, "rb") as file:
        while True:
            data = file.read(2 * n * axes)
            if not data:
                return
            yield array("h", data)


def with_numpy(window, recipe):
    rows = np.array(window, np.int16).reshape(1, recipe.samples, recipe.axes)
    return extract(rows, recipe).tobytes()


def without_allocation(window, extractor, into):
    micropython.heap_lock()
    try:
        extractor.extract(window, into)
    finally:
        micropython.heap_unlock()
    return into


recipe = from_table(json.loads(sys.argv[1]))
samples, axes = recipe.samples, recipe.axes
if micropython:
    extractor, into = Extractor(recipe), bytearray(recipe.length)
for window in stored(sys.argv[2], samples, axes) if len(sys.argv) > 2 else windows(samples, axes):
    vector = without_allocation(window, extractor, into) if micropython else with_numpy(window, recipe)
    print(bytes(vector).hex())
