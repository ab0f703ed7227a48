"""Covariances of few windows: what rounding to whole squared steps leaves of them is made definite."""

import numpy as np
import pytest

from reedmesh.learning import covariance, detector, exact, states
from reedmesh.learning.covariance import Scatter

P = 69


def scatter(seed: int) -> Scatter:
    """Of 24 windows whose features follow two loads and move by about a step, sorted into two states."""
    random = np.random.default_rng(seed)
    loads = random.normal(0, 1, (24, 2)) @ random.normal(0, 1, (2, P))
    return detector.within(states.split(np.rint(loads).astype(np.int8), np.arange(24) % 2))


def correlations(of: Scatter) -> np.ndarray:
    found = of.covariance
    deviations = np.sqrt(np.maximum(np.diagonal(found), covariance.FLOOR))
    out = found / np.outer(deviations, deviations)
    np.fill_diagonal(out, 1.0)
    return covariance.shrunk(out, of.freedom)


@pytest.mark.parametrize("seed", range(5))
def test_few_windows_that_hardly_move_have_a_covariance(seed: int) -> None:
    it = scatter(seed)
    shape = covariance.shape(it)
    assert np.isfinite(shape.whitening).all()
    assert np.isfinite(shape.log_determinant)


def test_rounding_does_leave_none_without_help() -> None:
    """Or the test above would show nothing."""
    assert min(np.linalg.eigvalsh(correlations(scatter(seed))).min() for seed in range(5)) < 0


def test_a_definite_covariance_stays_as_it_is() -> None:
    random = np.random.default_rng(1)
    it = scatter(0)
    sure = Scatter(it.matrix + np.diag(random.integers(500, 900, P)), it.freedom)
    kept = correlations(sure)
    assert (covariance.triangle(kept) == exact.cholesky(kept)).all()
