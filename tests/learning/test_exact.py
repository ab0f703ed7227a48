"""Exact algebra does what numpy's does, and refuses what has no square root."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.learning import exact


@given(st.integers(0, 1 << 32), st.integers(1, 12))
def test_it_agrees_with_lapack(seed: int, size: int) -> None:
    a = np.random.default_rng(seed).normal(0, 1, (3 * size, size))
    matrix = a.T @ a + 0.1 * np.eye(size)
    lower = exact.cholesky(matrix)
    assert np.allclose(lower, np.linalg.cholesky(matrix))
    assert np.allclose(exact.inverse(lower), np.linalg.inv(lower))
    assert np.allclose(exact.product(a, matrix), a @ matrix)


def test_a_matrix_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ValueError, match="positive definite"):
        exact.cholesky(np.array([[1.0, 2.0], [2.0, 1.0]]))
    with pytest.raises(ValueError, match="positive definite"):
        exact.cholesky(np.full((2, 2), np.nan))


def test_logarithms_are_right() -> None:
    values = np.geomspace(1e-12, 1e12, 1001)
    assert np.abs(exact.logarithm(values) - np.log(values)).max() < 1e-10


def test_totals_do_not_depend_on_the_order() -> None:
    values = np.random.default_rng(1).normal(0, 100, 1000)
    assert exact.total(values) == exact.total(values[::-1])
    assert exact.total(values) == pytest.approx(values.sum(), abs=1e-3)
