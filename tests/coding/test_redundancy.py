"""How many shards are enough: against summation in exact fractions, against dice, and what one report can do."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.coding.redundancy import MOST_RECEIVERS, UNKNOWN, Losses, shards_to_send, shortfall


def exact(n: int, k: int, received: int, lost: int) -> Fraction:
    """P(fewer than k of n): C(n, x) B(x + a, n - x + b) / B(a, b), summed, with rising factorials in place of B."""
    a, b = Fraction(2 * received + 1, 2), Fraction(2 * lost + 1, 2)
    total = sum(comb(n, x) * rising(a, x) * rising(b, n - x) for x in range(k))
    return Fraction(total) / rising(a + b, n)


def rising(start: Fraction, count: int) -> Fraction:
    product = Fraction(1)
    for i in range(count):
        product *= start + i
    return product


@given(st.integers(1, 40), st.integers(0, 40), st.integers(0, 200), st.integers(0, 200))
def test_the_tail_is_that_of_exact_fractions(k: int, parity: int, received: int, lost: int) -> None:
    expected = float(exact(k + parity, k, received, lost))
    assert shortfall(k + parity, k, received, lost) == pytest.approx(expected, rel=1e-8, abs=1e-12)


def test_the_tail_is_what_dice_say() -> None:
    random = np.random.default_rng(7)
    chances = random.beta(45.5, 5.5, 400_000)
    short = np.mean(random.binomial(40, chances) < 34)
    assert shortfall(40, 34, 45, 5) == pytest.approx(short, abs=4 * (short / 400_000) ** 0.5)


@given(st.integers(1, 254), st.integers(0, 5000), st.integers(0, 5000), st.sampled_from([1e-4, 0.02, 0.3]))
def test_it_is_the_smallest_number_that_is_enough(k: int, received: int, lost: int, risk: float) -> None:
    n = shards_to_send(k, received, lost, risk)
    assert k <= n <= 255
    assert n == 255 or shortfall(n, k, received, lost) <= risk
    assert n == k or shortfall(n - 1, k, received, lost) > risk


@pytest.mark.parametrize(("seen", "expected"), [(20, 176), (100, 127), (500, 118)])
def test_evidence_takes_back_what_ignorance_costs(seen: int, expected: int) -> None:
    assert shards_to_send(100, 0.95 * seen, 0.05 * seen, risk=1e-4) == expected


def test_the_receiver_in_the_middle_counts() -> None:
    losses = Losses()
    assert losses.median() == UNKNOWN
    for receiver, lost in [("good", 0), ("middle", 100), ("liar", 100_000)]:
        losses.report(receiver, 900, lost)
    received, lost = losses.median()
    assert 0.08 < lost / (received + lost) < 0.12


def test_reports_fade_and_are_bounded() -> None:
    losses = Losses()
    losses.report("a", 0, 100_000)
    losses.report("a", 5_000, 0)
    received, lost = losses.median()
    assert lost / (received + lost) < 0.1
    for i in range(2 * MOST_RECEIVERS):
        losses.report(f"r{i}", 1, 0)
    assert len(losses._reports) == MOST_RECEIVERS
