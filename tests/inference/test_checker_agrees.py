"""What the engine refuses for its numbers the checker refuses, and a channel of scale 0 it passes."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reedmesh.__main__ import main
from reedmesh.errors import ConfigError
from reedmesh.inference import compatibility
from reedmesh.provisioning import engine
from tests.firmware.tflite.test_refusals import edited, small, two_graphs
from tests.support import int32, operator_models


def test_a_bias_that_could_overflow_is_refused_by_the_checker_too() -> None:
    refused = compatibility.check(small(bias=np.full(2, (1 << 31) - 1, np.int32))).refused()
    assert refused == ["operator 0 (FULLY_CONNECTED): a bias of 2147483647 takes the sum of row 0 beyond 32 bits"]
    assert not compatibility.check(small(bias=np.full(2, 1 << 30, np.int32))).refused()


def test_what_keeps_something_and_what_has_several_graphs_is_refused_in_words() -> None:
    refused = compatibility.check(edited(("graph.tensors[0].isVariable", True))).refused()
    assert refused and "tensor 0 is a variable" in refused[0]
    with pytest.raises(ConfigError, match="2 subgraphs"):
        compatibility.check(two_graphs())


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_both_say_the_same_of_any_biases_and_weights(data: st.DataObject) -> None:
    numbers = (
        st.integers(-(2**31), 2**31 - 1)
        | st.integers(-(2**31), -(2**31) + 200_000)
        | st.integers(2**31 - 200_000, 2**31 - 1)
    )
    bias = np.array(data.draw(st.lists(numbers, min_size=2, max_size=2)), np.int32)
    weights = np.array(data.draw(st.lists(st.integers(-128, 127), min_size=6, max_size=6)), np.int8).reshape(2, 3)
    zero = data.draw(st.integers(-128, 127))
    model = small(bias=bias, weights=weights, input_zero=zero)
    with int32.loaded("tflite.model") as module:
        try:
            module.Model(model)
            refused = ""
        except Exception as error:  # noqa: BLE001 - a ModelError of the module that was loaded
            refused = str(error)
    assert bool(compatibility.check(model).refused()) == bool(refused), refused


def test_a_dead_channel_of_scale_0_is_passed() -> None:
    assert not compatibility.check(small(scales=np.array([0.01, 0.0], np.float32))).refused()


SHAPES = {
    "fixed, dynamic signature": [("graph.tensors[0].shapeSignature", [-1, 3])],
    "no batch": [("graph.tensors[0].shape", [-1, 3])],
    "no shape": [("graph.tensors[0].shape", [])],
    "empty": [("graph.tensors[0].shape", [0, 3])],
    "two batches": [("graph.tensors[0].shape", [2, 3]), ("graph.tensors[3].shape", [2, 2])],
    "one of two": [("graph.tensors[0].shape", [2, 3])],
    "flat weights": [("graph.tensors[1].shape", [6])],
}


@pytest.mark.parametrize("name", SHAPES)
def test_both_say_the_same_of_shapes(name: str, tmp_path: Path) -> None:
    model = edited(*SHAPES[name])
    (tmp_path / "m.tflite").write_bytes(model)
    _, refused = engine.loads(tmp_path / "m.tflite")
    assert bool(compatibility.check(model).refused()) == bool(refused), refused
    assert bool(refused) == (name not in ("fixed, dynamic signature", "two batches"))


def test_the_command_asks_the_engine_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the checker's table does not know, the engine's reader does."""
    path = tmp_path / "m.tflite"
    path.write_bytes(small(activation=4))
    assert main(["check-model", str(path), "--board", "esp32s3"]) == 1
    assert "refused    operator 0 (FULLY_CONNECTED): fused activation 4" in capsys.readouterr().out
    path.write_bytes(small())
    assert main(["check-model", str(path), "--board", "esp32s3"]) == 0


def test_a_model_of_every_operator_has_the_arena_that_the_engine_plans(tmp_path: Path) -> None:
    for draw in (operator_models.OPERATORS["CONV_2D"], operator_models.OPERATORS["ADD"], operator_models.network):
        model = draw(np.random.default_rng(8))
        (tmp_path / "m.tflite").write_bytes(model)
        assert engine.loads(tmp_path / "m.tflite") == (compatibility.check(model).arena, "")
