"""Limits of parts travel in bytes, and bytes that are none are refused."""

from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.protocol import verdict
from reedmesh.protocol.verdict import NOK, OK, UNKNOWN, UNSURE, Limits

names = st.lists(st.text("abc é", min_size=1, max_size=8), min_size=2, max_size=16)


words = st.integers(0, 65535)


@given(names | st.just([]), words, words, words, st.integers(-999, 0), st.integers(0, 999))
def test_limits_come_back(classes: list[str], weight: int, usual: int, strange: int, doubt: int, reject: int) -> None:
    limits = Limits(weight, usual, strange, doubt, reject, classes)
    assert vars(verdict.from_bytes(verdict.to_bytes(limits))) == vars(limits)
    assert limits.classes == classes and limits.strange == strange


@given(st.binary(max_size=40))
def test_junk_is_refused_or_read(buffer: bytes) -> None:
    try:
        limits = verdict.from_bytes(buffer)
    except ValueError:
        return
    assert verdict.to_bytes(limits) == buffer


@pytest.mark.parametrize("cut", [0, 5, 11, 13])
def test_a_buffer_that_is_cut_short_is_refused(cut: int) -> None:
    whole = verdict.to_bytes(Limits(1, 2, 9, 3, 4, ["OK", "bent"]))
    with pytest.raises(ValueError, match=r"limits|name"):
        verdict.from_bytes(whole[:cut])


def test_names_have_bounds() -> None:
    for classes in (["OK"] * 17, ["OK", ""], ["OK", "x" * 25]):
        with pytest.raises(ValueError, match="at most 16 classes, with names of 1 to 24 bytes"):
            verdict.to_bytes(Limits(0, 0, 0, 0, 0, classes))


def test_verdicts_begin_at_their_limits() -> None:
    limits = Limits(0, 0, 100, -3, 5, [])
    assert [limits.verdict(each, 99) for each in (-4, -3, 4, 5)] == [OK, UNSURE, UNSURE, NOK]
    assert [limits.verdict(each, 100) for each in (-4, 5)] == [UNSURE, NOK]


def test_a_rare_score_and_a_likely_fault_speak_against_a_part() -> None:
    limits = Limits(128, 320, 999, 0, 1, ["OK", "bent", "cut"])
    assert limits.against(320, [10, -20, 4]) == -6
    assert limits.against(340, [10, -20, 4]) == 4
    assert limits.against(300, []) == -10


@given(st.lists(st.integers(-128, 127), min_size=2, max_size=16))
def test_all_faults_speak_against_a_part_not_the_likeliest_alone(logits: list[int]) -> None:
    exact = 8 * log(sum(exp(each / 8) for each in logits[1:])) - logits[0]
    assert abs(verdict.margin(logits) - exact) <= 0.6 * (len(logits) - 2) + 1e-9


def test_a_fault_is_named_or_unknown() -> None:
    assert verdict.fault([3, 1, 2]) == UNKNOWN == verdict.fault([])
    assert verdict.fault([3, 1, 4]) == 2
