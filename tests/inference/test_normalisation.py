"""scale: moments merge exactly, and numpy's z is the one of the formula that sensors calculate in plain integers."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reedmesh.inference import normalisation
from reedmesh.protocol import scaling

INT8 = st.integers(-128, 127)
WINDOWS = st.integers(1, 8).flatmap(
    lambda n: st.lists(st.integers(1, 20), min_size=1, max_size=4).flatmap(
        lambda counts: st.tuples(*(arrays(np.int8, (m, n), elements=INT8) for m in counts))
    )
)


@given(WINDOWS)
def test_moments_of_parts_add_up_to_those_of_the_whole(parts: tuple[np.ndarray, ...]) -> None:
    total, *others = (normalisation.fit(part) for part in parts)
    for other in others:
        total += other
    assert total == normalisation.fit(np.concatenate(parts))


@given(arrays(np.int8, st.tuples(st.integers(1, 30), st.integers(1, 4)), elements=INT8))
def test_moments_are_mean_and_deviation(features: np.ndarray) -> None:
    moments = normalisation.fit(features)
    assert moments.mean == pytest.approx(features.mean(axis=0))
    assert moments.deviation == pytest.approx(features.std(axis=0), abs=1e-9)


def test_moments_of_no_window_or_other_features_are_refused() -> None:
    with pytest.raises(ValueError, match="no windows"):
        normalisation.fit(np.zeros((0, 3), dtype=np.int8))
    with pytest.raises(ValueError, match="shorter"):
        normalisation.fit(np.zeros((1, 3), dtype=np.int8)) + normalisation.fit(np.zeros((1, 2), dtype=np.int8))


@given(arrays(np.int8, st.tuples(st.integers(1, 30), st.integers(1, 4)), elements=INT8))
def test_means_and_gains_are_the_nearest_whole_numbers_that_the_metadata_holds(features: np.ndarray) -> None:
    means, gains = normalisation.gains(normalisation.fit(features))
    for column, mean, gain in zip(features.T.tolist(), means, gains, strict=True):
        assert abs(mean - 16 * Fraction(sum(column), len(column))) <= Fraction(1, 2)
        assert gain == pytest.approx(2**14 / max(np.std(column), 1.0), abs=0.501)
    assert scaling.from_bytes(scaling.to_bytes(means, gains, 7)) == (means, gains, 7)


def test_a_feature_that_hardly_moves_is_scaled_as_if_it_moved_one_step() -> None:
    features = np.array([[5, 5]] * 9 + [[5, 6]], dtype=np.int8)
    assert normalisation.gains(normalisation.fit(features))[1] == [2**14, 2**14]


@given(st.data())
def test_z_is_that_of_the_formula(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 6))
    features = data.draw(arrays(np.int8, (3, n), elements=INT8))
    means = data.draw(st.lists(st.integers(-2048, 2032), min_size=n, max_size=n))
    gains = data.draw(st.lists(st.integers(1, 2**14), min_size=n, max_size=n))
    z = normalisation.apply(features, means, gains)
    assert z.dtype == np.int8
    for row, wanted in zip(features.tolist(), z.tolist(), strict=True):
        columns = zip(row, means, gains, strict=True)
        assert wanted == [max(-128, min(127, (((x << 4) - mean) * gain + 16384) >> 15)) for x, mean, gain in columns]


def test_z_of_normal_windows_has_one_deviation_at_eight() -> None:
    features = np.random.default_rng(1).normal([-20, 60], [4, 12], (4000, 2)).round().astype(np.int8)
    z = normalisation.apply(features, *normalisation.gains(normalisation.fit(features)))
    assert z.mean(axis=0) == pytest.approx([0, 0], abs=0.2)
    assert z.std(axis=0) == pytest.approx([scaling.ONE, scaling.ONE], rel=0.02)


def in_states(count: int, *states: tuple[float, float]) -> np.ndarray:
    """Windows of a machine that goes from one state to the next: mean and deviation of its two features in each."""
    random = np.random.default_rng(2)
    rows = [random.normal(mean, deviation, (count, 2)) for mean, deviation in states]
    return np.stack(rows, axis=1).reshape(-1, 2).round().clip(-128, 127).astype(np.int8)


def test_a_machine_of_one_state_is_scaled_by_its_deviation() -> None:
    features = np.random.default_rng(1).normal(0, 8, (200, 40)).round().astype(np.int8)
    assert normalisation.of(features) == normalisation.gains(normalisation.fit(features))


def test_a_machine_of_several_states_is_scaled_by_what_windows_of_one_differ_by() -> None:
    features = in_states(100, (-20.0, 3.0), (10.0, 3.0), (40.0, 3.0))
    means, gains = normalisation.of(features)
    assert means == normalisation.gains(normalisation.fit(features))[0]
    assert all(2**14 / gain < 9 for gain in gains) and features.std() > 24
    assert np.abs(normalisation.apply(features, means, gains)).max() <= normalisation.REACH * scaling.ONE + 1


def test_windows_that_share_readings_are_not_what_similar_means() -> None:
    """Means of 20 readings, one reading apart: each is like the one before it, whatever the machine does."""
    noise = np.random.default_rng(5).normal(0, 60, (400, 24))
    levels = np.stack([noise[i : i + 20].mean(axis=0) for i in range(380)])
    features = np.rint(levels).astype(np.int8)
    deviation = np.array(normalisation.fit(features).deviation)
    near, apart = (2**14 / np.array(normalisation.of(features, places)[1]) / deviation for places in (1, 20))
    assert near.max() < 0.7 < 0.9 < apart.min()
    few = features[:30]
    assert normalisation.of(few, 20) == normalisation.gains(normalisation.fit(few)), "nothing to compare with"


def test_no_state_is_so_far_off_that_int8_cuts_it() -> None:
    features = in_states(100, (-120.0, 1.0), (120.0, 1.0))
    assert (
        np.abs(normalisation.apply(features, *normalisation.of(features)).astype(int)).max()
        <= normalisation.REACH * scaling.ONE + 1
    )


def test_many_windows_are_scaled_by_some_of_them() -> None:
    features = np.random.default_rng(1).normal(0, 8, (9000, 3)).round().astype(np.int8)
    assert min(normalisation.of(features)[1]) > 0
    still = np.zeros((5, 3), np.int8)
    assert normalisation.of(still)[1] == [2**14] * 3
