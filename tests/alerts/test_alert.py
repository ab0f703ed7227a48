"""An alert is raised, worsens, stands and clears as the rule says."""

from reedmesh.alerts.alert import Change, Watcher
from reedmesh.config.settings import Alerts

RULE = Alerts(on=3, of=5, off=4, deadband=0.1)
LIMIT = 100.0


def told(watcher: Watcher, scores: list[float]) -> list[tuple[int, Change]]:
    changes = [(i, watcher.judge(score, LIMIT, 1000.0 + i)) for i, score in enumerate(scores)]
    return [(i, change) for i, change in changes if change]


def test_one_bad_window_is_no_alert() -> None:
    assert told(Watcher("press", RULE), [50, 900, 50, 50, 50, 900, 50]) == []


def test_enough_bad_windows_among_the_last_raise_one_alert() -> None:
    [(at, change)] = told(Watcher("press", RULE), [50, 150, 50, 150, 150, 150, 150])
    assert (at, change.type, change.alert.state, change.alert.since) == (4, "new", "new", 1004.0)
    assert (change.alert.sensor, change.alert.score, change.alert.threshold) == ("press", 150, LIMIT)


def test_a_score_at_the_threshold_is_not_above_it() -> None:
    assert told(Watcher("press", RULE), [LIMIT] * 9) == []


def test_it_clears_after_enough_calm_windows_in_a_row() -> None:
    changes = told(Watcher("press", RULE), [150] * 3 + [50, 50, 50, 150, 50, 50, 50, 50, 50])
    assert [(at, change.type) for at, change in changes] == [(2, "new"), (10, "end")]
    assert changes[1][1].alert.state == "cleared" and changes[1][1].alert.until == 1010.0
    assert changes[1][1].alert.id == changes[0][1].alert.id


def test_within_the_deadband_it_does_not_clear() -> None:
    assert [change.type for _, change in told(Watcher("press", RULE), [150] * 3 + [95] * 20)] == ["new"]


def test_only_a_score_twice_as_high_is_worth_another_message() -> None:
    changes = told(Watcher("press", RULE), [150] * 3 + [299, 300, 301, 601])
    assert [(at, change.type, change.alert.top_score) for at, change in changes] == [
        (2, "new", 150),
        (4, "update", 300),
        (6, "update", 601),
    ]


def test_after_a_restart_a_standing_alert_is_not_raised_again() -> None:
    first = Watcher("press", RULE)
    [(_, change)] = told(first, [150] * 3)
    again = Watcher("press", RULE, change.alert)
    assert told(again, [150] * 5) == []
    assert told(again, [50] * 4)[0][1].alert.id == change.alert.id


def test_what_another_model_judged_is_forgotten() -> None:
    watcher = Watcher("press", RULE)
    assert told(watcher, [150, 150]) == []
    watcher.forget()
    assert told(watcher, [150, 150]) == []
