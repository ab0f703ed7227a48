"""What somebody said of an alert holds until it is learnt, or has failed, and can be taken back for ten minutes."""

from reedmesh.alerts.alert import LEARNT, WAITING
from reedmesh.alerts.debounce import EVIDENCE, UNDO, Watcher, may_undo
from reedmesh.config.settings import AlertRule
from reedmesh.readings.alarms import LONGEST_HOLD, Alarms
from reedmesh.readings.line import Line
from reedmesh.readings.verdict import MOST_TRIES

RULE = AlertRule(on=3, of=5, off=4)


def raised(watcher: Watcher, at: float = 1000.0) -> None:
    for i in range(3):
        watcher.judge(9.0, 1.0, at + i)
    assert watcher.alert


def test_nothing_is_raised_until_the_lesson_is_in_service_and_its_journal_says_so_once() -> None:
    watcher = Watcher("press", RULE)
    raised(watcher)
    said = watcher.dismiss(1005.0, "Ana", "tool change")
    assert (said.alert.verdict, said.alert.lesson) == ("not a fault", WAITING)
    steps = [step for i in range(50) if (step := watcher.judge(9.0, 1.0, 1010.0 + i))]
    assert [(step.what, step.alert.id) for step in steps] == [("seen again", said.alert.id)]
    done = watcher.release("", 1100.0)
    assert done and (done.what, done.alert.lesson) == ("learnt", LEARNT)
    raised(watcher, 1200.0)


def test_a_lesson_waits_for_evidence_as_long_as_it_comes() -> None:
    watcher = Watcher("press", RULE)
    raised(watcher)
    watcher.dismiss(1005.0, "Ana", "")
    count = 0
    while not watcher.evident:
        count += 1
        watcher.judge(9.0, 1.0, 1010.0 + count)
    assert count == EVIDENCE - 3
    other = Watcher("saw", RULE)
    raised(other)
    other.dismiss(1005.0, "Ana", "")
    for i in range(5):
        other.judge(0.1, 1.0, 1010.0 + i)
    assert other.evident  # the condition has passed


def test_a_lesson_that_failed_says_why_and_the_condition_is_raised_again() -> None:
    watcher = Watcher("press", RULE)
    raised(watcher)
    watcher.dismiss(1005.0, "Ana", "")
    failed = watcher.release("false alarms 30 %", 1100.0)
    assert failed and (failed.what, failed.text, failed.alert.lesson) == ("not learnt", *["false alarms 30 %"] * 2)
    raised(watcher, 1200.0)


def test_a_verdict_can_be_taken_back_for_ten_minutes() -> None:
    watcher = Watcher("press", RULE)
    raised(watcher)
    said = watcher.dismiss(1005.0, "Ana", "").alert
    assert may_undo(said, 1005.0 + UNDO) and not may_undo(said, 1006.0 + UNDO)
    back = watcher.undo(said, 1010.0, "Rui", "I was wrong")
    assert (back.what, back.alert.state, back.alert.verdict) == ("undone", "new", "") and watcher.held is None
    assert watcher.alert == back.alert and not may_undo(back.alert, 1010.0)


def test_a_fault_is_closed_with_its_cause() -> None:
    watcher = Watcher("press", RULE)
    raised(watcher)
    done = watcher.confirm(1005.0, "Ana", "bearing worn", "bearing")
    assert (done.type, done.alert.verdict) == ("end", "fault")
    assert (done.alert.cause, done.alert.tags) == ("bearing worn", "bearing")


def line() -> tuple[Alarms, Line]:
    on = Line(features=5, to_learn=10, rule=RULE, limit=10)
    alarms = Alarms("gw", on)
    raised(on.sensor("press").watcher)
    return alarms, on


def test_a_verdict_on_an_alert_that_ended_a_moment_ago_is_one_on_its_successor() -> None:
    alarms, on = line()
    watcher = on.sensor("press").watcher
    first = watcher.close("cleared", 1010.0)
    raised(watcher, 1020.0)
    assert first
    said = alarms.not_a_fault(first.alert, 1030.0, "Ana", "")
    assert [step.type for step in said] == ["update", "end"] and watcher.alert is None and watcher.held


def test_a_round_that_breaks_off_is_tried_again_and_then_the_person_is_told() -> None:
    alarms, on = line()
    sensor = on.sensor("press")
    assert sensor.watcher.alert
    alarms.not_a_fault(sensor.watcher.alert, 1005.0, "Ana", "")
    for _ in range(MOST_TRIES):
        assert sensor.verdict.lesson is None
        sensor.verdict.answering, sensor.verdict.due = True, False
        sensor.verdict.try_again("no memory")
    assert sensor.verdict.lesson == "no memory"
    [told] = [step for step in alarms.look(1006.0, 0.0, True) if step.what == "not learnt"]
    assert told.text == "no memory" and sensor.watcher.held is None


def test_no_verdict_waits_for_longer_than_an_hour_and_a_restart_forgets_none() -> None:
    alarms, on = line()
    watcher = on.sensor("press").watcher
    assert watcher.alert
    [said] = alarms.not_a_fault(watcher.alert, 1005.0, "Ana", "")
    again = Line(features=5, to_learn=10, rule=RULE, limit=10)
    again.known("press")
    restarted = Alarms("gw", again, held=[said.alert])
    assert again.sensor("press").verdict.due and again.sensor("press").watcher.held == said.alert
    assert restarted.look(1005.0 + LONGEST_HOLD, 0.0, True) == []
    [late] = restarted.look(1006.0 + LONGEST_HOLD, 1.0, True)
    assert late.what == "not learnt"
