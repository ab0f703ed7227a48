"""The int8 model that a sensor runs, run here: same scaling and arithmetic, so the same score of the same features."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reedmesh.errors import DeployError
from reedmesh.inference import learnt, normalisation, runtime, tflite_file
from reedmesh.protocol import scaling, verdict
from reedmesh.protocol.offer_frame import MAX_MODEL
from reedmesh.protocol.recipe import log2
from reedmesh.protocol.verdict import Limits


@dataclass(frozen=True)
class Judgement:
    """Of one part. against: what speaks against it, in eighths. verdict, fault: numbers as `protocol.verdict` has them;
    fault is of a part that is not OK.
    """

    score: int
    against: int
    verdict: int
    fault: int


class Model:
    """A model of `length` features, from the bytes that sensors are offered.

    digest: SHA-256 of the bytes; key: its first 8, by which a window names its model. threshold: a window that scores
    more is abnormal. learnt: what one that was learnt by sums says of itself, else None. limits: of a model that judges
    parts, else None. Raises DeployError for bytes that a sensor could not run or would understand otherwise; but LiteRT
    itself is not proof against forged ones, so check where they come from first. Belongs to one thread.
    """

    def __init__(self, model: bytes) -> None:
        if len(model) > MAX_MODEL:
            raise DeployError(f"a model of {len(model)} bytes; a sensor takes {MAX_MODEL}")
        self.digest = hashlib.sha256(model).digest()
        self.key = self.digest[:8]
        try:
            self._interpreter = runtime.reference(model)
            self._means, self._gains, self.threshold = scaling.from_bytes(
                tflite_file.metadata(model, scaling.METADATA) or b""
            )
            self.length, self._rows = len(self._means), 1
            self.learnt = learnt.unpack(tflite_file.metadata(model, learnt.METADATA))
            self.limits = _limits(model)
            classes = len(self.limits.classes) if self.limits else 0
            self._input, self._output = _ends(self._interpreter, self.length, self.length + classes)
            self._interpreter.allocate_tensors()
            self.score(bytes(self.length))
        except (ValueError, RuntimeError) as e:
            raise DeployError(f"not a model of ours: {e}") from e

    def score(self, features: bytes | bytearray | NDArray[np.int8]) -> int:
        """The score of one window's int8 features; raises ValueError unless there are `length` of them."""
        return int(self.scores(np.frombuffer(features, dtype=np.int8)[None])[0])

    def scores(self, features: NDArray[np.int8]) -> NDArray[np.int64]:
        """The scores, int64 [m], of m windows' features, int8 [m, length]: sum((z - model(z))**2)."""
        return np.asarray(self.errors(features).sum(axis=1))

    def errors(self, features: NDArray[np.int8]) -> NDArray[np.int64]:
        """Each feature's contribution to the scores, int64 [m, length], of m windows' features, int8 [m, length]."""
        residuals = self.residuals(features)
        return np.asarray(residuals * residuals)

    def residuals(self, features: NDArray[np.int8]) -> NDArray[np.int64]:
        """z - model(z), int64 [m, length], of m windows' features, int8 [m, length]."""
        if features.shape[1:] != (self.length,):
            raise ValueError(f"{features.shape[-1]} features, the model takes {self.length}")
        z = normalisation.apply(features, self._means, self._gains)
        return np.asarray(z.astype(np.int64) - self._outputs(z)[:, : self.length])

    def judge(self, features: bytes | bytearray | NDArray[np.int8]) -> Judgement:
        """The judgement on the part with these features, int8 [length]; raises ValueError without limits."""
        return self.judgements(np.frombuffer(features, dtype=np.int8)[None])[0]

    def judgements(self, features: NDArray[np.int8]) -> list[Judgement]:
        """The judgement on each of m parts, int8 [m, length]."""
        if self.limits is None:
            raise ValueError("this model does not judge parts")
        z = normalisation.apply(features, self._means, self._gains)
        given = self._outputs(z).astype(np.int64)
        scores = ((z - given[:, : self.length]) ** 2).sum(axis=1)
        return [
            _judged(self.limits, score, logits)
            for score, logits in zip(scores.tolist(), given[:, self.length :].tolist(), strict=True)
        ]

    @property
    def means(self) -> list[float]:
        """The mean of each feature, in its steps, as the model learnt it."""
        return [mean / 16 for mean in self._means]

    def normal(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation of each feature as the model learnt them, float64 [length] each, in feature
        steps.
        """
        return np.array(self._means) / 16, (1 << 14) / np.maximum(self._gains, 1)

    def _outputs(self, z: NDArray[np.int8]) -> NDArray[np.int8]:
        if len(z) != self._rows:
            self._interpreter.resize_tensor_input(self._input, z.shape)
            self._interpreter.allocate_tensors()
            self._rows = len(z)
        self._interpreter.set_tensor(self._input, z)
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._output))


def _judged(limits: Limits, score: int, logits: list[int]) -> Judgement:
    level = log2(score + 1)
    against = limits.against(level, logits)
    return Judgement(score, against, limits.verdict(against, level), verdict.fault(logits))


def _limits(model: bytes) -> Limits | None:
    buffer = tflite_file.metadata(model, verdict.METADATA)
    return None if buffer is None else verdict.from_bytes(buffer)


def _ends(interpreter: Any, length: int, given: int) -> tuple[int, int]:
    """The indices of input and output; raises ValueError unless int8 [1, length] and [1, given] in eighths."""
    ends = [*interpreter.get_input_details(), *interpreter.get_output_details()]
    found = [(end["dtype"].__name__, end["shape"].tolist(), end["quantization"]) for end in ends]
    if found != [("int8", [1, size], (1 / scaling.ONE, 0)) for size in (length, given)]:
        raise ValueError(
            f"input and output are {found}; a sensor's are int8 [1, {length}] and [1, {given}], scale 1/8, zero point 0"
        )
    return ends[0]["index"], ends[1]["index"]
