"""quantise: the network quantised is the network trained, on ranges that leave a fault room, in one file."""

import sys
from functools import cache

import numpy as np
import pytest

from reedmesh.errors import DeployError
from reedmesh.inference import runtime, tflite_file
from reedmesh.inference.family import Family, find_family, load_family
from reedmesh.learning import quantise
from reedmesh.learning.trainer import Trainer
from reedmesh.protocol import scaling


@cache
def family() -> Family:
    return load_family(find_family("vibration"))


@cache
def weights() -> np.ndarray:
    return np.random.default_rng(3).normal(0, 0.12, Trainer(family().train_tflite).size).astype(np.float32)


@cache
def inputs() -> np.ndarray:
    return np.random.default_rng(4).normal(0, 8, (100, family().recipe.length)).round().clip(-128, 127).astype(np.int8)


@cache
def metadata() -> bytes:
    n = family().recipe.length
    return scaling.to_bytes(list(range(n)), [1000 + i for i in range(n)], 4321)


@cache
def quantised() -> bytes:
    return quantise.to_int8(family().float_tflite, weights(), inputs(), metadata())


def details() -> dict[str, list[dict]]:
    interpreter = runtime.reference(quantised())
    interpreter.allocate_tensors()
    ends = {"ends": interpreter.get_input_details() + interpreter.get_output_details()}
    return ends | {"all": interpreter.get_tensor_details()}


def run(model: bytes, x: np.ndarray) -> np.ndarray:
    interpreter = runtime.reference(model)
    (first,), (last,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(first["index"], x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(first["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(last["index"])


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert quantise.to_int8(family().float_tflite, weights(), inputs(), metadata()) == quantised()
    assert quantise.to_int8(family().float_tflite, weights() * np.float32(2), inputs(), metadata()) != quantised()


def test_input_and_output_are_int8_in_eighths() -> None:
    for end in details()["ends"]:
        assert end["dtype"] is np.int8
        assert end["shape"].tolist() == [1, family().recipe.length]
        assert end["quantization"] == (1 / 8, 0)


def test_weights_are_int8_with_a_scale_per_output() -> None:
    matrices = [t for t in details()["all"] if t["dtype"] is np.int8 and t["shape"][0] > 1]
    widths = [*family().architecture.hidden, family().recipe.length]
    assert sorted(len(t["quantization_parameters"]["scales"]) for t in matrices) == sorted(widths)
    assert all(not t["quantization_parameters"]["zero_points"].any() for t in matrices)


def test_int8_computes_what_float_does_within_its_rounding() -> None:
    wanted = run(quantise.with_weights(family().float_tflite, weights()), inputs().astype(np.float32) / 8)
    error = run(quantised(), inputs()) / 8 - wanted
    assert np.sqrt(np.mean(error**2)) < 0.08  # rounding to eighths alone makes 0.036
    assert np.abs(error).max() < 0.4


def test_layers_keep_up_with_a_fault_four_times_the_usual() -> None:
    """Where ranges were fitted to normal windows, a good part of each layer would saturate at 127."""
    fault = np.clip(inputs().astype(np.int32) * 4, -128, 127).astype(np.int8)
    interpreter = runtime.reference(quantised(), keep_all=True)
    interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], fault.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], fault)
    interpreter.invoke()
    layers = [t for t in interpreter.get_tensor_details() if t["shape"].tolist() in [[100, 32], [100, 8]]]
    assert len(layers) == 3
    for layer in layers:
        assert (interpreter.get_tensor(layer["index"]) == 127).mean() < 0.005


def test_ranges_are_true_extremes_with_head_room_and_not_averages() -> None:
    outlier = np.zeros_like(inputs())
    outlier[50] = inputs()[50]
    patched = quantise.with_weights(family().float_tflite, weights())
    alone, among = (quantise.ranges(patched, rows) for rows in (outlier[[50, 50]], outlier))
    assert among.keys() == alone.keys() and len(among) == len(family().architecture.hidden) + 2
    assert all(among[name]["max"] >= alone[name]["max"] for name in among)


def test_the_file_holds_its_scaling_and_nothing_else_of_ours() -> None:
    assert tflite_file.metadata(quantised(), scaling.METADATA) == metadata()
    assert tflite_file.metadata(quantised(), quantise.WEIGHTS) is None
    assert b"reedmesh.weights" not in quantised()


def test_the_file_is_small_and_its_buffers_are_aligned() -> None:
    assert len(quantised()) < 16_000
    long = [data for data in tflite_file.buffers(quantised()) if len(data) >= 64]
    assert len(long) >= 8
    assert all(quantised().index(data) % 16 == 0 for data in long)


@pytest.mark.parametrize(
    "wrong",
    [np.zeros(10, dtype=np.float32), np.zeros(0, dtype=np.float32), np.zeros(5069), np.zeros((5069, 1), np.float32)],
)
def test_weights_that_do_not_fit_are_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected float32 \(5069,\)"):
        quantise.with_weights(family().float_tflite, wrong)


def test_a_float_model_without_an_index_is_refused() -> None:
    with pytest.raises(ValueError, match="expected"):
        quantise.with_weights(family().int8_tflite, weights())


def test_metadata_can_be_replaced_where_it_lies() -> None:
    number = tflite_file.metadata_number(quantised(), scaling.METADATA)
    assert number is not None
    patched = tflite_file.patch(quantised(), {number: bytes(len(metadata()))})
    assert len(patched) == len(quantised())
    assert tflite_file.metadata(patched, scaling.METADATA) == bytes(len(metadata()))
    assert (run(patched, inputs()) == run(quantised(), inputs())).all()
    with pytest.raises(ValueError, match=f"buffer {number} of the model has {len(metadata())} bytes, not 1"):
        tflite_file.patch(quantised(), {number: b"x"})


@pytest.mark.parametrize("cut", [0, 3, 8, 40, 200, 4000])
def test_a_model_cut_short_is_a_value_error(cut: int) -> None:
    with pytest.raises(ValueError, match="damaged"):
        tflite_file.buffers(quantised()[:cut])


def test_without_a_quantiser_the_lesson_fails_and_not_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_quantizer", None)
    with pytest.raises(DeployError, match="pip install ai-edge-quantizer"):
        quantise.to_int8(family().float_tflite, weights(), inputs(), metadata())
