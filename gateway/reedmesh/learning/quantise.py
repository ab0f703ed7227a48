"""Trained weights -> the int8 .tflite that sensors and gateway run: ai-edge-quantizer's static int8, on our own ranges.

Its own calibration averages the ranges of single batches, and so clips what is rare: the very faults we look for
(relative error 0.26 against 0.02). Here input and output are given [-16, 15.875], which makes their scale 1 / 8 and
their zero point 0 as `scaling.py` has it; each layer between gets the range it really has, with head-room for faults.
Weights are quantised per output channel.
"""

import json
from warnings import catch_warnings

import numpy as np
from numpy.typing import NDArray

from reedmesh.errors import DeployError
from reedmesh.inference import runtime, tflite_file
from reedmesh.protocol import scaling

WEIGHTS = "reedmesh.weights"  # metadata of float.tflite: where the parts of the flat weight vector lie, in its order

# A fault's activations are not among those of normal windows. So windows are taken four times as far from the mean as
# they are (within int8), and layers get the range of that: the largest power of two whose rounding is still finer than
# the output's own. Measured on a fan with a coin on a blade: at 1, 19 % of a layer's values saturated; at 2, 2 %; at 4,
# none, while the error on normal windows rose from 0.037 to 0.045 deviations, of which 0.036 is the output's rounding.
HEADROOM = 4


Range = dict[str, NDArray[np.float32]]


def to_int8(
    float_tflite: bytes, weights: NDArray[np.float32], inputs: NDArray[np.int8], scaling_metadata: bytes
) -> bytes:
    """The int8 model of `weights` (the flat vector), its scaling inside; the same arguments give the same bytes.

    inputs: z of normal windows, int8 [m, n], m of 2 or more. Raises ValueError when the weights are not those of
    float_tflite in number, or float_tflite has no index of them; DeployError where no quantiser is installed.
    """
    try:
        from ai_edge_quantizer import quantizer, recipe  # 0.3 s and 40 MB, which only a gateway that makes models needs
    except ImportError as error:
        raise DeployError(f"a model cannot be made here: pip install ai-edge-quantizer ({error})") from error

    patched = with_weights(float_tflite, weights)
    engine = quantizer.Quantizer(patched, recipe.static_wi8_ai8())
    with catch_warnings(action="ignore"):  # it warns of how it looks at the float model
        result = engine.quantize(ranges(patched, inputs), enable_progress_bar=False, enable_progress_report=False)
    return tflite_file.rewrite(bytes(result.quantized_model), {scaling.METADATA: scaling_metadata})


def size(float_tflite: bytes) -> int:
    """How many weights the flat vector of `float_tflite` has."""
    return sum(int(np.prod(part["shape"])) for part in json.loads(tflite_file.metadata(float_tflite, WEIGHTS) or b"[]"))


def with_weights(float_tflite: bytes, weights: NDArray[np.float32]) -> bytes:
    """`float_tflite` with the flat vector `weights` in place of its own; raises ValueError when they do not fit."""
    index = json.loads(tflite_file.metadata(float_tflite, WEIGHTS) or b"[]")
    sizes = [int(np.prod(part["shape"])) for part in index]
    if weights.dtype != np.float32 or weights.shape != (sum(sizes),):
        raise ValueError(f"weights are {weights.dtype} {weights.shape}, expected float32 ({sum(sizes)},)")
    parts = np.split(weights, np.cumsum(sizes)[:-1])
    return tflite_file.patch(
        float_tflite, {place["buffer"]: part.tobytes() for place, part in zip(index, parts, strict=True)}
    )


def ranges(float_tflite: bytes, inputs: NDArray[np.int8]) -> dict[str, Range]:
    """The range that int8 shall span, by the name of each tensor that flows through the float model."""
    interpreter = runtime.reference(float_tflite, keep_all=True)
    still = {tensor["index"]: tuple(tensor["shape"]) for tensor in interpreter.get_tensor_details()}
    (first,), (last,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(first["index"], inputs.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(first["index"], np.clip(HEADROOM * inputs.astype(np.float32) / scaling.ONE, -16, 15.875))
    interpreter.invoke()
    flowing = {}
    for tensor in interpreter.get_tensor_details():
        if tuple(tensor["shape"]) != still[tensor["index"]]:  # it grew with the batch, so it is no weight
            values = interpreter.get_tensor(tensor["index"])
            flowing[tensor["name"]] = _range(values.min(), values.max())
    return flowing | {end["name"]: _range(-16.0, 15.875) for end in (first, last)}


def _range(low: float, high: float) -> Range:
    return {"min": np.full((1, 1), low, np.float32), "max": np.full((1, 1), high, np.float32)}
