"""What the sensor's TFLite engine cannot run to the bit it refuses when it loads it, and damaged files do no harm."""

import os
import re
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support import dense_models, operator_models
from tests.support.dense_models import Dense
from tests.support.micropython import run
from tests.support.operator_models import Drawn
from tests.support.paths import SCRIPTS
from tests.support.tflite_writer import FLOAT32
from tests.support.timeouts import PATIENCE

FUZZ = int(os.environ.get("FUZZ", "2500"))  # models to damage; `make fuzz-engine` has more


def small(**changes: Any) -> bytes:
    """A file of one dense layer of 3 inputs and 2 outputs, with some of it changed."""
    values: dict[str, Any] = {
        "weights": np.ones((2, 3), np.int8),
        "scales": np.full(2, 0.01, np.float32),
        "bias": np.zeros(2, np.int32),
        "scale": 0.1,
        "zero_point": 0,
    }
    scale, nought = changes.pop("input_scale", 0.1), changes.pop("input_zero", 0)
    return dense_models.write([Dense(**{**values, **changes})], scale, nought)


def edited(*changes: tuple[str, Any], model: bytes | None = None) -> bytes:
    """A model, `small()` if none is given, with attributes of its object tree set."""
    tree = schema.ModelT.InitFromPackedBuf(model or small(), 0)
    for path, value in changes:
        exec(f"{path} = value", {"model": tree, "graph": tree.subgraphs[0], "value": value})
    builder = flatbuffers.Builder(1024)
    builder.Finish(tree.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _code(number: int) -> bytes:
    code = "model.operatorCodes[0]"
    return edited((code + ".builtinCode", number), (code + ".deprecatedBuiltinCode", min(number, 127)))


def drawn(name: str, *changes: tuple[str, Any]) -> bytes:
    """A model of one operator, edited."""
    return edited(*changes, model=operator_models.OPERATORS[name](np.random.default_rng(3)))


LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"
CELLS = "graph.tensors[graph.operators[0].inputs[19]].quantization.scale"


def lstm(place: int, tensor: int) -> bytes:
    """An LSTM with another tensor, or none (-1), as one of its inputs."""
    model = drawn(LSTM)
    inputs = list(schema.ModelT.InitFromPackedBuf(model, 0).subgraphs[0].operators[0].inputs)
    return edited((NODE + "inputs", [*inputs[:place], tensor, *inputs[place + 1 :]]), model=model)


def two_graphs() -> bytes:
    tree = schema.ModelT.InitFromPackedBuf(small(), 0)
    tree.subgraphs.append(tree.subgraphs[0])
    builder = flatbuffers.Builder(1024)
    builder.Finish(tree.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def table(name: str, x: tuple[float, int], y: tuple[float, int], **options: Any) -> bytes:
    """A model of one operator on 4 bytes with these scales and zero points."""
    draw = Drawn(np.random.default_rng(0))
    first = draw.activations((1, 4), *x)
    return draw.pack(first, draw.table(name, first, draw.activations((1, 4), *y), **options))


def add_of_small_scale() -> bytes:
    draw = Drawn(np.random.default_rng(0))
    x, y = draw.activations((1, 4), 1.0, 0), draw.activations((1, 4), 1e-7, 0)
    draw.operator("ADD", [x, x], [y], 1, options="AddOptions")
    return draw.pack(x, y)


def pool_to_other_scale() -> bytes:
    draw = Drawn(np.random.default_rng(0))
    x, y = draw.activations((1, 2, 2, 1), 1.0, 0), draw.activations((1, 2, 2, 1), 2.0, 0)
    options = {"strideH": 1, "strideW": 1, "filterHeight": 1, "filterWidth": 1}
    draw.operator("MAX_POOL_2D", [x], [y], 1, options="Pool2DOptions", **options)
    return draw.pack(x, y)


def float_relu() -> bytes:
    draw = Drawn(np.random.default_rng(0))
    x, y = draw.tensor((1, 4), kind=FLOAT32), draw.tensor((1, 4), kind=FLOAT32)
    draw.operator("RELU", [x], [y])
    return draw.pack(x, y)


GRAPH, NODE = "graph.", "graph.operators[0]."
REFUSED = {
    "no TFL3": (lambda: b"\x10\0\0\0TFL2" + bytes(64), "not a TFL3 file"),
    "empty": (lambda: b"", "not a TFL3 file"),
    "cut": (lambda: small()[:300], "offset|outside"),
    "other operator": (lambda: _code(5), r"operator 0 \(DEPTH_TO_SPACE\): not supported"),
    "later operator": (lambda: _code(206), r"operator 0 \(STABLEHLO_COMPOSITE\): not supported"),
    "new version": (
        lambda: edited(("model.operatorCodes[0].version", 15)), r"\(FULLY_CONNECTED\): version 15 .* 1 to 14",
    ),
    "zero scale": (lambda: small(scale=0.0), "tensor 3: scale 0 is not above zero"),
    "negative scale": (lambda: small(input_scale=-0.1), "tensor 0: scale 0 is not above zero"),
    "infinite scale": (lambda: small(input_scale=float("inf")), "tensor 0: scale 0 is not above zero"),
    "NaN weight scale": (lambda: small(scales=np.array([1, np.nan], np.float32)), "tensor 1: scale 1 is not"),
    "three scales": (lambda: small(scales=np.ones(3, np.float32)), "3 weight scales along axis 0 for 2 outputs"),
    "a bias short": (lambda: small(bias=np.zeros(1, np.int32)), "1 biases for 2 outputs"),
    "a bias too big": (
        lambda: small(bias=np.full(2, (1 << 31) - 1, np.int32)), "takes the sum of row 0 beyond 32 bits",
    ),
    "a variable": (lambda: edited((GRAPH + "tensors[0].isVariable", True)), "tensor 0: a variable"),
    "tanh": (lambda: small(activation=4), "fused activation 4 is not supported"),
    "zero point": (lambda: small(zero_point=128), "tensor 3: expected one scale and a zero point of int8"),
    "shape": (lambda: edited((GRAPH + "tensors[1].shape", [2, 4])), r"tensor 1: shape \[2, 4\] and 6 bytes"),
    "input size": (lambda: edited((GRAPH + "tensors[0].shape", [1, 4])), r"weights \[2, 3\] between 4 and 2"),
    "huge input": (lambda: edited((GRAPH + "tensors[0].shape", [1 << 30, 1 << 30])), "has no size or too much"),
    "no dimension": (lambda: edited((GRAPH + "tensors[0].shape", [1, -1])), "has no size or too much"),
    "float input": (lambda: edited((GRAPH + "tensors[0].type", 0)), "tensor 0: expected an int8 tensor"),
    "int16 input": (lambda: edited((GRAPH + "tensors[0].type", 7)), "tensor 0: expected an int8 tensor"),
    "two graphs": (two_graphs, "2 subgraphs"),
    "output is input": (lambda: edited((GRAPH + "outputs", [0])), "no operator makes the output"),
    "joined along none": (
        lambda: drawn("CONCATENATION", ("graph.tensors[graph.outputs[0]].shape", [])),
        r"\(CONCATENATION\): axis -?\d of 0",
    ),
    "joined along no such": (
        lambda: drawn("CONCATENATION", (NODE + "builtinOptions.axis", 7)), r"\(CONCATENATION\): axis 7 of",
    ),
    "cycle": (lambda: edited((NODE + "outputs", [0])), "output 0 is made twice"),
    "reads later": (lambda: edited((NODE + "inputs", [3, 1, 2])), "made by no earlier operator"),
    "no such tensor": (lambda: edited((NODE + "inputs", [9, 1, 2])), "element 9 of a list of 4"),
    "no such buffer": (lambda: edited((GRAPH + "tensors[1].buffer", 77)), "element 77"),
    "weight zero point": (
        lambda: edited((GRAPH + "tensors[1].quantization.zeroPoint", [0, 1])), "zero point of int8 weights",
    ),
    "missing weights": (lambda: edited((NODE + "inputs", [0, -1, 2])), "expected weights"),
    "windows": (lambda: drawn("CONV_2D", (GRAPH + "tensors[0].shape", [1, 99, 99, 1])), "windows along|channels"),
    "no stride": (lambda: drawn("CONV_2D", (NODE + "builtinOptions.strideW", 0)), "taps, 0 apart"),
    "no depth": (lambda: drawn("DEPTHWISE_CONV_2D", (GRAPH + "tensors[0].shape", [1, 1, 1, 7])), "channels|windows"),
    "flat image": (lambda: drawn("MAX_POOL_2D", (GRAPH + "tensors[0].shape", [5])), "expected .batch, height"),
    "pool's scales": (pool_to_other_scale, "must have the same scale"),
    "other padding": (lambda: drawn("PAD", (GRAPH + "tensors[1].shape", [77])), "padded by"),
    "order": (lambda: drawn("TRANSPOSE", (GRAPH + "tensors[0].shape", [1])), "in order"),
    "begin at": (lambda: drawn("STRIDED_SLICE", (NODE + "builtinOptions.ellipsisMask", 1)), "masks for ellipsis"),
    "small ADD": (add_of_small_scale, "the output's scale is too small"),
    "RELU6 scales": (lambda: table("RELU6", (1, 0), (2, 0)), "the same scale and zero point"),
    "LOGISTIC scale": (lambda: table("LOGISTIC", (1, 0), (1 / 128, -128)), "scale 1/256 and zero point -128"),
    "TANH zero point": (lambda: table("TANH", (1, 0), (1 / 128, 1)), "scale 1/128 and zero point 0"),
    "SOFTMAX beta": (
        lambda: table("SOFTMAX", (1, 0), (1 / 256, -128), options="SoftmaxOptions", beta=0.0), "beta must be above",
    ),
    "LEAKY_RELU alpha": (
        lambda: table("LEAKY_RELU", (1, 0), (1, 0), options="LeakyReluOptions", alpha=float("nan")), "not finite",
    ),
    "float RELU": (float_relu, "tensor 0: expected an int8 tensor"),
    "a state that is kept by nobody": (
        lambda: drawn("SVDF", (GRAPH + "tensors[5].isVariable", False)), "input 4 must be a variable of its own",
    ),
    "SVDF's rank": (lambda: drawn("SVDF", (NODE + "builtinOptions.rank", 0)), "rank 0 of"),
    "SVDF's memory": (lambda: drawn("SVDF", (GRAPH + "tensors[0].shape", [1, 2])), "sizes differ"),
    "SVDF without its activation": (
        lambda: drawn("SVDF", (NODE + "builtinOptions.fusedActivationFunction", 0)), "activation 0 is not supported",
    ),
    "SVDF of int8 in time": (lambda: drawn("SVDF", (GRAPH + "tensors[3].type", 9)), "tensor 3: shape"),
    "peepholes": (lambda: lstm(9, 1), "peepholes, projection"),
    "coupled gates": (lambda: lstm(1, -1), "coupled gates are not supported"),
    "a gate without weights": (lambda: lstm(6, -1), "input 6: expected weights"),
    "a hidden state of others": (lambda: lstm(18, 0), "input 18 must be a variable"),
    "LSTM's cells": (lambda: drawn(LSTM, (CELLS, [0.3])), "must be a power of two"),
    "LSTM's activation": (
        lambda: drawn(LSTM, (NODE + "builtinOptions.fusedActivationFunction", 1)), "activation 1 is not supported",
    ),
    "LSTM without intermediates": (lambda: drawn(LSTM, (NODE + "intermediates", [0])), "element 4"),
    "a flat sequence": (lambda: drawn(LSTM, (GRAPH + "tensors[0].shape", [7])), "of three dimensions"),
}  # fmt: skip


def test_what_cannot_be_run_is_refused_with_its_reason(tmp_path: Path) -> None:
    for i, (make, _) in enumerate(REFUSED.values()):
        (tmp_path / str(i)).write_bytes(make())
    lines = run(SCRIPTS / "engine/refuse.py", *[tmp_path / str(i) for i in range(len(REFUSED))]).splitlines()
    for (name, (_, reason)), line in zip(REFUSED.items(), lines, strict=True):
        assert re.search(reason, line), f"{name}: {line}"


def test_an_arena_that_does_not_fit_says_what_it_needs(tmp_path: Path) -> None:
    draw = Drawn(np.random.default_rng(0))
    x = draw.activations((1, 300, 300, 8), 1.0, 0)
    (tmp_path / "model").write_bytes(draw.pack(x, draw.table("RELU", x, draw.like(x, (1, 300, 300, 8)))))
    line = run(SCRIPTS / "engine/refuse.py", tmp_path / "model", heap="256k")
    assert re.search(r"needs 720000 bytes, have \d+", line)


@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_files_raise_nothing_but_model_error(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    paths = [tmp_path / name for name in ["dense", "network", *operator_models.OPERATORS]]
    paths[0].write_bytes(dense_models.autoencoder(rng, (9, 4, 9), {"reedmesh.scaling": bytes(44)}))
    paths[1].write_bytes(operator_models.network(rng))
    for path in paths[2:]:
        path.write_bytes(operator_models.OPERATORS[path.name](rng))
    each = -(-FUZZ // 2 // len(paths))
    out = run(SCRIPTS / "engine/fuzz.py", each, seed, *paths, heap="1m", timeout=PATIENCE + FUZZ / 20)
    refused, accepted = map(int, out.split())
    assert min(refused, accepted) > FUZZ // 40, "the damage must reach past the first check, and not be all there is"
