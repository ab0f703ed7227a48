"""Scaling: how int8 features become the model's int8 input, in integers that sensor and gateway share.

Each feature is centred on its mean and divided by its standard deviation, in eighths: z = 8 means one deviation above.
The numbers travel inside the .tflite as the metadata buffer named "reedmesh.scaling", so a model is one file:

    u8 version, u8 spare, u16 features, u32 threshold, then per feature: i16 mean in sixteenths, u16 gain

    z = clamp((((x << 4) - mean) * gain + 16384) >> 15, -128, 127)      (gain is 2**14 / deviation)
    score = sum((z - model(z))**2)                                      (an alert's threshold is a score)

Runs under CPython and MicroPython.
"""

from struct import calcsize, pack, unpack_from

METADATA = "reedmesh.scaling"
VERSION = 1
ONE = 8  # one standard deviation as the model's input: input and output scale are 1 / 8, zero point 0

_HEADER = "<BBHI"
_FEATURE = "<hH"
HEADER = calcsize(_HEADER)


def to_bytes(means: "list[int]", gains: "list[int]", threshold: int) -> bytes:
    """The metadata of a model, little-endian bytes: means in sixteenths of a feature step, gains 1..16384.

    threshold: of the score, a sum of squared steps, 0 .. 2**32 - 1.
    """
    features = [pack(_FEATURE, mean, gain) for mean, gain in zip(means, gains)]
    return pack(_HEADER, VERSION, 0, len(means), threshold) + b"".join(features)


def from_bytes(buffer: "memoryview[int] | bytes") -> "tuple[list[int], list[int], int]":
    """Means, gains and threshold, as `to_bytes` takes them; raises ValueError for other bytes than those."""
    if len(buffer) < HEADER or buffer[0] != VERSION:
        raise ValueError("no scaling of version {}".format(VERSION))
    _, _, count, threshold = unpack_from(_HEADER, buffer, 0)
    if len(buffer) != HEADER + 4 * count:
        raise ValueError("scaling of {} features in {} bytes".format(count, len(buffer)))
    pairs = [unpack_from(_FEATURE, buffer, HEADER + 4 * i) for i in range(count)]
    return [mean for mean, _ in pairs], [gain for _, gain in pairs], threshold


def deviations(score: int, features: int) -> float:
    """Return a score as people read it: the mean squared error per feature, in squared standard deviations.

    >>> deviations(69 * 16 * 16, features=69)
    4.0
    """
    return score / (ONE * ONE * features)
