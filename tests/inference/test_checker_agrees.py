"""What the engine refuses for its numbers the checker refuses, and a channel of scale 0 it passes."""

import numpy as np

from reedmesh.inference import compatibility
from tests.firmware.tflite.test_refusals import small


def test_a_bias_that_could_overflow_is_refused_by_the_checker_too() -> None:
    refused = compatibility.check(small(bias=np.full(2, 1 << 30, np.int32))).refused()
    assert refused == ["operator 0 (FULLY_CONNECTED): 3 inputs and a bias of 1073741824 could overflow its sum"]
    assert not compatibility.check(small(bias=np.full(2, 1 << 28, np.int32))).refused()


def test_a_dead_channel_of_scale_0_is_passed() -> None:
    assert not compatibility.check(small(scales=np.array([0.01, 0.0], np.float32))).refused()
