"""Circles cancel as much as can be, no balance changes, and nothing that can still cancel is left."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.provenance import netting

NAMES = ["a", "b", "c", "d", "e"]
debts = st.dictionaries(st.sampled_from(list(permutations(NAMES, 2))), st.integers(1, 50), max_size=12)


def has_a_circle(left: dict[tuple[str, str], int]) -> bool:
    """Whether a walk along debts can come back, by taking away parties that owe nothing."""
    pairs = set(left)
    while ends := {party for pair in pairs for party in pair} - {start for start, _ in pairs}:
        pairs = {pair for pair in pairs if pair[1] not in ends}
    return bool(pairs)


@given(debts)
def test_no_balance_changes_and_no_circle_is_left(owed: dict[tuple[str, str], int]) -> None:
    circles, left = netting.net(owed)
    before = {name: balance for name, balance in netting.balances(owed).items() if balance}
    assert {name: balance for name, balance in netting.balances(left).items() if balance} == before
    cancelled = sum(circle.amount * len(circle.parties) for circle in circles)
    assert cancelled + sum(left.values()) == sum(owed.values())
    assert not has_a_circle(left)


@given(debts)
def test_each_circle_is_made_of_debts_that_were_there(owed: dict[tuple[str, str], int]) -> None:
    circles, left = netting.net(owed)
    used = dict.fromkeys(owed, 0)
    for circle in circles:
        assert len(set(circle.parties)) == len(circle.parties) > 1
        for pair in zip(circle.parties, (*circle.parties[1:], circle.parties[0]), strict=True):
            used[pair] += circle.amount
    assert {pair: owed[pair] - used[pair] for pair in owed if owed[pair] > used[pair]} == left


def test_what_cancels_is_the_most_that_can() -> None:
    """Taking the short circle a-b first would leave 2 of the long one: a greedy search cancels less."""
    owed = {("a", "b"): 2, ("b", "a"): 2, ("b", "c"): 2, ("c", "d"): 2, ("d", "a"): 2}
    _, left = netting.net(owed)
    assert sum(left.values()) == 2  # a-b-c-d-a cancels 8 of 10, a-b-a only 4


def test_a_debt_to_oneself_is_none() -> None:
    assert netting.net({("a", "a"): 5}) == ([], {})


def test_too_many_parties_are_refused() -> None:
    with pytest.raises(ValueError, match="65 parties"):
        netting.net({(f"g{i}", f"g{i + 1}"): 1 for i in range(64)})
