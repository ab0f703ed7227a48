"""Shares add up to the gain, who adds nothing earns nothing, and equals earn the same; against the definition."""

from itertools import combinations, permutations
from math import factorial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.learning.contribution import shapley
from reedmesh.learning.contribution.shapley import Coalition

NAMES = ["east", "mill", "north", "south"]
ALL = [frozenset(each) for size in range(len(NAMES) + 1) for each in combinations(NAMES, size)]
games = st.lists(st.floats(-10, 10), min_size=len(ALL), max_size=len(ALL)).map(
    lambda values: dict(zip(ALL, values, strict=True))
)


@given(games)
def test_they_are_averages_over_all_orders(game: dict[Coalition, float]) -> None:
    found = dict.fromkeys(NAMES, 0.0)
    for order in permutations(NAMES):
        for i, name in enumerate(order):
            before = frozenset(order[:i])
            found[name] += (game[before | {name}] - game[before]) / factorial(len(NAMES))
    assert shapley.shares(NAMES, game.__getitem__) == pytest.approx(found, abs=1e-9)


@given(games)
def test_they_add_up_to_the_gain(game: dict[Coalition, float]) -> None:
    gain = game[frozenset(NAMES)] - game[frozenset()]
    assert abs(sum(shapley.shares(NAMES, game.__getitem__).values()) - gain) < 1e-9


def saturating(worth: dict[str, float]) -> shapley.Value:
    """A game in which the second equal contribution adds less than the first."""
    return lambda found: sum(worth[name] for name in found) ** 0.5


def test_who_adds_nothing_earns_nothing_and_equals_earn_the_same() -> None:
    found = shapley.shares(NAMES, saturating({"east": 3.0, "mill": 3.0, "north": 0.0, "south": 1.0}))
    assert (
        found["north"] == 0.0 and found["east"] == pytest.approx(found["mill"]) and found["east"] > found["south"] > 0
    )


def test_every_coalition_of_eight_is_asked_once_and_of_nine_each_is_left_out() -> None:
    for players, asked in ((8, 256), (9, 10)):
        seen: list[Coalition] = []

        def value(found: Coalition, seen: list[Coalition] = seen) -> float:
            seen.append(found)
            return float(len(found))

        found = shapley.shares([f"g{i}" for i in range(players)], value)
        assert len(seen) == len(set(seen)) == asked and set(found.values()) == {1.0}


def test_nobody_earns_nothing() -> None:
    assert shapley.shares([], lambda _: 1.0) == {}
