"""A mean that shifts is found though no window stands out, a drift is followed, and noise raises nothing."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reedmesh.inference import shift
from reedmesh.inference.shift import FOLLOW, SPAN, Shift

FEATURES, DEVIATION = 20, 8.0


def residuals(count: int, mean: float = 0.0, seed: int = 1) -> np.ndarray:
    """Of windows whose every feature is off by `mean` deviations."""
    noise = np.random.default_rng(seed).normal(mean, 1.0, (count, FEATURES))
    return np.rint(DEVIATION * noise).astype(np.int64)


def limit() -> int:
    """Twice the largest shift of normal windows, as learning sets it."""
    return 2 * shift.largest(residuals(40 * SPAN, seed=9).reshape(40, SPAN, FEATURES))


def heard(it: Shift, windows: np.ndarray) -> np.ndarray:
    return np.array([it.take(each, True) for each in windows])


def test_windows_that_are_all_a_little_off_are_found_within_a_span() -> None:
    it = Shift(limit())
    assert heard(it, residuals(300)).max() < 1.0
    found = heard(it, residuals(40, mean=0.8, seed=2))
    scores = (residuals(40, mean=0.8, seed=2) ** 2).sum(axis=1)
    assert scores.max() < 1.8 * np.quantile((residuals(300) ** 2).sum(axis=1), 0.95), "no window stands out"
    assert (found[SPAN:] > 1.0).all()


def test_a_slow_drift_is_followed_and_the_start_is_where_the_machine_is() -> None:
    it, drift = Shift(limit()), np.linspace(2.0, 3.0, 1200)[:, None] * DEVIATION
    assert heard(it, residuals(1200) + drift.astype(np.int64)).max() < 1.0


def test_a_machine_that_started_at_an_unusual_speed_may_go_back_to_others() -> None:
    it = Shift(limit())
    heard(it, residuals(FOLLOW, mean=1.0))
    assert heard(it, residuals(100)).max() < 1.0


def test_what_shifted_is_not_followed() -> None:
    it = Shift(limit())
    heard(it, residuals(FOLLOW))
    assert (heard(it, residuals(500, mean=2.0))[SPAN:] > 1.0).all()


def test_a_start_does_not_count_windows_that_stand_out() -> None:
    it = Shift(limit())
    assert [it.take(each, False) for each in residuals(200, mean=5.0)] == [0.0] * 200


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.integers(1, 100))
def test_the_running_sum_is_that_of_the_last_windows(seed: int, count: int) -> None:
    it, windows = Shift(10**6), residuals(FOLLOW + count, mean=1.0, seed=seed)
    found = heard(it, windows)[-1]
    usual = windows[:FOLLOW].mean(axis=0)
    for end in range(FOLLOW + 1, FOLLOW + count):
        usual = usual + (windows[end - SPAN - 1] - usual) / FOLLOW
    line = np.linspace(0, 1, 4001)[:, None] * usual
    nearest = ((windows[-SPAN:].mean(axis=0) - line) ** 2).sum(axis=1).min()
    assert np.isclose(found, SPAN * nearest / 10**6, rtol=1e-4)
