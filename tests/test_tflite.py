"""The sensor's TFLite engine: to the byte what LiteRT's reference kernels give, and proof against damaged files."""

import re
import struct
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from reedmesh import features, scaling
from reedmesh.recipe import Recipe
from tests import dense_models, int32
from tests.dense_models import Dense
from tests.micropython import ROOT, run

Bytes = NDArray[np.int8]
SCRIPTS = Path(__file__).parent / "firmware"
SIZES = (69, 32, 8, 32, 69)


def reference(model: bytes, inputs: Bytes) -> Bytes:
    """What LiteRT's reference kernels make of each input."""
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    outputs = []
    for x in inputs:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x[None])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0].copy())
    return np.array(outputs)


def some_inputs(rng: np.random.Generator, size: int) -> Bytes:
    inputs = rng.integers(-128, 128, (5, size)).astype(np.int8)
    inputs[0], inputs[1] = -128, 127
    return inputs


def on_micropython(cases: list[tuple[bytes, Bytes, int]], folder: Path) -> bytes:
    """Outputs of (model, inputs, output size) in one process, one after the other."""
    with (folder / "in").open("wb") as file:
        for model, inputs, size in cases:
            file.write(struct.pack("<I", len(model)) + model)
            file.write(struct.pack("<III", *inputs.shape, size) + inputs.tobytes())
    run(SCRIPTS / "tflite_run.py", folder / "in", folder / "out", timeout=60)
    return (folder / "out").read_bytes()


