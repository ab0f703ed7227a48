"""Gate: clipped, stuck and dead windows are not learnt, and a machine that gives little else is asked about."""

import numpy as np
import pytest

from reedmesh.errors import DeployError
from reedmesh.inference.family import find_family, load_family
from reedmesh.learning import gate
from reedmesh.protocol.recipe import Trend
from tests.support.machines import windows

RECIPE = load_family(find_family("vibration")).recipe
PEAK, RMS = 21, 20  # of the first axis


def bent(count: int, of: dict[int, int]) -> np.ndarray:
    """Windows of a machine, the first `count` with these features."""
    some = windows(RECIPE, count=60).copy()
    for place, value in of.items():
        some[:count, place] = value
    return some


def test_windows_of_a_machine_are_learnt_all() -> None:
    assert len(gate.learnable(windows(RECIPE, count=60), RECIPE)) == 60


def test_clipped_and_still_windows_are_left_out() -> None:
    assert len(gate.learnable(bent(10, {PEAK: 127}), RECIPE)) == 50
    still = {axis * 23 + RMS: -128 for axis in range(3)}
    assert len(gate.learnable(bent(10, still), RECIPE)) == 50
    assert len(gate.learnable(bent(10, {RMS: -128}), RECIPE)) == 60  # one axis may have nothing to hear


def test_a_stuck_transducer_is_told_of() -> None:
    stuck = np.repeat(windows(RECIPE, count=1), 60, axis=0)
    with pytest.raises(DeployError, match=r"of 60 windows 59 are the same as the one before: look at machine"):
        gate.learnable(stuck, RECIPE)


def test_a_machine_that_did_not_move_is_asked_about() -> None:
    still = {axis * 23 + RMS: -128 for axis in range(3)}
    with pytest.raises(DeployError, match="60 are of what does not move"):
        gate.learnable(bent(60, still), RECIPE)


def test_trends_are_clipped_at_the_ends_of_their_range() -> None:
    recipe, some = Trend(20, 2, 1), np.random.default_rng(1).integers(-50, 50, (40, 6)).astype(np.int8)
    some[:5, 3] = 127
    assert len(gate.learnable(some, recipe)) == 35


def test_no_window_is_none() -> None:
    assert len(gate.learnable(np.zeros((0, RECIPE.length), np.int8), RECIPE)) == 0


def test_a_machine_may_stand_still_most_of_the_time_but_not_always() -> None:
    """Standstill is 40 dB below the running machine on every axis, or nothing but the noise of rounding."""
    far_below = {axis * 23 + RMS: -110 for axis in range(3)}
    assert len(gate.learnable(bent(38, far_below), RECIPE)) == 22
    with pytest.raises(DeployError, match="45 are of what does not move"):
        gate.learnable(bent(45, far_below), RECIPE)
