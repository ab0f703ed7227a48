"""What people do with alerts, and what time and a flood do with them."""

from reedmesh.alerts.alert import FLOOD, Alert, Change
from reedmesh.alerts.flood import MOST, SPAN
from reedmesh.config.settings import AlertRule
from reedmesh.readings.alarms import Alarms
from reedmesh.readings.line import Line

RULE = AlertRule(on=1, of=1, off=2, deadband=0.1)


def line() -> Line:
    return Line(features=5, to_learn=10, rule=RULE, limit=100)


def raised(alarms: Alarms, on: Line, name: str, now: float) -> list[Change]:
    change = on.sensor(name).watcher.judge(9.0, 1.0, now)
    assert change
    return alarms.take(change)


def test_an_alert_is_taken_on_and_the_next_window_does_not_undo_that() -> None:
    on = line()
    alarms = Alarms("gw", on)
    [change] = raised(alarms, on, "press", 100.0)
    done = alarms.acknowledge(change.alert, 110.0, "Ana", "looking")
    assert (done.type, done.alert.state, done.alert.by, done.what) == ("update", "acknowledged", "Ana", "acknowledged")
    worse = on.sensor("press").watcher.judge(20.0, 1.0, 120.0)
    assert worse and worse.alert.state == "acknowledged"


def test_an_alert_that_is_over_can_still_be_taken_on_and_stays_over() -> None:
    on = line()
    alarms = Alarms("gw", on)
    raised(alarms, on, "press", 100.0)
    watcher = on.sensor("press").watcher
    ended = [watcher.judge(0.1, 1.0, 101.0 + i) for i in range(2)][-1]
    assert ended and ended.type == "end"
    assert alarms.acknowledge(ended.alert, 110.0, "Ana", "").alert.state == "cleared" and alarms.open() == []


def test_a_shelf_marks_alerts_and_always_expires() -> None:
    on = line()
    alarms = Alarms("gw", on)
    watcher = on.sensor("press").watcher
    assert watcher.shelve(200.0, 100.0, "Ana", "rebuilding") is None
    [change] = raised(alarms, on, "press", 150.0)
    assert change.alert.shelved_until == 200.0
    assert alarms.tick(199.0) == []
    [expired] = alarms.tick(200.0)
    assert expired.what == "unshelved" and expired.alert.shelved_until is None and alarms.tick(201.0) == []


def test_not_a_fault_ends_an_alert_with_that_verdict() -> None:
    on = line()
    alarms = Alarms("gw", on)
    [change] = raised(alarms, on, "press", 100.0)
    [done] = alarms.not_a_fault(change.alert, 110.0, "Ana", "new tool")
    assert (done.type, done.alert.verdict, done.alert.until) == ("end", "not a fault", 110.0) and alarms.open() == []
    [again] = alarms.not_a_fault(done.alert, 120.0, "Rui", "")
    assert again.type == "update" and again.alert.until == 110.0


def test_more_alerts_than_people_can_follow_become_one_with_a_list() -> None:
    on = line()
    alarms = Alarms("gw", on)
    told = [raised(alarms, on, f"press{i}", 100.0 + i) for i in range(MOST + 5)]
    assert [len(each) for each in told] == [1] * MOST + [2] + [1] * 4
    flood = told[MOST][0].alert
    assert flood.kind == FLOOD and flood.priority == 1 and flood.sensor == "gw"
    assert {each[-1].alert.flood for each in told[MOST:]} == {flood.id} and told[0][0].alert.flood == ""
    assert on.sensor(f"press{MOST}").watcher.alert == told[MOST][1].alert
    assert len(alarms.open()) == MOST + 6
    [end] = [change for change in alarms.tick(101.0 + MOST + SPAN) if change.alert.kind == FLOOD]
    assert end.type == "end" and end.alert.id == flood.id


def test_a_flood_is_taken_on_as_one() -> None:
    on = line()
    alarms = Alarms("gw", on)
    for i in range(MOST + 1):
        raised(alarms, on, f"press{i}", 100.0)
    flood = next(each for each in alarms.open() if each.kind == FLOOD)
    alarms.acknowledge(flood, 120.0, "Ana", "")
    assert next(each for each in alarms.open() if each.kind == FLOOD).by == "Ana"


def test_a_clock_that_is_set_back_begins_no_flood_and_ends_none_early() -> None:
    on = line()
    alarms = Alarms("gw", on)
    for i in range(MOST):
        raised(alarms, on, f"a{i}", 5000.0)
    assert all(len(raised(alarms, on, f"b{i}", 1000.0)) == 1 for i in range(MOST))


def test_after_a_restart_alerts_shelves_and_floods_stand() -> None:
    on = line()
    press = Alert("press-1", "press", "acknowledged", 1.0, None, 2.0, 1.0, 2.0, by="Ana")
    flood = Alert("gw-flood-1", "gw", "new", 2.0, None, 11.0, 10.0, 11.0, kind=FLOOD)
    alarms = Alarms("gw", on, [press, flood], {"saw": 50.0})
    assert alarms.open() == [press, flood] and on.sensor("saw").watcher.shelved_until == 50.0
