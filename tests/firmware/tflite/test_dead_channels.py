"""A channel of zero weights, for which a converter wrote the scale 0: as LiteRT and TFLite-Micro run it."""

from pathlib import Path

import numpy as np
import pytest

from tests.firmware.tflite.test_models import SCRIPTS, litert, micro
from tests.firmware.tflite.test_refusals import small
from tests.support import micropython

WEIGHTS = np.array([[1, -2, 3], [0, 0, 0]], np.int8)


@pytest.mark.parametrize(("rounding", "reference"), [("litert", litert), ("micro", micro)])
@pytest.mark.parametrize("zero", [0, -7])
def test_a_dead_channel_gives_its_zero_point(rounding: str, reference: object, zero: int, tmp_path: Path) -> None:
    bias = np.array([5, 1000], np.int32)
    model = small(weights=WEIGHTS, scales=np.array([0.01, 0.0], np.float32), bias=bias, zero_point=zero)
    inputs = np.random.default_rng(3).integers(-128, 127, (20, 1, 3), np.int8)
    expected = reference(model, inputs)  # type: ignore[operator]
    head = np.array([len(inputs), inputs[0].nbytes, expected[0].nbytes], np.uint32).tobytes()
    (tmp_path / "in").write_bytes(np.uint32(len(model)).tobytes() + model + head + inputs.tobytes())
    micropython.run(SCRIPTS / "engine/run.py", tmp_path / "in", tmp_path / "out", rounding)
    assert (tmp_path / "out").read_bytes() == expected.tobytes()
    assert {int(y[0, 1]) for y in expected} == {zero}
