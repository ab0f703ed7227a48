"""Judges features with the model in use: score = sum((z - model(z))**2), to the bit as the gateway does.

z is the features under the scaling that travels inside the model (`scaling.py`): model and score see eighths of a
standard deviation. A model for parts gives logits of classes behind the features, and its limits turn score and logits
into a verdict (`protocol/verdict.py`).
"""

from array import array

import micropython
from micropython import const
from protocol.scaling import METADATA, ONE, from_bytes
from tflite.kinds import ModelError

_MEAN_ZERO = const(32768)  # means rest in unsigned words, this much more than they are
_MAX_GAIN = const(16384)  # a deviation of one step; more would outgrow 32 bits


class Scorer:
    """A model with its scaling. threshold: windows that score above it are not normal. length: of features. limits: of
    a model that judges parts, else None; then against, verdict and fault are of what was scored
    last.

    Raises ModelError when the model does not carry a scaling, or is no autoencoder of as many features in its terms.
    """

    def __init__(self, model) -> None:
        means, gains, self.threshold = _scaling(model)
        self.length = len(means)
        self.limits = self._read_limits(model.metadata("reedmesh.parts"))
        classes = len(self.limits.classes) if self.limits else 0
        _check(model, self.length, self.length + classes)
        self.against, self.verdict, self.fault = 0, 0, 0
        self._logits = [0] * classes
        self._model = model
        self._means = array("H", [mean + _MEAN_ZERO for mean in means])
        self._gains = array("H", gains)
        self._z = bytearray(self.length)
        self._y = bytearray(self.length + classes)

    def score(self, features) -> int:
        """Score of int8 `features` (the first `length` bytes), 0 to 65025 a feature; allocates nothing."""
        if len(features) < self.length:
            raise ValueError("{} features, the model takes {}".format(len(features), self.length))
        scale(features, self._z, self._means, self._gains, self.length)
        self._model.predict(self._z, self._y)
        score = distance(self._z, self._y, self.length)
        if self.limits:
            self._decide(score)
        return score

    def _read_limits(self, buffer):
        """The limits for verdicts on parts, which few models have; so only then is their code loaded."""
        if buffer is None:
            return None
        from features.axis import LOG2, log2_words
        from protocol import verdict

        self._level, self._table, self._fault = log2_words, LOG2, verdict.fault
        try:
            return verdict.from_bytes(buffer)
        except ValueError as error:
            raise ModelError(str(error)) from None

    def _decide(self, score: int) -> None:
        logits, n = self._logits, self.length
        for i in range(len(logits)):
            logits[i] = (self._y[n + i] ^ 128) - 128
        level = self._level(0, score + 1, self._table)
        self.against = self.limits.against(level, logits)
        self.verdict, self.fault = self.limits.verdict(self.against, level), self._fault(logits)


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


def _check(model, length: int, given: int) -> None:
    if model.input_shape != (1, length) or model.output_shape != (1, given):
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
