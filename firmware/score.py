"""Judges features with the model in use: score = sum((z - model(z))**2), to the bit as the gateway does.

z is the features under the scaling that travels inside the model (`scaling.py`): model and score see eighths of a
standard deviation.
"""

from array import array

import micropython
from micropython import const
from protocol.scaling import METADATA, ONE, from_bytes
from tflite.kinds import ModelError

_MEAN_ZERO = const(32768)  # means rest in unsigned words, this much more than they are
_MAX_GAIN = const(16384)  # a deviation of one step; more would outgrow 32 bits


class Scorer:
    """A model with its scaling. threshold: windows that score above it are not normal. length: of features.

    Raises ModelError when the model does not carry a scaling, or is no autoencoder of as many features in its terms.
    """

    def __init__(self, model) -> None:
        means, gains, self.threshold = _scaling(model)
        self.length = len(means)
        _check(model, self.length)
        self._model = model
        self._means = array("H", [mean + _MEAN_ZERO for mean in means])
        self._gains = array("H", gains)
        self._z = bytearray(self.length)
        self._y = bytearray(self.length)

    def score(self, features) -> int:
        """Score of int8 `features` (the first `length` bytes), 0 to 65025 a feature; allocates nothing."""
        if len(features) < self.length:
            raise ValueError("{} features, the model takes {}".format(len(features), self.length))
        scale(features, self._z, self._means, self._gains, self.length)
        self._model.predict(self._z, self._y)
        return distance(self._z, self._y, self.length)


def _scaling(model):
    buffer = model.metadata(METADATA)
    if buffer is None:
        raise ModelError("no metadata " + METADATA)
    try:
        means, gains, threshold = from_bytes(buffer)
    except ValueError as error:
        raise ModelError(str(error)) from None
    if any(gain > _MAX_GAIN for gain in gains):
        raise ModelError("a gain of the scaling is above {}".format(_MAX_GAIN))
    return means, gains, threshold


def _check(model, length: int) -> None:
    if model.input_shape != (1, length) or model.output_shape != (1, length):
        raise ModelError("{} -> {} for {} features".format(model.input_shape, model.output_shape, length))
    units = model.input_scale, model.input_zero_point, model.output_scale, model.output_zero_point
    if units != (1 / ONE, 0, 1 / ONE, 0):
        raise ModelError("input and output must have scale 1/{} and zero point 0".format(ONE))


@micropython.viper
def scale(x: ptr8, z: ptr8, means: ptr16, gains: ptr16, n: int):
    """z = clamp((((x << 4) - mean) * gain + 16384) >> 15, -128, 127)."""
    i = 0
    while i < n:
        value = ((x[i] ^ 128) << 4) - means[i] + 30720  # 128 << 4 too much less 32768 too little
        value = (value * gains[i] + 16384) >> 15
        if value < -128:
            value = -128
        if value > 127:
            value = 127
        z[i] = value & 255
        i += 1


@micropython.viper
def distance(z: ptr8, y: ptr8, n: int) -> int:
    """sum((z - y)**2)."""
    out = 0
    i = 0
    while i < n:
        value = (z[i] ^ 128) - (y[i] ^ 128)
        out += value * value
        i += 1
    return out
