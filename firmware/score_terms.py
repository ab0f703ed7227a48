"""Reads by what a model judges, its scaling and its limits, and refuses one that does not fit: for `score.py`."""

from array import array

from micropython import const
from protocol.scaling import METADATA, ONE, from_bytes
from tflite.kinds import ModelError

_MEAN_ZERO = const(32768)  # means rest in unsigned words, this much more than they are
_MAX_GAIN = const(16384)  # a deviation of one step; more would outgrow 32 bits


class Terms:
    """means, gains: as `score.scale` takes them. threshold, length, limits: as a Scorer has them. functions: what makes
    a verdict of a score: its logarithm, the table for that, the fault of logits; None three times without limits.

    Raises ModelError when the model does not carry a scaling, or is no autoencoder of as many features in its terms.
    """

    def __init__(self, model) -> None:
        means, gains, self.threshold = _scaling(model)
        self.length = len(means)
        self.means = array("H", [mean + _MEAN_ZERO for mean in means])
        self.gains = array("H", gains)
        self.functions: "tuple" = (None, None, None)
        self.limits = None
        self._read_limits(model.metadata("reedmesh.parts"))
        _check(model, self.length, self.length + (len(self.limits.classes) if self.limits else 0))

    def _read_limits(self, buffer) -> None:
        """The limits for verdicts on parts, which few models have; so only then is their code loaded."""
        if buffer is None:
            return
        from features.axis import LOG2, log2_words
        from protocol import verdict

        self.functions = log2_words, LOG2, verdict.fault
        try:
            self.limits = verdict.from_bytes(buffer)  # type: ignore[assignment]
        except ValueError as error:
            raise ModelError(str(error)) from None


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
