"""Thresholds follow from costs, and bounds from how few parts there are."""

import itertools

import numpy as np
import pytest
from scipy.stats import beta

from reedmesh.learning.parts import binomial, limits
from reedmesh.learning.parts.limits import Costs


@pytest.mark.parametrize(("hits", "trials"), [(0, 20), (0, 300), (3, 97), (19, 20), (50, 100), (1, 1000)])
def test_bounds_are_those_of_clopper_and_pearson(hits: int, trials: int) -> None:
    assert binomial.upper(hits, trials) == pytest.approx(beta.ppf(0.95, hits + 1, trials - hits), abs=1e-9)
    lower = beta.ppf(0.05, hits, trials - hits + 1) if hits else 0.0
    assert binomial.lower(hits, trials) == pytest.approx(lower, abs=1e-9)


def test_nothing_heard_bounds_nothing() -> None:
    assert binomial.upper(0, 0) == 1.0 and binomial.lower(0, 0) == 0.0


def test_twenty_good_parts_promise_fourteen_in_a_hundred() -> None:
    assert binomial.upper(0, 20) == pytest.approx(0.139, abs=0.001)


def test_dear_escapes_lower_the_threshold_and_dear_overkills_raise_it() -> None:
    rng = np.random.default_rng(1)
    ok, nok = (np.rint(rng.normal(at, 20, count)).astype(np.int64) for at, count in ((0, 500), (60, 60)))
    by_cost = [limits.chosen(ok, nok, Costs(escape, 1.0, 0.1))[0] for escape in (0.1, 1.0, 10.0, 1000.0)]
    assert by_cost == sorted(by_cost, reverse=True) and by_cost[0] > by_cost[-1] + 20


def test_what_few_parts_cannot_tell_is_unsure() -> None:
    ok, nok = np.arange(50) - 60, np.arange(10) + 40
    doubt, reject = limits.chosen(ok, nok, Costs())
    assert ok.max() < doubt < nok.min() and doubt < reject <= nok.min()


def test_costs_need_some_faults() -> None:
    with pytest.raises(ValueError, match="4 NOK and 20 OK parts are labelled; costs need 5 NOK"):
        limits.chosen(np.zeros(20, np.int64), np.ones(4, np.int64), Costs())


def test_the_trade_goes_from_rejecting_all_to_passing_all() -> None:
    points = limits.curve(np.array([1, 2, 2]), np.array([2, 5]))
    assert points[0].escape == 0.0 and points[0].overkill == 1.0
    assert points[-1].escape == 1.0 and points[-1].overkill == 0.0
    assert all(a.escape <= b.escape and a.overkill >= b.overkill for a, b in itertools.pairwise(points))
