"""The sensor's TFLite engine: to the byte what the reference kernels give, on every operator and on whole models."""

import platform
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from reedmesh.inference import features
from reedmesh.learning import detector, export
from reedmesh.protocol import scaling
from reedmesh.protocol.recipe import Spectrum
from tests.support import dense_models, int32, operator_models
from tests.support.dense_models import Dense
from tests.support.micropython import missing, run
from tests.support.paths import ROOT, SCRIPTS

Array = NDArray[Any]
HAS_WHEEL = sys.version_info < (3, 13) and platform.machine() == "x86_64"  # as pyproject.toml says
SIZES = (69, 32, 8, 32, 69)
FOREIGN = ROOT.parent / "shared" / "data" / "mlperf_tiny"


def litert(model: bytes, inputs: Array) -> Array:
    """What LiteRT's reference kernels make of each input."""
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    outputs = []
    for x in inputs:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).copy())
    return np.array(outputs)


def micro(model: bytes, inputs: Array) -> Array:
    """What TFLite-Micro makes of each input; skips where it has no wheel, or (CI: fails) is not installed."""
    try:
        from tflite_micro import runtime
    except ImportError:
        if not HAS_WHEEL:
            pytest.skip("TFLite-Micro has no wheel for this Python or processor")
        missing("no TFLite-Micro to compare with: pip install tflite-micro")
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=1 << 20)
    outputs = []
    for x in inputs:
        interpreter.set_input(x, 0)
        interpreter.invoke()
        outputs.append(interpreter.get_output(0).copy())
    return np.array(outputs)


def some_inputs(rng: np.random.Generator, model: bytes) -> Array:
    """Five inputs: the extremes, each byte where there is room for all, and random ones; floats of all sizes."""
    tensor = Interpreter(model_content=model).get_input_details()[0]
    shape = (5, *tensor["shape"])
    if tensor["dtype"] == np.float32:
        return (rng.normal(0, 1, shape) * np.exp(rng.uniform(-12, 8, shape))).astype(np.float32)
    inputs = rng.integers(-128, 128, shape).astype(np.int8)
    inputs[0], inputs[1] = -128, 127
    if inputs[2].size == 256:
        inputs[2] = np.arange(-128, 128, dtype=np.int8).reshape(shape[1:])
    return inputs


def on_micropython(cases: list[tuple[bytes, Array, int]], folder: Path, rounding: str = "litert") -> bytes:
    """Outputs of (model, inputs, bytes of an output) in one process, one after the other."""
    with (folder / "in").open("wb") as file:
        for model, inputs, size in cases:
            file.write(struct.pack("<I", len(model)) + model)
            file.write(struct.pack("<III", len(inputs), inputs[0].nbytes, size) + inputs.tobytes())
    run(SCRIPTS / "engine/run.py", folder / "in", folder / "out", rounding)
    return (folder / "out").read_bytes()


def check(models: list[bytes], folder: Path, reference: Any, rounding: str, seed: int = 0) -> None:
    """Every output byte of every model is the reference's."""
    rng = np.random.default_rng(seed)
    inputs = [some_inputs(rng, model) for model in models]
    expected = [reference(model, x) for model, x in zip(models, inputs, strict=True)]
    cases = [(model, x, y[0].nbytes) for model, x, y in zip(models, inputs, expected, strict=True)]
    got = on_micropython(cases, folder, rounding)
    for i, y in enumerate(expected):
        assert got[: y.nbytes] == y.tobytes(), f"model {i}"
        got = got[y.nbytes :]
    assert not got


