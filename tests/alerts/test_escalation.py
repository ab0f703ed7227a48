"""Who is called when: at each priority that is reached, again while nobody acts, a second contact, routes, hours."""

import time
from collections.abc import Iterator
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


def test_what_worsens_while_it_is_shelved_calls_when_the_shelf_is_over_and_only_then() -> None:
    it = Escalation([Contact("first", 2)], 0.0)
    assert looked(it, ALERT, NOON) == [("first", REACHED, 2)]
    shelved = replace(ALERT, shelved_until=NOON + 600, worst=9.0)
    assert looked(it, shelved, NOON + 60) == []
    assert looked(it, replace(shelved, shelved_until=None), NOON + 601) == [("first", REACHED, 1)]


def test_what_is_raised_shelved_calls_when_the_shelf_is_over() -> None:
    it = Escalation([Contact("first", 2)], 0.0)
    assert looked(it, replace(ALERT, shelved_until=NOON + 600), NOON) == []
    assert looked(it, ALERT, NOON + 600) == [("first", REACHED, 2)]


def test_two_conditions_of_one_sensor_call_for_themselves() -> None:
    it, silent = Escalation([Contact("first", 2)], 0.0), replace(ALERT, id="press-silent-1", kind="silent")
    assert looked(it, ALERT, NOON) == [("first", REACHED, 2)]
    both = {ALERT.id: ALERT, silent.id: silent}
    assert [(call.alert, call.why) for call in it.look(both, NOON + 1)] == [(silent.id, REACHED)]
    it.sent(it.waiting("first")[0])
    assert [(call.alert, call.why) for call in it.look({silent.id: silent}, NOON + 2)] == [(ALERT.id, ENDED)]


def test_an_acknowledged_alert_repeats_nothing_and_one_that_stands_again_calls_anew() -> None:
    it = Escalation([Contact("first", 2)], 600.0)
    looked(it, ALERT, NOON)
    taken = replace(ALERT, state="acknowledged", by="Ana")
    assert [looked(it, taken, NOON + minute * 60) for minute in range(60)] == [[]] * 60
    assert looked(it, None, NOON + 3601) == [("first", ENDED, 2)]  # called no fault
    assert looked(it, ALERT, NOON + 3660) == [("first", REACHED, 2)]  # the verdict is taken back


def test_a_verdict_taken_back_before_its_end_was_told_tells_no_end() -> None:
    it = Escalation([Contact("first", 2)], 0.0)
    looked(it, ALERT, NOON)
    [over] = it.look({}, NOON + 5)
    [again] = it.look({ALERT.id: ALERT}, NOON + 6)
    it.sent(over)  # it was on its way
    assert (over.why, again.why) == (ENDED, REACHED) and it.waiting("first") == [again]
    shelved = {ALERT.id: replace(ALERT, shelved_until=NOON + 99)}
    assert it.look({}, NOON + 7)[0].why == ENDED and it.look(shelved, NOON + 8) == [] and it.calls == {}


def test_an_alert_that_no_route_is_for_calls_nobody_and_is_no_error() -> None:
    it = Escalation([Contact("route 0", 3, ("fan*",)), Contact("second", 3, ("fan*",), after=60.0)], 60.0)
    assert [looked(it, ALERT, NOON + minute * 60) for minute in range(5)] == [[]] * 5
    assert looked(it, None, NOON + 600) == [] and it.calls == {}


@pytest.fixture
def lisbon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "WET0WEST,M3.5.0/1,M10.5.0")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("day", [(2027, 3, 28), (2027, 10, 31), (2027, 6, 1)])
def test_quiet_hours_follow_the_clock_on_the_wall_when_summer_time_begins_or_ends(
    day: tuple[int, int, int], lisbon: None
) -> None:
    it = Escalation([Contact("first", 3, quiet="22:00-06:00")], 0.0)
    begin = time.mktime((*day, 0, 0, 0, 0, 0, -1)) - 3 * 3600  # 21:00 of the day before
    for hour in range(15):
        name = f"press-{hour}"
        it.look({name: replace(ALERT, id=name)}, begin + 3600 * hour + 1800)
    called = {it.calls[key].alert for key in it.calls if it.calls[key].first}
    local = {f"press-{hour}": time.localtime(begin + 3600 * hour + 1800).tm_hour for hour in range(15)}
    assert called == {name for name, hour in local.items() if 6 <= hour < 22}


def test_the_clock_may_be_set_and_calls_keep_their_pace() -> None:
    for step in (7200.0, -7200.0):
        it = Escalation([Contact("first", 2), Contact("second", 2, after=900.0)], 600.0)
        looked(it, ALERT, NOON)
        it.move(step)
        told = [looked(it, ALERT, NOON + step + 60 * minute) for minute in range(1, 16)]
        assert [each for each in told if each] == [[("first", AGAIN, 2)], [("second", SECOND, 2)]]
