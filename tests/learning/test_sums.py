"""Sums: exact in any order, what was added can be subtracted, and what no windows can have is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.learning import sums
from reedmesh.learning.sums import Sums


def windows(seed: int, count: int, features: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, (count, features)).astype(np.int8)


def same(a: Sums, b: Sums) -> bool:
    return a.count == b.count and bool((a.total == b.total).all() and (a.products == b.products).all())


@given(st.integers(0, 1 << 32), st.lists(st.integers(0, 20), min_size=1, max_size=5), st.randoms())
def test_sums_add_up_in_any_order(seed: int, counts: list[int], dice: object) -> None:
    parts = [sums.of(windows(seed + i, count)) for i, count in enumerate(counts)]
    whole = sums.of(np.concatenate([windows(seed + i, count) for i, count in enumerate(counts)]))
    dice.shuffle(parts)
    assert same(sum(parts, sums.nothing(5)), whole)


@given(st.integers(0, 1 << 32), st.integers(0, 30), st.integers(0, 30))
def test_what_was_added_is_subtracted_without_a_trace(seed: int, count: int, more: int) -> None:
    before, added = sums.of(windows(seed, count)), sums.of(windows(seed + 1, more))
    assert same(before + added - added, before)


def test_scatter_is_the_sum_of_squared_differences_to_the_mean() -> None:
    some = windows(1, 40)
    apart = some - some.mean(axis=0)
    assert np.abs(sums.of(some).scatter - apart.T @ apart).max() <= 0.5
    assert not sums.nothing(5).scatter.any()


def test_impossible_sums_are_refused() -> None:
    some, one = sums.of(windows(1, 10)), sums.of(np.full((1, 5), 100, np.int8))
    with pytest.raises(ValueError, match="-10 windows"):
        sums.nothing(5) - some
    with pytest.raises(ValueError, match="have these sums"):
        one - sums.of(np.full((1, 5), -100, np.int8))
    with pytest.raises(ValueError, match="negative variance"):
        sums.of(np.full((3, 5), 10, np.int8)) - Sums(1, np.full(5, -20), np.full((5, 5), 100))
    with pytest.raises(ValueError, match="these sums"):
        some + Sums(1, np.full(5, 5000), np.full((5, 5), 10**6))


@pytest.mark.parametrize("wrong", [np.zeros((3, 5)), np.zeros(5, np.int8), np.zeros((1, 2000), np.int8)])
def test_only_int8_windows_have_sums(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="sums are of int8"):
        sums.of(wrong)
