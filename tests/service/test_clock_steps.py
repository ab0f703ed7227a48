"""The clock is set an hour back or a year forward: what lasts goes on at its pace, and nothing untrue is told."""

import json

from reedmesh.alerts.alert import Alert, Change
from reedmesh.alerts.flood import MOST, SPAN
from reedmesh.config.settings import AlertRule
from reedmesh.readings import sensor_alerts
from reedmesh.readings.alarms import Alarms
from reedmesh.readings.line import Line
from reedmesh.service.clock_steps import LEAST, ClockSteps
from reedmesh.store.outbox import LIMITS, MQTT
from reedmesh.store.store import Store

HOUR, YEAR = 3600.0, 365 * 86400.0


class Clocks:
    """One that tells the time, and one nobody sets."""

    def __init__(self) -> None:
        self.wall = 1e9
        self.steady = 5.0
        self.steps = ClockSteps(lambda: self.wall, lambda: self.steady)

    def go(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


def line() -> Line:
    return Line(features=5, to_learn=10, rule=AlertRule(on=1, of=1, off=2, off_seconds=1.0), limit=100)


def test_a_step_is_told_once_and_a_slow_correction_never() -> None:
    clocks = Clocks()
    clocks.go(100.0)
    assert clocks.steps.look() == 0.0
    clocks.wall -= HOUR
    clocks.go(1.0)
    assert abs(clocks.steps.look() + HOUR) < 1e-3 and clocks.steps.look() == 0.0 and clocks.steps.count == 1
    for _ in range(100):
        clocks.wall += LEAST / 4
        assert clocks.steps.look() == 0.0


def test_a_shelf_lasts_as_long_as_was_said() -> None:
    for step in (-HOUR, YEAR):
        on = line()
        alarms, sensor, now = Alarms("gw", on), on.sensor("press"), 1e9
        sensor.watcher.judge(9.0, 1.0, now)
        sensor_alerts.shelve(sensor, now + 600, now, "Ana", "")
        now += 300 + step
        [moved] = alarms.move(step, now)
        assert moved.what == "clock set" and moved.alert.shelved_until == now + 300
        assert alarms.tick(now + 299) == []
        assert [each.what for each in alarms.tick(now + 300)] == ["unshelved"]


def test_a_flood_goes_on_and_ends_when_its_time_is_over() -> None:
    for step in (-HOUR, YEAR):
        on = line()
        alarms, now = Alarms("gw", on), 1e9
        for i in range(MOST + 1):
            change = on.sensor(f"press{i}").watcher.judge(9.0, 1.0, now)
            assert change
            alarms.take(change)
        now += step
        assert alarms.move(step, now) == [] and alarms.tick(now + SPAN - 1) == []
        [end] = alarms.tick(now + SPAN)
        assert end.type == "end"


def test_debouncing_counts_windows_and_an_alert_has_an_id_of_its_own_all_the_same() -> None:
    watcher = line().sensor("press").watcher
    first = watcher.judge(9.0, 1.0, 1000.0)
    for i in range(2):
        watcher.judge(0.1, 1.0, 1000.0 + i)
    again = watcher.judge(9.0, 1.0, 1000.0)  # the clock was set back
    assert first and again and first.alert.id != again.alert.id


def test_what_waits_for_the_broker_grows_no_older_by_it() -> None:
    alert = Alert("press-1", "press", "new", 10.0, None, 2.5, 1.0, 2.5)
    with Store() as store:
        store.alerts.save([Change("new", alert, "raised", 1e9)])
        store.sensors.save_shelf("press", 1e9 + 600)
        store.move_deadlines(YEAR)
        store.outbox.thin(1e9 + YEAR + 60)
        assert [json.loads(text)["at"] for _, text in store.outbox.next()] == [1e9]
        assert store.sensors.shelves() == {"press": 1e9 + YEAR + 600}
        store.outbox.thin(1e9 + YEAR + LIMITS[MQTT].wait + 60)
        assert store.outbox.next() == [] and store.outbox.dropped["late"] == 1
