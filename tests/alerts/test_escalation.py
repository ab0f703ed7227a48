"""Who is called when: at each priority that is reached, again while nobody acts, a second contact, routes, hours."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.alerts.alert import Alert
from reedmesh.alerts.escalation import AGAIN, ENDED, REACHED, SECOND, Call, Contact, Escalation, calls_for

ALERT = Alert("press-1", "press", "new", 10.0, None, 5.0, 1.0, 2.5)  # priority 2
NOON = time.mktime((2026, 11, 30, 12, 0, 0, 0, 0, -1))
MIDNIGHT = NOON - 12 * 3600 + 60


def looked(escalation: Escalation, alert: Alert | None, now: float) -> list[tuple[str, str, int]]:
    """What becomes due, all of which then goes out."""
    due = escalation.look({alert.id: alert} if alert else {}, now)
    for call in due:
        escalation.sent(call)
    return [(call.contact, call.why, call.priority) for call in due]


@pytest.mark.parametrize(
    ("other", "calls"),
    [
        ({}, True),
        ({"worst": 1.5}, False),
        ({"worst": 9.0}, True),
        ({"state": "acknowledged"}, False),
        ({"state": "cleared"}, False),
        ({"shelved_until": 99.0}, False),
        ({"flood": "gw-flood-1"}, False),
        ({"kind": "silent"}, True),
        ({"kind": "clock"}, False),
        ({"kind": "flood"}, True),
    ],
)
def test_which_alerts_call(other: dict[str, object], calls: bool) -> None:
    assert calls_for(replace(ALERT, **other), 2) is calls  # type: ignore[arg-type]


def test_a_call_for_each_priority_and_one_at_the_end() -> None:
    it = Escalation([Contact("first", 2)], 0.0)
    worst = [1.2, 1.9, 2.0, 3.0, 4.0, 20.0, 20.0]
    told = [looked(it, replace(ALERT, worst=each), NOON + i) for i, each in enumerate(worst)]
    assert [each for each in told if each] == [[("first", REACHED, 2)], [("first", REACHED, 1)]]
    assert looked(it, None, NOON + 99) == [("first", ENDED, 1)] and looked(it, None, NOON + 100) == []


def test_a_restart_repeats_nothing_and_forgets_nothing() -> None:
    before = Escalation([Contact("first", 2)], 0.0)
    looked(before, ALERT, NOON)
    after = Escalation([Contact("first", 2)], 0.0, list(before.calls.values()))
    assert looked(after, ALERT, NOON + 60) == [] and looked(after, None, NOON + 61) == [("first", ENDED, 2)]
    assert Escalation([Contact("other", 2)], 0.0, list(before.calls.values())).calls == {}


def test_it_is_repeated_and_then_the_second_contact_is_called() -> None:
    it = Escalation([Contact("first", 2), Contact("second", 2, after=900.0)], 600.0)
    told = {minute: looked(it, ALERT, NOON + 60 * minute) for minute in range(26)}
    assert {minute: each for minute, each in told.items() if each} == {
        0: [("first", REACHED, 2)],
        10: [("first", AGAIN, 2)],
        15: [("second", SECOND, 2)],
        20: [("first", AGAIN, 2)],
        25: [("second", AGAIN, 2)],
    }
    assert looked(it, replace(ALERT, state="acknowledged"), NOON + 9000) == []
    assert sorted(looked(it, None, NOON + 9001)) == [("first", ENDED, 2), ("second", ENDED, 2)]


def test_quiet_hours_let_only_priority_one_through_and_the_rest_when_they_are_over() -> None:
    it = Escalation([Contact("first", 3, quiet="22:00-06:00")], 0.0)
    assert looked(it, ALERT, MIDNIGHT) == []
    assert looked(it, replace(ALERT, worst=5.0), MIDNIGHT + 60) == [("first", REACHED, 1)]
    other = replace(ALERT, id="saw-1", sensor="saw")
    assert looked(it, other, MIDNIGHT + 120)[-1:] == [("first", ENDED, 1)]  # of the urgent one
    assert looked(it, other, NOON) == [("first", REACHED, 2)]


def test_a_route_is_for_its_sensors_and_its_hours() -> None:
    it = Escalation([Contact("route 0", 2, ("press*", "saw"), "06:00-22:00")], 0.0)
    assert looked(it, replace(ALERT, id="fan-1", sensor="fan"), NOON) == []
    assert looked(it, ALERT, MIDNIGHT) == [] and looked(it, ALERT, NOON) == [("route 0", REACHED, 2)]


def test_an_alert_that_ended_before_anybody_was_reached_is_told_once() -> None:
    it = Escalation([Contact("first", 2)], 0.0)
    it.look({ALERT.id: ALERT}, NOON)
    [over] = it.look({}, NOON + 5)
    assert over.why == ENDED and it.waiting("first") == [over] and it.sent(over) is None and it.calls == {}


def test_a_call_that_became_more_urgent_on_its_way_still_goes_out() -> None:
    it = Escalation([Contact("first", 2)], 0.0)
    [on_its_way] = it.look({ALERT.id: ALERT}, NOON)
    [worse] = it.look({ALERT.id: replace(ALERT, worst=9.0)}, NOON + 1)
    it.sent(on_its_way)
    assert it.waiting("first") == [worse]


@given(st.lists(st.tuples(st.floats(0.5, 10.0), st.booleans()), max_size=50))
def test_nobody_is_called_twice_for_one_priority(steps: list[tuple[float, bool]]) -> None:
    it, worst, calls = Escalation([Contact("first", 3)], 0.0), 1.0, list[Call]()
    for i, (factor, goes_out) in enumerate(steps):
        worst = max(worst, factor)
        due = it.look({ALERT.id: replace(ALERT, worst=worst)}, NOON + i)
        calls += due
        for call in due if goes_out else ():
            it.sent(call)
    priorities = [call.priority for call in calls]
    assert priorities == sorted(set(priorities), reverse=True)
