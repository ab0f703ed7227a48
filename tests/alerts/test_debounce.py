"""An alert is raised, worsens, stands and clears as the rule says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.alerts.alert import Change
from reedmesh.alerts.debounce import Watcher
from reedmesh.config.settings import AlertRule

RULE = AlertRule(on=3, of=5, off=4, deadband=0.1)
LIMIT = 100.0


def told(watcher: Watcher, scores: list[float]) -> list[tuple[int, Change]]:
    changes = [(i, watcher.judge(score, LIMIT, 1000.0 + i)) for i, score in enumerate(scores)]
    return [(i, change) for i, change in changes if change]


def test_one_bad_window_is_no_alert() -> None:
    assert told(Watcher("press", RULE), [50, 900, 50, 50, 50, 900, 50]) == []


def test_enough_bad_windows_among_the_last_raise_one_alert() -> None:
    [(at, change)] = told(Watcher("press", RULE), [50, 150, 50, 150, 150, 150, 150])
    assert (at, change.type, change.alert.state, change.alert.since) == (4, "new", "new", 1004.0)
    assert (change.alert.sensor, change.alert.value, change.alert.limit) == ("press", 150, LIMIT)


def test_a_score_at_the_threshold_is_not_above_it() -> None:
    assert told(Watcher("press", RULE), [LIMIT] * 9) == []


def test_it_clears_after_enough_calm_windows_in_a_row() -> None:
    changes = told(Watcher("press", RULE), [150] * 3 + [50, 50, 50, 150, 50, 50, 50, 50, 50])
    assert [(at, change.type) for at, change in changes] == [(2, "new"), (10, "end")]
    assert changes[1][1].alert.state == "cleared" and changes[1][1].alert.until == 1010.0
    assert changes[1][1].alert.id == changes[0][1].alert.id


def test_within_the_deadband_it_does_not_clear() -> None:
    assert [change.type for _, change in told(Watcher("press", RULE), [150] * 3 + [95] * 20)] == ["new"]


def test_the_worst_score_is_always_kept_and_published_when_it_doubles() -> None:
    watcher = Watcher("press", RULE)
    changes = told(watcher, [101] * 3 + [150, 199, 150])
    assert [(at, change.alert.worst) for at, change in changes] == [(2, 101)]
    assert watcher.alert and watcher.alert.worst == 199
    far = told(Watcher("press", RULE), [500] * 3 + [999, 1000, 1001, 2001])
    assert [(at, change.type, change.alert.worst) for at, change in far] == [
        (2, "new", 500),
        (4, "update", 1000),
        (6, "update", 2001),
    ]


@pytest.mark.parametrize(("first", "then", "priority"), [(1.95, 3.85, 2), (2.1, 4.1, 1), (3.9, 7.7, 1), (1.1, 1.9, 3)])
def test_the_priority_follows_the_worst_score_at_once(first: float, then: float, priority: int) -> None:
    watcher = Watcher("press", RULE)
    [(_, raised)] = told(watcher, [first * LIMIT] * 3)
    later = told(watcher, [then * LIMIT] * 50)
    assert watcher.alert and (watcher.alert.priority, watcher.alert.worst) == (priority, then * LIMIT)
    assert [change.alert.priority for _, change in later] == ([priority] if priority != raised.alert.priority else [])


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60))
def test_what_was_published_last_has_the_right_priority(scores: list[float]) -> None:
    watcher, published = Watcher("press", RULE), None
    for _, change in told(watcher, scores):
        published = None if change.type == "end" else change.alert
    if watcher.alert:
        assert published and published.priority == watcher.alert.priority
        assert published.worst <= watcher.alert.worst < max(2 * published.worst, published.worst + 1e-9)


def test_a_slow_sensor_clears_after_few_windows_and_a_fast_one_not_within_a_second() -> None:
    slow, fast = Watcher("tank", AlertRule(), pace=lambda: 600.0), Watcher("press", AlertRule(), pace=lambda: 0.02)
    for i in range(16):
        slow.judge(2.0, 1.0, 600.0 * i), fast.judge(2.0, 1.0, 0.02 * i)
    ends = [i for i in range(40) if (step := slow.judge(0.1, 1.0, 600.0 * (16 + i))) and step.type == "end"]
    assert ends == [2]
    calm = [i for i in range(3000) if (step := fast.judge(0.1, 1.0, 0.02 * (16 + i))) and step.type == "end"]
    assert len(calm) == 1 and 0.02 * calm[0] >= 29.9


def test_after_a_restart_a_standing_alert_is_not_raised_again() -> None:
    first = Watcher("press", RULE)
    [(_, change)] = told(first, [150] * 3)
    again = Watcher("press", RULE, change.alert)
    assert told(again, [150] * 5) == []
    assert told(again, [50] * 5)[0][1].alert.id == change.alert.id


def test_what_another_model_judged_is_forgotten() -> None:
    watcher = Watcher("press", RULE)
    assert told(watcher, [150, 150]) == []
    watcher.forget()
    assert told(watcher, [150, 150]) == []
