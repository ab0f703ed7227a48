"""model: the score is the sum of squared errors in whole numbers, and what a sensor could not run is refused."""

import hashlib
import math
from collections.abc import Callable
from functools import cache
from struct import pack
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import Builder
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reedmesh.errors import DeployError
from reedmesh.inference import normalisation as scale
from reedmesh.inference import runtime, tflite_file
from reedmesh.inference.family import Family, find_family, load_family
from reedmesh.inference.model import Model
from reedmesh.learning.candidate import Candidate, commission
from reedmesh.protocol import offer_frame, scaling
from tests.support import machines

LENGTH = 69
VECTORS = arrays(np.int8, LENGTH, elements=st.integers(-128, 127) | st.sampled_from([-128, 127]))


@cache
def family() -> Family:
    return load_family(find_family("vibration"))


@cache
def candidate() -> Candidate:
    return commission(family(), machines.windows(family().recipe), seed=1)


@cache
def model() -> Model:
    return Model(candidate().model)


def own_scaling() -> bytes:
    return tflite_file.metadata(candidate().model, scaling.METADATA) or b""


def with_scaling(metadata: bytes) -> bytes:
    return tflite_file.rewrite(candidate().model, {scaling.METADATA: metadata})


def without_weights() -> bytes:
    """A model that LiteRT takes, and finds out only when it runs that a layer has no weights."""
    tree = schema.ModelT.InitFromPackedBuf(candidate().model)
    max(tree.buffers, key=lambda buffer: 0 if buffer.data is None else len(buffer.data)).data = None
    builder = Builder()
    builder.Finish(tree.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def scaling_buffer() -> int:
    number = tflite_file.metadata_number(candidate().model, scaling.METADATA)
    assert number is not None
    return number


def plain_inference(interpreter: Any, x: list[int]) -> list[int]:
    """A chain of FULLY_CONNECTED layers, as LiteRT's reference/integer_ops/fully_connected.h has them."""
    tensors = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    for op in interpreter._get_ops_details():
        (source, weights, bias), (into,) = op["inputs"].tolist(), op["outputs"].tolist()
        (in_scale, in_zero), (out_scale, out_zero) = (tensors[end]["quantization"] for end in (source, into))
        shifted = [v - in_zero for v in x]
        sums = interpreter.get_tensor(weights).astype(int) @ shifted + interpreter.get_tensor(bias)
        factors = [
            in_scale * scale / out_scale for scale in tensors[weights]["quantization_parameters"]["scales"].tolist()
        ]
        x = [requantised(total, factor) + out_zero for total, factor in zip(sums.tolist(), factors, strict=True)]
        x = [max(-128, min(127, v)) for v in x]  # as ReLU does too, whose zero point is -128
    return x


def requantised(total: int, factor: float) -> int:
    """LiteRT 2's reference: one product in double precision, rounded to the nearest, halves away from zero."""
    product = total * factor
    return int(math.copysign(math.floor(abs(product) + 0.5), product))


@settings(deadline=None)  # whichever example comes first also learns the model
@given(VECTORS)
def test_score_is_the_sum_of_squared_errors_of_the_reference_kernels(features: np.ndarray) -> None:
    means, gains, _ = scaling.from_bytes(own_scaling())
    z = scale.apply(features[None], means, gains)
    interpreter = runtime.reference(candidate().model)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], z)
    interpreter.invoke()
    output = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    wanted = sum((a - b) ** 2 for a, b in zip(z[0].tolist(), output[0].tolist(), strict=True))
    assert model().score(features) == model().score(features.tobytes()) == wanted


def test_the_kernels_are_tflites_reference_to_the_last_bit() -> None:
    """Against their arithmetic written out, which is what the sensor's code follows too."""
    interpreter = runtime.reference(candidate().model)
    interpreter.allocate_tensors()
    z = np.random.default_rng(1).integers(-128, 128, (300, LENGTH)).astype(np.int8)
    z[:100] //= 8  # most of real life is within two deviations
    means, gains = [0] * LENGTH, [1 << 11] * LENGTH  # z = x
    plain = Model(tflite_file.patch(candidate().model, {scaling_buffer(): scaling.to_bytes(means, gains, 1)}))
    for row in z.tolist():
        errors = [a - b for a, b in zip(row, plain_inference(interpreter, row), strict=True)]
        assert plain.score(np.array(row, dtype=np.int8)) == sum(error * error for error in errors)


def test_scores_are_each_windows_score_however_many_there_are() -> None:
    features = np.random.default_rng(1).integers(-128, 128, (50, LENGTH)).astype(np.int8)
    one_by_one = [model().score(row) for row in features]
    assert model().scores(features).tolist() == one_by_one
    assert model().scores(features[:7]).tolist() == one_by_one[:7]
    assert model().score(features[3]) == one_by_one[3]


def test_a_model_is_known_by_its_digest_threshold_and_length() -> None:
    assert model().digest == hashlib.sha256(candidate().model).digest()
    assert model().key == model().digest[:8]
    assert model().threshold == candidate().threshold
    assert model().length == LENGTH


@pytest.mark.parametrize("size", [0, LENGTH - 1, LENGTH + 1])
def test_features_of_another_length_are_a_value_error(size: int) -> None:
    with pytest.raises(ValueError, match=f"{size} features, the model takes {LENGTH}"):
        model().score(bytes(size))


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (lambda: candidate().model + bytes(offer_frame.MAX_MODEL), f"bytes; a sensor takes {offer_frame.MAX_MODEL}"),
        (lambda: b"", "not a model of ours"),
        (lambda: bytes(1000), "not a model of ours"),
        (lambda: candidate().model[: len(candidate().model) // 2], "not a model of ours"),
        (lambda: family().float_tflite, "no scaling of version 1"),
        (lambda: tflite_file.rewrite(candidate().model, {}), "no scaling of version 1"),
        (lambda: with_scaling(b"\x02" + bytes(100)), "no scaling of version 1"),
        (lambda: with_scaling(scaling.to_bytes([0] * 68, [1] * 68, 1)), r"a sensor's are int8 \[1, 68\]"),
        (lambda: with_scaling(scaling.to_bytes([], [], 1)), "a sensor's are"),
        (lambda: tflite_file.rewrite(family().float_tflite, {scaling.METADATA: own_scaling()}), "'float32'"),
        (without_weights, "lacks data"),
        (lambda: candidate().model.replace(pack("<f", 1 / 8), pack("<f", 1 / 4)), r"\[1, 69\], \(0\.25, 0\)"),
    ],
)
def test_what_a_sensor_could_not_run_is_refused(broken: Callable[[], bytes], reason: str) -> None:
    with pytest.raises(DeployError, match=reason):
        Model(broken())
