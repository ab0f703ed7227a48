"""How long a round waits: for as long as neighbours usually take, bounded, and not for the dead."""

from hypothesis import given
from hypothesis import strategies as st

from reedmesh.exchange.deadline import KEPT, ROUNDS, Bounds, Deadline, K

BOUNDS = Bounds(first=5.0, least=1.0, most=60.0)


def after(*seconds: float) -> Deadline:
    it = Deadline(BOUNDS)
    for each in seconds:
        it.took(each)
    return it


def test_it_is_the_median_and_some_absolute_deviations() -> None:
    assert after().seconds == 5.0
    assert after(2, 4, 4, 4, 5).seconds == 4.0
    assert after(2, 3, 4, 5, 6).seconds == 4 + K


def test_one_that_takes_for_ever_moves_it_little() -> None:
    assert after(2, 3, 4, 5, 1e9).seconds == 4 + K


@given(st.lists(st.floats(-1, 1e9), max_size=200))
def test_it_is_bounded(seconds: list[float]) -> None:
    assert 1.0 <= after(*seconds).seconds <= 60.0


def test_it_forgets_how_it_was() -> None:
    assert after(*[50.0] * 100, *[2.0] * KEPT).seconds == 2.0


def test_who_is_late_again_and_again_is_waited_for_no_more_until_heard() -> None:
    it = after()
    for _ in range(ROUNDS):
        assert it.awaited(["a", "b"]) == {"a", "b"}
        it.missed(["b"])
    assert it.awaited(["a", "b"]) == {"a"}
    it.heard("b")
    assert it.awaited(["a", "b"]) == {"a", "b"}
