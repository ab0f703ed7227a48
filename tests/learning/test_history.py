"""A threshold moves a tenth a day at most, whatever lessons come, and never far from its commissioning."""

from types import SimpleNamespace
from typing import Any

from reedmesh.inference.learnt import Learnt
from reedmesh.learning import history


def model(threshold: int, past: history.History) -> Any:
    return SimpleNamespace(threshold=threshold, learnt=Learnt(first=past.first, day=past.day, morning=past.morning))


def lessons(wanted: int, days: list[int]) -> list[int]:
    """The thresholds of a machine that was commissioned with 1000 on day 0, by a lesson on each of these days."""
    limit, past = history.bounded(1000, None, 0)
    found = []
    for day in days:
        limit, past = history.bounded(wanted, model(limit, past), day)
        found.append(limit)
    return found


def test_many_lessons_of_a_day_move_it_a_tenth() -> None:
    assert lessons(5000, [0, 0, 0, 0]) == [1100] * 4
    assert lessons(10, [0] * 24) == [910] * 24


def test_days_move_it_further_but_not_beyond_twice_its_commissioning() -> None:
    assert lessons(5000, [1, 2, 2]) == [1100, 1210, 1210]
    assert lessons(5000, list(range(1, 30)))[-1] == 2000
    assert lessons(1, list(range(1, 30)))[-1] == 500


def test_a_machine_that_is_learnt_anew_begins_anew_and_a_network_has_no_past() -> None:
    assert history.bounded(7000, None, 3) == (7000, history.History(7000, 3, 7000))
    assert history.bounded(7000, SimpleNamespace(threshold=1, learnt=None), 3)[0] == 7000  # type: ignore[arg-type]


def test_a_model_of_before_there_was_a_past_is_one() -> None:
    before = SimpleNamespace(threshold=1000, learnt=Learnt(middle=9))
    assert history.bounded(9000, before, 5) == (1100, history.History(1000, 5, 1000))  # type: ignore[arg-type]
