"""Waits grow from try to try, and only what lasted makes them short again."""

from itertools import islice, repeat

from hypothesis import given
from hypothesis import strategies as st

from reedmesh.backoff import Backoff


def test_waits_double_up_to_the_most() -> None:
    backoff = Backoff(first=1, most=10, jitter=lambda: 1.0)
    assert [backoff.failed() for _ in range(6)] == [1, 2, 4, 8, 10, 10]


def test_a_peer_that_hangs_up_at_once_is_tried_less_and_less_often() -> None:
    backoff = Backoff(jitter=lambda: 1.0)
    assert sum(islice(map(backoff.failed, repeat(0.2)), 10)) > 120


def test_a_connection_that_lasted_begins_anew() -> None:
    backoff = Backoff(first=1, most=64, lasted=10, jitter=lambda: 1.0)
    assert [backoff.failed(each) for each in (0, 9.9, 10, 0)] == [1, 2, 1, 2]


@given(st.lists(st.floats(0, 20), min_size=1, max_size=50))
def test_no_wait_is_longer_than_the_most_or_shorter_than_half_the_first(lasted: list[float]) -> None:
    backoff = Backoff()
    assert all(0.125 <= backoff.failed(each) <= 30 for each in lasted)