@pytest.mark.parametrize("seed", range(3))
def test_outputs_are_litert_s_reference_to_the_byte(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    cases, expected = [], []
    for _ in range(70):
        model, size = dense_models.random_model(rng)
        inputs = some_inputs(rng, size)
        expected.append(reference(model, inputs))
        cases.append((model, inputs, expected[-1].shape[1]))
    assert on_micropython(cases, tmp_path) == b"".join(y.tobytes() for y in expected)


def near_halves(scale: float, out: float) -> tuple[bytes, Bytes]:
    """Every sum of -300..299 as a bias: with a scale like 1/6, each third of them ends on a half or just beside it."""
    bias = np.arange(-300, 300, dtype=np.int32)
    weights = np.zeros((len(bias), 1), np.int8)
    layer = Dense(weights, np.full(1, scale, np.float32), bias, float(np.float32(out)), 0)
    return dense_models.write([layer], 1, 0), np.zeros((1, 1), np.int8)


def test_halves_are_rounded_as_double_precision_rounds_them(tmp_path: Path) -> None:
    pairs = [near_halves(scale, out) for out in range(1, 64) for scale in (1, 0.3)]
    expected = [reference(model, inputs) for model, inputs in pairs]
    cases = [(model, inputs, 600) for model, inputs in pairs]
    assert on_micropython(cases, tmp_path) == b"".join(y.tobytes() for y in expected)


def test_kernels_stay_in_32_bits_and_in_their_buffers() -> None:
    """At the largest sums that a layer may have, and of every size about the unrolled 16."""
    module = int32.load("tflite.model")
    for inputs in [*range(1, 18), 31, 32, 33, 16384]:
        for weight in (-128, 127):
            weights = np.full((2, inputs), weight, np.int8)
            bias = np.array([-1, 1], np.int32) * ((1 << 29) - 32640 * inputs - 1)
            layer = Dense(weights, np.array([1, 1e-5], np.float32), bias, 1.0, 5)
            model = module.Model(dense_models.write([layer], 1.0, -128 if weight < 0 else 127))
            for x in (-128, 127):
                model.predict(np.full(inputs, x, np.int8).tobytes(), bytearray(2))


def test_the_checked_kernels_give_the_reference_too() -> None:
    module, rng = int32.load("tflite.model"), np.random.default_rng(9)
    for _ in range(10):
        model, size = dense_models.random_model(rng)
        inputs = some_inputs(rng, size)[:2]
        for x, expected in zip(inputs, reference(model, inputs), strict=True):
            y = bytearray(len(expected))
            module.Model(model).predict(x.tobytes(), y)
            assert bytes(y) == expected.tobytes()


def test_viper_literals_are_small_integers() -> None:
    for path in sorted((ROOT / "firmware").rglob("*.py")):
        assert not int32.wide_literals(path), path


def small(**changes: Any) -> bytes:
    """A file of one layer of 3 inputs and 2 outputs, with some of it changed."""
    values: dict[str, Any] = {
        "weights": np.ones((2, 3), np.int8),
        "scales": np.full(2, 0.01, np.float32),
        "bias": np.zeros(2, np.int32),
        "scale": 0.1,
        "zero_point": 0,
    }
    scale = changes.pop("input_scale", 0.1)
    return dense_models.write([Dense(**{**values, **changes})], scale, changes.pop("input_zero", 0))


def edited(change: Any) -> bytes:
    """`small()` after `change(model)` on its object tree."""
    model = schema.ModelT.InitFromPackedBuf(small(), 0)
    change(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _code(number: int) -> Any:
    def change(model: Any) -> None:
        model.operatorCodes[0].builtinCode = number
        model.operatorCodes[0].deprecatedBuiltinCode = min(number, 127)

    return change


def _set(path: str, value: Any) -> Any:
    def change(model: Any) -> None:
        names = {"model": model, "graph": model.subgraphs[0], "value": value}
        exec(f"{path} = value", names)

    return change


REFUSED = {
    "no TFL3": (lambda: b"\x10\0\0\0TFL2" + bytes(64), "not a TFL3 file"),
    "empty": (lambda: b"", "not a TFL3 file"),
    "cut": (lambda: small()[:300], "offset|outside"),
    "other operator": (lambda: edited(_code(3)), r"operator 0 \(CONV_2D\): not supported"),
    "later operator": (lambda: edited(_code(206)), r"operator 0 \(STABLEHLO_COMPOSITE\): not supported"),
    "zero scale": (lambda: small(scale=0.0), "tensor 3: scale 0 is not above zero"),
    "negative scale": (lambda: small(input_scale=-0.1), "tensor 0: scale 0 is not above zero"),
    "infinite scale": (lambda: small(input_scale=float("inf")), "tensor 0: scale 0 is not above zero"),
    "NaN weight scale": (lambda: small(scales=np.array([1, np.nan], np.float32)), "tensor 1: scale 1 is not"),
    "three scales": (lambda: small(scales=np.ones(3, np.float32)), "3 weight scales along axis 0 for 2 outputs"),
    "a bias short": (lambda: small(bias=np.zeros(1, np.int32)), "1 biases for 2 outputs"),
    "a bias too big": (lambda: small(bias=np.full(2, 1 << 30, np.int32)), "could overflow the sum of row 0"),
    "tanh": (lambda: small(activation=4), "fused activation 4 is not supported"),
    "zero point": (lambda: small(zero_point=128), "tensor 3: expected one scale and a zero point of int8"),
    "shape": (lambda: edited(_set("graph.tensors[1].shape", [2, 4])), r"tensor 1: shape \[2, 4\] and 6 bytes"),
    "input size": (lambda: edited(_set("graph.tensors[0].shape", [1, 4])), r"weights of shape \[2, 4\]"),
    "huge input": (lambda: edited(_set("graph.tensors[0].shape", [1 << 30, 1 << 30])), "has no size or too much"),
    "no dimension": (lambda: edited(_set("graph.tensors[0].shape", [1, -1])), "has no size or too much"),
    "float input": (lambda: edited(_set("graph.tensors[0].type", 0)), "tensor 0: expected an int8 tensor"),
    "two graphs": (lambda: edited(lambda m: m.subgraphs.append(m.subgraphs[0])), "2 subgraphs"),
    "output is input": (lambda: edited(_set("graph.outputs", [0])), "no operator makes the output"),
    "cycle": (lambda: edited(_set("graph.operators[0].outputs", [0])), "output 0 is made twice"),
    "reads later": (lambda: edited(_set("graph.operators[0].inputs", [3, 1, 2])), "made by no earlier operator"),
    "no such tensor": (lambda: edited(_set("graph.operators[0].inputs", [9, 1, 2])), "element 9 of a list of 4"),
    "no such buffer": (lambda: edited(_set("graph.tensors[1].buffer", 77)), "element 77"),
    "weight zero point": (
        lambda: edited(_set("graph.tensors[1].quantization.zeroPoint", [0, 1])), "zero point of int8 weights",
    ),
    "missing weights": (lambda: edited(_set("graph.operators[0].inputs", [0, -1, 2])), "expected weights"),
}  # fmt: skip


def test_what_cannot_be_run_is_refused_with_its_reason(tmp_path: Path) -> None:
    for i, (make, _) in enumerate(REFUSED.values()):
        (tmp_path / str(i)).write_bytes(make())
    lines = run(SCRIPTS / "tflite_refuse.py", *[tmp_path / str(i) for i in range(len(REFUSED))]).splitlines()
    for (name, (_, reason)), line in zip(REFUSED.items(), lines, strict=True):
        assert re.search(reason, line), f"{name}: {line}"


@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_files_raise_nothing_but_model_error(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(dense_models.autoencoder(np.random.default_rng(0), (9, 4, 9), {"reedmesh.scaling": bytes(44)}))
    refused, accepted = map(int, run(SCRIPTS / "tflite_fuzz.py", path, 1500, seed, heap="256k", timeout=60).split())
    assert refused > 200 and accepted > 200, "the damage must reach past the first check, and not be all there is"


def test_a_window_is_judged_within_64_kib_and_without_an_allocation(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    means, gains = rng.integers(-500, 500, 69).tolist(), rng.integers(500, 16385, 69).tolist()
    model = dense_models.autoencoder(rng, SIZES, {scaling.METADATA: scaling.to_bytes(means, gains, 12345)})
    (tmp_path / "model").write_bytes(model)
    # The desktop must compile the sources first: room for that, but what stays fits in 64 KiB. A board loads compiled
    # files, and its pointers are half as long.
    vector, score, threshold, ram, heap = run(SCRIPTS / "tflite_memory.py", tmp_path / "model", heap="160k").split()

    window = np.array([((i * 7919) % 2001) - 1000 for i in range(600)], np.int16).reshape(1, 200, 3)
    x = features.extract(window, Recipe(200, 3, 20))
    z = np.clip((((x.astype(int) << 4) - means) * gains + 16384) >> 15, -128, 127).astype(np.int8)
    assert bytes.fromhex(vector) == x.tobytes()
    assert int(score) == ((z.astype(int) - reference(model, z)) ** 2).sum()
    assert int(threshold) == 12345
    assert int(ram) < 600 and int(heap) < 64 << 10


def test_model_says_what_it_takes() -> None:
    model = int32.load("tflite").Model(dense_models.autoencoder(np.random.default_rng(0), SIZES, {"note": b"hello"}))
    assert (model.input_shape, model.output_shape) == ((1, 69), (1, 69))
    assert (model.input_scale, model.input_zero_point) == (0.125, 0)
    assert (model.output_scale, model.output_zero_point) == (0.125, 0)
    assert bytes(model.metadata("note")) == b"hello" and model.metadata("other") is None
    with pytest.raises(ValueError, match="takes 69 bytes"):
        model.predict(bytes(68), bytearray(69))


def test_every_operator_of_the_schema_has_its_name() -> None:
    names = int32.load("tflite.names")
    numbers = {k: v for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
    assert {k: names.name(v) for k, v in numbers.items()} == {k: k for k in numbers}
    assert names.name(99999) == "99999"
