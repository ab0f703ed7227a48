"""Judges features with the model in use: score = sum((z - model(z))**2), to the bit as the gateway does.

z is the features under the scaling that travels inside the model (`scaling.py`): model and score see eighths of a
standard deviation. A model for parts gives logits of classes behind the features, and its limits turn score and logits
into a verdict (`protocol/verdict.py`). What reads the scaling out of a model is `score_terms.py`.
"""

import micropython
from board.lazy import call, release


class Scorer:
    """A model with its scaling. threshold: windows that score above it are not normal. length: of features. limits: of
    a model that judges parts, else None; then against, verdict and fault are of what was scored last.

    Raises ModelError when the model does not carry a scaling, or is no autoencoder of as many features in its terms.
    """

    def __init__(self, model) -> None:
        try:
            terms = call("score_terms", "Terms", model)
        finally:
            release("protocol.scaling")
        self.threshold, self.length, self.limits = terms.threshold, terms.length, terms.limits
        classes = len(self.limits.classes) if self.limits else 0
        self._level, self._table, self._fault = terms.functions
        self.against, self.verdict, self.fault = 0, 0, 0
        self._logits = [0] * classes
        self._model = model
        self._means, self._gains = terms.means, terms.gains
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

    def _decide(self, score: int) -> None:
        logits, n = self._logits, self.length
        for i in range(len(logits)):
            logits[i] = (self._y[n + i] ^ 128) - 128
        level = self._level(0, score + 1, self._table)
        self.against = self.limits.against(level, logits)
        self.verdict, self.fault = self.limits.verdict(self.against, level), self._fault(logits)


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
