"""Sums for neighbours: differences add up exactly, and what no windows can have is refused with the reason."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reedmesh.errors import WireError
from reedmesh.learning import sums, told
from reedmesh.learning.covariance import Scatter
from reedmesh.learning.told import Told

P = 6


def of(seed: int, count: int = 50) -> Told:
    random = np.random.default_rng(seed)
    windows = np.clip(np.rint(random.normal(0, 9, (count, P))), -128, 127).astype(np.int8)
    bins = random.integers(0, told.BINS, 20)
    return Told(Scatter(sums.of(windows).scatter, count - 1), {int(each): int(each) + 1 for each in bins})


def same(a: Told, b: Told) -> bool:
    alike = a.scores == b.scores and a.scatter.freedom == b.scatter.freedom
    return alike and bool((a.scatter.matrix == b.scatter.matrix).all())


@given(st.lists(st.integers(0, 1 << 32), min_size=1, max_size=5))
@settings(deadline=None)
def test_differences_lead_from_one_to_the_next(seeds: list[int]) -> None:
    ours = theirs = told.nothing(P)
    for seed in seeds:
        news = told.pack(of(seed), ours)
        assert len(news) <= told.most_bytes(P)
        ours, theirs = of(seed), told.unpack(news, theirs)
        assert same(ours, theirs)


def test_nothing_new_is_few_bytes() -> None:
    assert len(told.pack(of(1), of(1))) == 2 + P * (P + 1) // 2


def test_two_machines_add_up() -> None:
    both = of(1) + of(2)
    assert both.scatter.freedom == of(1).scatter.freedom + of(2).scatter.freedom
    assert sum(both.scores.values()) == sum(of(1).scores.values()) + sum(of(2).scores.values())


def wrong(**changes: object) -> Told:
    fields = {"matrix": of(1).scatter.matrix.copy(), "freedom": 49, "scores": of(1).scores} | changes
    return Told(Scatter(fields["matrix"], fields["freedom"]), fields["scores"])


def bent(row: int, column: int, value: int) -> np.ndarray:
    matrix = of(1).scatter.matrix.copy()
    matrix[row, column] = matrix[column, row] = value
    return matrix


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        (wrong(freedom=0), "0 windows cannot vary"),
        (wrong(freedom=-3), "-3 windows"),
        (wrong(freedom=1 << 40), "windows cannot vary"),
        (wrong(matrix=bent(2, 2, -1)), "cannot vary by -1"),
        (wrong(matrix=bent(2, 2, 1 << 50)), "cannot vary"),
        (wrong(matrix=bent(0, 1, 1 << 20)), "correlation above 1"),
        (wrong(matrix=of(1).scatter.matrix * (2 * np.eye(P, dtype=int) - 1)), "negative variance"),
        (wrong(scores={told.BINS: 1}), "scores that are none"),
        (wrong(scores={-1: 1}), "scores that are none"),
        (wrong(scores={1: -1}), "scores that are none"),
        (wrong(scores={1: 1 << 40}), "scores that are none"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_no_windows_have_is_refused(lie: Told, reason: str) -> None:
    strong = lie.scatter.matrix
    if reason == "negative variance":
        strong = np.full((P, P), -900) + 1900 * np.eye(P, dtype=int)
        lie = Told(Scatter(strong, 49), lie.scores)
    with pytest.raises(WireError, match=reason):
        told.unpack(told.pack(lie, told.nothing(P)), told.nothing(P))


@given(st.integers(2, 30), st.integers(1, 3), st.integers(0, 1 << 30))
@settings(deadline=None, max_examples=200)
def test_sums_of_a_few_windows_that_hardly_move_are_never_refused(count: int, most: int, seed: int) -> None:
    """Rounding to whole products may put a correlation above 1; neighbours must not take that for a lie."""
    rng = np.random.default_rng(seed)
    windows = (rng.integers(0, most + 1, (count, P)) * (rng.random((count, 1)) < 0.3)).astype(np.int8)
    it = Told(Scatter(sums.of(windows).scatter, count - 1), {})
    assert told.unpack(told.pack(it, told.nothing(P)), told.nothing(P)).scatter.freedom == count - 1


@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 255))
@settings(deadline=None, max_examples=300)
def test_damage_is_refused_or_read(junk: bytes, at: int, value: int) -> None:
    data = bytearray(told.pack(of(1), told.nothing(P)))
    data[at % len(data)] ^= value
    for damaged in (bytes(data), junk, bytes(data)[: at % len(data)], bytes(data) + junk):
        try:
            assert told.unpack(damaged, told.nothing(P)).scatter.freedom > 0
        except WireError as fault:
            assert str(fault).startswith("sums: ")


@pytest.mark.parametrize("data", [b"\x80", b"\xff" * 11, b"\xff" * 9 + b"\x7f"])
def test_numbers_end_and_are_not_huge(data: bytes) -> None:
    with pytest.raises(WireError, match="sums"):
        told.unpack(data, told.nothing(P))