@pytest.mark.parametrize("name", [*operator_models.OPERATORS, "network"])
@pytest.mark.parametrize(("rounding", "reference"), [("litert", litert), ("micro", micro)])
def test_outputs_are_the_references_to_the_byte(name: str, rounding: str, reference: Any, tmp_path: Path) -> None:
    draw, rng = operator_models.OPERATORS.get(name, operator_models.network), np.random.default_rng(1)
    models = [draw(rng) for _ in range(24)]
    if (name, rounding) == ("UNIDIRECTIONAL_SEQUENCE_LSTM", "micro"):
        (tmp_path / "in").write_bytes(struct.pack("<I", len(models[0])) + models[0])
        with pytest.raises(pytest.fail.Exception, match="only LiteRT's rounding runs"):
            run(SCRIPTS / "engine/run.py", tmp_path / "in", tmp_path / "out", rounding)
    else:
        check(models, tmp_path, reference, rounding)


def test_svdf_without_a_bias(tmp_path: Path) -> None:
    """TFLite-Micro has no such."""
    rng = np.random.default_rng(2)
    check([operator_models.svdf(rng, has_bias=False) for _ in range(8)], tmp_path, litert, "litert")


def test_dense_layers_of_any_size_and_scale(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    models = [dense_models.random_model(rng)[0] for _ in range(120)]
    check(models, tmp_path, litert, "litert")


def test_dense_layers_round_as_tflite_micro_if_asked(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    models = [dense_models.random_model(rng)[0] for _ in range(120)]
    check(models, tmp_path, micro, "micro")


@pytest.mark.parametrize("name", ["ad01_int8", "kws_ref_model"])
@pytest.mark.parametrize(("rounding", "reference"), [("litert", litert), ("micro", micro)])
def test_models_of_others(name: str, rounding: str, reference: Any, tmp_path: Path) -> None:
    path = FOREIGN / f"{name}.tflite"
    if not path.exists():
        pytest.skip(f"{path.name} of MLPerf Tiny is not beside the checkout")
    check([path.read_bytes()], tmp_path, reference, rounding)


@pytest.mark.parametrize("path", sorted((ROOT / "models").glob("*/int8.tflite")), ids=lambda path: path.parent.name)
@pytest.mark.parametrize(("rounding", "reference"), [("litert", litert), ("micro", micro)])
def test_the_families(path: Path, rounding: str, reference: Any, tmp_path: Path) -> None:
    check([path.read_bytes()], tmp_path, reference, rounding)


def learnt_by_sums(features: int, count: int, seed: int) -> bytes:
    """A model of so many states, far apart, whose features depend on each other."""
    random = np.random.default_rng(seed)
    state = np.arange(240) // 10 % count
    loads = random.normal(0, 4, (240, 3)) @ random.normal(0, 1, (3, features))
    windows = loads + random.normal(0, 3, (240, features)) + random.uniform(-90, 90, (count, features))[state]
    found = detector.learn(np.clip(np.rint(windows), -128, 127).astype(np.int8))
    assert len(found.states) == count
    return export.to_tflite(found.model, 1)


def test_models_learnt_by_sums(tmp_path: Path) -> None:
    models = [learnt_by_sums(features, count, seed=count) for features in (23, 69) for count in (1, 2, 3, 8)]
    assert max(map(len, models)) <= 12 << 10  # what `make provision` keeps for the vibration family
    check(models, tmp_path, litert, "litert")


def near_halves(scale: float, out: float) -> bytes:
    """Every sum of -300..299 as a bias: with a scale like 1/6, each third of them ends on a half or just beside it."""
    bias = np.arange(-300, 300, dtype=np.int32)
    weights = np.zeros((len(bias), 1), np.int8)
    layer = Dense(weights, np.full(1, scale, np.float32), bias, float(np.float32(out)), 0)
    return dense_models.write([layer], 1, 0)


def test_halves_are_rounded_as_double_precision_rounds_them(tmp_path: Path) -> None:
    check([near_halves(scale, out) for out in range(1, 64) for scale in (1, 0.3)], tmp_path, litert, "litert")


# Scales of input, weights and output, and a sum that single and double precision take to different sides of a half.
DENSE_HALVES = [
    (0.056418512016534805, 0.038621686398983, 25.808162689208984, -1024519),
    (0.009117186069488525, 0.034216348081827164, 4.271914005279541, 979115),
    (0.009877803735435009, 0.03400217741727829, 3.263584852218628, -480986),
]


@pytest.mark.parametrize(("rounding", "reference"), [("litert", litert), ("micro", micro)])
def test_dense_layers_multiply_their_scales_in_double_precision(rounding: str, reference: Any, tmp_path: Path) -> None:
    models = []
    for x, w, y, total in DENSE_HALVES:
        layer = Dense(np.zeros((1, 1), np.int8), np.full(1, w, np.float32), np.full(1, total, np.int32), y, 0)
        models.append(dense_models.write([layer], x, 0))
    check(models, tmp_path, reference, rounding)


def relu_at_halves() -> list[bytes]:
    """RELU of all bytes between scales whose quotients in single and in double precision give different tables."""
    scales, multiplier = int32.load("tflite.scales"), int32.load("tflite.multiplier")
    rng, models = np.random.default_rng(0), []
    while len(models) < 3:
        step = operator_models.scale(rng)
        over = float(np.float32(step * rng.uniform(0.6, 3)))
        first, second = (scales.parts(int(np.float32(value).view(np.uint32))) for value in (step, over))
        single, double = (scales.multiplier(*scales.ratio(first, second, bits)) for bits in (24, 53))
        if any(multiplier.multiply(i, *single) != multiplier.multiply(i, *double) for i in range(256)):
            draw = operator_models.Drawn(rng)
            x = draw.activations((1, 256), step, -128)
            models.append(draw.pack(x, draw.table("RELU", x, draw.activations((1, 256), over, -128))))
    return models


@pytest.mark.parametrize(("rounding", "reference"), [("litert", litert), ("micro", micro)])
def test_relu_divides_its_scales_as_the_reference_does(rounding: str, reference: Any, tmp_path: Path) -> None:
    check(relu_at_halves(), tmp_path, reference, rounding)


def all_differences(seed: int) -> bytes:
    """SUB of every byte and every byte: enough that the precision of its scales' quotients shows."""
    draw = operator_models.Drawn(np.random.default_rng(seed))
    x, every = draw.activations((256, 1)), np.arange(-128, 128, dtype=np.int8).reshape(1, 256)
    first, second = draw.known[x][1], operator_models.scale(draw.rng)
    other = draw.constant(every, second, 3)
    over = 2.7 * max(first, second) * draw.rng.uniform(0.3, 1)
    y = draw.activations((256, 256), float(np.float32(over)), 0)
    draw.operator("SUB", [x, other], [y], 2, options="SubOptions")
    return draw.pack(x, y)


def test_sub_divides_its_scales_in_double_precision(tmp_path: Path) -> None:
    models = [all_differences(seed) for seed in (11, 14, 19, 24)]
    inputs = np.arange(-128, 128, dtype=np.int8).reshape(1, 256, 1)
    expected = [litert(model, inputs) for model in models]
    got = on_micropython([(model, inputs, 1 << 16) for model in models], tmp_path)
    assert got == b"".join(y.tobytes() for y in expected)


def test_the_two_references_differ_on_dense_layers() -> None:
    """Else `rounding` would not be needed."""
    model, x = near_halves(0.3, 7), np.zeros((1, 1, 1), np.int8)
    assert (litert(model, x) != micro(model, x)).any()


def test_dense_kernels_stay_in_32_bits_and_in_their_buffers() -> None:
    """At the largest sums that a layer may have, and of every size about the unrolled 16."""
    with int32.loaded("tflite.model") as module:
        for inputs in [*range(1, 18), 31, 32, 33, 16384]:
            for weight in (-128, 127):
                weights = np.full((2, inputs), weight, np.int8)
                bias = np.array([-1, 1], np.int32) * ((1 << 29) - 32640 * inputs - 1)
                layer = Dense(weights, np.array([1, 1e-5], np.float32), bias, 1.0, 5)
                file = dense_models.write([layer], 1.0, -128 if weight < 0 else 127)
                for rounding in ("litert", "micro"):
                    model = module.Model(file, rounding)
                    for x in (-128, 127):
                        model.predict(np.full(inputs, x, np.int8).tobytes(), bytearray(2))


@pytest.mark.parametrize("name", [*operator_models.OPERATORS, "network"])
def test_the_checked_kernels_give_the_reference_too(name: str) -> None:
    """Every integer step of every operator within 32 bits, and no byte read or written beyond its buffer."""
    draw, rng = operator_models.OPERATORS.get(name, operator_models.network), np.random.default_rng(9)
    with int32.loaded("tflite.model") as module:
        for model in [draw(rng) for _ in range(4)]:
            inputs, engine = some_inputs(rng, model)[[0, 1, 3]], module.Model(model)
            for x, expected in zip(inputs, litert(model, inputs), strict=True):
                y = bytearray(expected.nbytes)
                engine.predict(x.tobytes(), y)
                assert bytes(y) == expected.tobytes()


def test_viper_literals_are_small_integers() -> None:
    for path in sorted((ROOT / "firmware").rglob("*.py")):
        assert not int32.wide_literals(path), path


def test_a_window_is_judged_without_an_allocation(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    means, gains = rng.integers(-500, 500, 69).tolist(), rng.integers(500, 16385, 69).tolist()
    model = dense_models.autoencoder(rng, SIZES, {scaling.METADATA: scaling.to_bytes(means, gains, 12345)})
    (tmp_path / "model").write_bytes(model)
    # Room to compile the sources; tests/firmware/test_compiled.py does with less.
    vector, score, threshold, ram, _ = run(SCRIPTS / "engine/memory.py", tmp_path / "model", heap="200k").split()

    window = np.array([((i * 7919) % 2001) - 1000 for i in range(600)], np.int16).reshape(1, 200, 3)
    x = features.extract(window, Spectrum(200, 3, 20))
    z = np.clip((((x.astype(int) << 4) - means) * gains + 16384) >> 15, -128, 127).astype(np.int8)
    assert bytes.fromhex(vector) == x.tobytes()
    assert int(score) == ((z.astype(int) - litert(model, z[:, None])[:, 0]) ** 2).sum()
    assert int(threshold) == 12345
    assert int(ram) < 600


def test_model_says_what_it_takes() -> None:
    with int32.loaded("tflite") as module:
        model = module.Model(dense_models.autoencoder(np.random.default_rng(0), SIZES, {"note": b"hello"}))
        assert (model.input_shape, model.output_shape) == ((1, 69), (1, 69))
        assert (model.input_dtype, model.output_dtype) == ("b", "b")
        assert (model.input_scale, model.input_zero_point) == (0.125, 0)
        assert (model.output_scale, model.output_zero_point) == (0.125, 0)
        assert bytes(model.metadata("note")) == b"hello" and model.metadata("other") is None
        with pytest.raises(ValueError, match="takes 69 bytes"):
            model.predict(bytes(68), bytearray(69))
        with pytest.raises(ValueError, match="rounding"):
            module.Model(b"", "tflite")
        floats = module.Model(operator_models.OPERATORS["DEQUANTIZE"](np.random.default_rng(0)))
        assert (floats.input_dtype, floats.output_dtype) == ("f", "f")


def test_every_operator_of_the_schema_has_its_name() -> None:
    names = int32.load("tflite.names")
    numbers = {k: v for k, v in vars(schema.BuiltinOperator).items() if k.isupper()}
    assert {k: names.name(v) for k, v in numbers.items()} == {k: k for k in numbers}
    assert names.name(99999) == "99999"


def test_every_operator_is_tried_here() -> None:
    names, codes = int32.load("tflite.names"), int32.load("tflite.operators").codes()
    alike = {"SQUEEZE", "EXPAND_DIMS"}  # drawn by RESHAPE's
    assert {names.name(code) for code in codes} == set(operator_models.OPERATORS) | alike
