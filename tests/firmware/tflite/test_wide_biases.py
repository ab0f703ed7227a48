"""Biases of all of int32, as converters write them for channels of next to no weight: as LiteRT runs them."""

from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.firmware.tflite.test_models import SCRIPTS, litert, micro, some_inputs
from tests.support import micropython, operator_models

OPERATORS = ["FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D"]


def with_wide_biases(operator: str, rng: np.random.Generator, reach: float) -> bytes:
    """A model of the operator some of whose biases need 32 bits and come to about `reach` steps of its output."""
    while True:
        tree = schema.ModelT.InitFromPackedBuf(operator_models.OPERATORS[operator](rng), 0)
        graph, node = tree.subgraphs[0], tree.subgraphs[0].operators[0]
        x, weights, bias, y = [graph.tensors[i] for i in (*node.inputs[:3], node.outputs[0])]
        if node.inputs[2] >= 0 and bias.buffer and tree.buffers[bias.buffer].data is not None:
            break
    size = int(np.prod(bias.shape))
    values = rng.integers(-(2**31) + 2**26, 2**31 - 2**26, size)
    values[rng.random(size) < 0.3] = rng.integers(-1000, 1000)
    tree.buffers[bias.buffer].data = np.frombuffer(values.astype("<i4").tobytes(), np.uint8)
    step = reach / 2**31 * y.quantization.scale[0] / x.quantization.scale[0]
    scales = np.asarray(weights.quantization.scale, np.float32)
    weights.quantization.scale = (step * rng.uniform(0.5, 1.5, scales.size)).astype(np.float32)
    bias.quantization = None
    builder = flatbuffers.Builder(1024)
    builder.Finish(tree.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize(("rounding", "reference"), [("litert", litert), ("micro", micro)])
@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("reach", [0.01, 60.0, 1000.0])
def test_wide_biases_give_the_reference(
    operator: str, rounding: str, reference: Any, reach: float, tmp_path: Path
) -> None:
    rng = np.random.default_rng(int(reach * 100))
    allocating = [] if reach < 1 else ["allocating"]  # where outputs do not change, nothing is calculated
    for _ in range(4):
        model = with_wide_biases(operator, rng, reach)
        inputs = some_inputs(rng, model)
        expected = reference(model, inputs)
        head = np.array([*inputs.shape[:1], inputs[0].nbytes, expected[0].nbytes], np.uint32).tobytes()
        (tmp_path / "in").write_bytes(np.uint32(len(model)).tobytes() + model + head + inputs.tobytes())
        micropython.run(SCRIPTS / "engine" / "run.py", tmp_path / "in", tmp_path / "out", rounding, *allocating)
        assert (tmp_path / "out").read_bytes() == expected.tobytes()
