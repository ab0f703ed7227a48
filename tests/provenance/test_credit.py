"""Points: what is stated comes back, nobody prints or takes back points, and both sides come to the same totals."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.errors import WireError
from reedmesh.provenance import credit
from reedmesh.provenance.credit import Account, Statement
from tests.support.neighbours import key_of

KEY = key_of("hall1")
names = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=32)
points = st.integers(0, credit.MOST_POINTS)


def framed(statement: Statement) -> bytes:
    return credit.pack(statement, KEY.signature(statement.text()))


@given(st.dictionaries(names, st.tuples(points, points), max_size=8), names, st.integers(0, 2**32 - 1))
def test_a_statement_comes_back(entries: dict[str, tuple[int, int]], name: str, day: int) -> None:
    said = Statement(name, day, entries)
    assert credit.unpack(framed(said), [KEY.public]) == said


@given(st.binary(max_size=300))
def test_nonsense_is_refused(frame: bytes) -> None:
    with pytest.raises(WireError):
        credit.unpack(frame, [KEY.public])


def test_every_changed_bit_is_refused() -> None:
    frame = framed(Statement("hall1", 20_000, {"hall2": (5, 7)}))
    for bit in range(8 * len(frame)):
        changed = bytearray(frame)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(WireError):
            credit.unpack(bytes(changed), [KEY.public])


def test_totals_never_fall() -> None:
    before = Account(owed=3, due=10, agreed=2)
    assert credit.heard(before, Statement("hall2", 1, {"hall1": (12, 3)}), "hall1") == Account(3, 12, 3)
    for taken_back in ((9, 3), (12, 1)):
        with pytest.raises(WireError, match="takes back"):
            credit.heard(before, Statement("hall2", 1, {"hall1": taken_back}), "hall1")


def test_what_is_spent_in_a_day_is_the_budget_at_most() -> None:
    assert credit.budget(0.0, 1e9) == credit.BUDGET
    assert credit.budget(1e9, 1e9 + credit.DAY / 4) == credit.BUDGET // 4
    assert credit.budget(1e9, 1e9 - 50) == 0  # a clock that was set back prints nothing


@given(st.dictionaries(names, st.floats(-1, 1), max_size=8), st.integers(0, 1000))
def test_points_go_by_positive_worth_and_are_no_more_than_there_are(worth: dict[str, float], much: int) -> None:
    found = credit.divided(worth, 1.0, much)
    assert sum(found.values()) <= much and all(worth[name] > 0 for name in found)
    assert credit.divided(worth, 0.0, much) == {}


def test_both_sides_agree_after_loss_and_restarts() -> None:
    """Statements hold totals, so any later one makes up for those that were lost."""
    chance, ours, theirs = random.Random(5), Account(), Account()
    for day in range(200):
        ours.owed += chance.randrange(9)
        theirs.owed += chance.randrange(9)
        said = Statement("hall1", day, {"hall2": (ours.owed, ours.due)})
        answer = Statement("hall2", day, {"hall1": (theirs.owed, theirs.due)})
        if chance.random() > 0.3 or day > 197:
            theirs = credit.heard(theirs, said, "hall2")
        if chance.random() > 0.3 or day > 197:
            ours = credit.heard(ours, answer, "hall1")
    ours = credit.heard(ours, Statement("hall2", 200, {"hall1": (theirs.owed, theirs.due)}), "hall1")
    assert (ours.due, ours.disputed) == (theirs.owed, 0) and ours.balance == -theirs.balance
