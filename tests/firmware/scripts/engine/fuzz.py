"""Damages models in `count` ways each from `seed` and loads them; all but ModelError ends the script with a traceback.

Prints how many were refused and how many were accepted; those are run too.
"""

import gc
import sys

from tflite import Model, ModelError

_MOST = 1 << 16  # bytes of an input and an output: shapes may have become longer
_ODD = (0, 1, 2, 4, 0x7F, 0x80, 0xFF, 0xFE)


class Random:
    """Numerical Recipes' linear congruential generator: the same numbers everywhere."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self.state >> 8) % n


def damage(random, model):
    """1 to 4 wounds: a cut, a byte, or a word set to something an offset or a length should not be."""
    for _ in range(1 + random.below(4)):
        at = random.below(len(model) - 4)
        kind = random.below(16)
        if kind == 0:
            model = model[: 4 + at]
            if len(model) < 8:
                break
        elif kind < 8:
            model[at] = _ODD[random.below(len(_ODD))]
        elif kind < 12:
            model[at] = random.below(256)
        else:
            at &= ~3
            model[at : at + 4] = bytes([_ODD[random.below(len(_ODD))] for _ in range(4)])
    return model


def attempt(model):
    try:
        loaded = Model(model)
    except ModelError:
        return 0
    try:
        loaded.metadata("reedmesh.scaling")
    except ModelError:
        return 1
    x, y = size(loaded.input_shape, loaded.input_dtype), size(loaded.output_shape, loaded.output_dtype)
    if x + y < _MOST:
        loaded.predict(bytes(x), bytearray(y))
    return 1


def size(shape, dtype):
    out = 4 if dtype == "f" else 1
    for length in shape:
        out *= length
    return out


count, seed = int(sys.argv[1]), int(sys.argv[2])
random = Random(seed)
accepted = 0
for path in sys.argv[3:]:
    with open(path, "rb") as file:
        whole = file.read()
    for _ in range(count):
        accepted += attempt(damage(random, bytearray(whole)))
        gc.collect()
print(count * len(sys.argv[3:]) - accepted, accepted)
