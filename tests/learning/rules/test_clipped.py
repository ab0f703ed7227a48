"""Merging: what helps is taken by its share, what hurts is refused with the reason, no neighbour is worth too much."""

import numpy as np
import pytest

from reedmesh.learning.aggregate import Peer
from reedmesh.learning.rules.clipped import _shares, merge

ZERO = np.zeros(8, np.float32)
TARGET = np.ones(8, np.float32)


def loss(weights: np.ndarray) -> float:
    """The distance to what would be best."""
    return float(np.linalg.norm(weights - TARGET))


def test_without_neighbours_nothing_changes() -> None:
    merged = merge(TARGET, ZERO, 100, {}, loss, 1.0)
    assert (merged.weights == TARGET).all() and not merged.taken and not merged.refused


def test_a_neighbour_counts_by_its_windows_up_to_a_limit() -> None:
    for windows, share in ((50, 1 / 3), (100, 0.5), (300, 0.5), (10**9, 0.5)):
        merged = merge(ZERO, ZERO, 100, {"b": Peer(0.5 * TARGET, windows)}, loss, 1.0)
        assert merged.taken["b"] == pytest.approx(share)
        assert np.allclose(merged.weights, 0.5 * share)


def test_the_step_is_taken_against_the_public_copy_and_shortened() -> None:
    merged = merge(0.5 * TARGET, 0.25 * TARGET, 1, {"b": Peer(0.75 * TARGET, 1)}, loss, 0.5)
    assert np.allclose(merged.weights, 0.5 + 0.5 * 0.5 * 0.5)


@pytest.mark.parametrize("lie", [-TARGET, np.full(8, np.nan, np.float32), -1e6 * TARGET])
def test_who_hurts_is_refused_with_the_reason_and_the_others_are_taken(lie: np.ndarray) -> None:
    peers = {"good": Peer(0.5 * TARGET, 10), "liar": Peer(lie, 10), "other": Peer(0.4 * TARGET, 10)}
    merged = merge(ZERO, ZERO, 10, peers, loss, 1.0)
    assert set(merged.taken) == {"good", "other"} and "loss" in merged.refused["liar"]
    assert np.allclose(merged.weights, 0.3)


def test_a_step_is_no_longer_than_the_median() -> None:
    far = 3 * TARGET  # in the right direction, but beyond
    peers = {"a": Peer(0.2 * TARGET, 1), "b": Peer(0.2 * TARGET, 1), "far": Peer(far, 1)}
    merged = merge(ZERO, ZERO, 1, peers, loss, 1.0)
    assert set(merged.taken) == set(peers) and np.allclose(merged.weights, 3 * 0.2 / 4)


def test_twenty_neighbours() -> None:
    peers = {f"g{i}": Peer(0.1 * TARGET, 10) for i in range(20)}
    assert sum(merge(ZERO, ZERO, 10, peers, loss, 1.0).taken.values()) == pytest.approx(20 / 21)


def test_what_neighbours_are_worth_adds_up_to_the_loss_that_fell_and_an_echo_is_worth_nothing() -> None:
    astray = 0.2 * np.tile(np.float32([1, -1]), 4)
    peers = {"good": Peer(0.2 * TARGET, 10), "astray": Peer(astray, 10), "echo": Peer(ZERO, 2**32 - 1)}
    merged = merge(ZERO, ZERO, 10, peers, loss, 1.0)
    assert sum(merged.worth.values()) == pytest.approx(loss(ZERO) - loss(merged.weights), abs=1e-6)
    assert merged.worth["astray"] < 0 == merged.worth["echo"] < merged.worth["good"]


@pytest.mark.parametrize("neighbours", [1, 2, 7])
def test_a_neighbour_weighs_no_more_than_each_of_us_whatever_it_claims(neighbours: int) -> None:
    """The claim of 2^32 - 1 windows is capped at our own count: 1 / (n + 1) of the merge."""
    own = 300
    counts = {f"hall{n}": own for n in range(neighbours - 1)} | {"liar": 2**32 - 1}
    shares = _shares(own, counts)
    assert shares["liar"] == pytest.approx(1 / (neighbours + 1))
    assert sum(shares.values()) == pytest.approx(neighbours / (neighbours + 1))
