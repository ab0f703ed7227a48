"""Silence, doubles and floods become alerts; a gateway that could not hear, a sensor that sleeps or is gone do not."""

import json
from dataclasses import replace

import pytest

from reedmesh.alerts.alert import BABBLING, DOUBLE, FLOOD, SILENT, STRANGERS, Change
from reedmesh.alerts.presence import BACK, DOUBLES, SPAN
from reedmesh.alerts.rate_guard import DOOR, MOST
from reedmesh.alerts.words import sentence
from reedmesh.config.settings import AlertRule
from reedmesh.protocol import wire
from reedmesh.readings import sensor_alerts
from reedmesh.readings.alarms import LATE, Alarms
from reedmesh.readings.line import Line
from reedmesh.readings.watch import note_availability

LIMIT = 60.0


class Hall:
    """A line whose alerts are looked at every second of a clock nobody sets."""

    def __init__(self, silent: float = LIMIT, sensors: int = 100) -> None:
        self.line = Line(features=5, to_learn=1000, rule=AlertRule(silent=silent), limit=sensors)
        self.alarms = Alarms("gw", self.line)
        self.steady = 50.0
        self.number = 0
        self.hearing = True
        self.wait(1)

    def window(self, name: str, boot: int = 1, number: int | None = None) -> None:
        self.number += 1
        self.line.sensor(name).take(wire.Window(bytes(5), boot, number or self.number), 1000.0)

    def wait(self, seconds: float, step: float = 1.0) -> list[Change]:
        """Look every `step` seconds; what happened."""
        found: list[Change] = []
        end = self.steady + seconds
        while self.steady < end:
            self.steady += step
            found += self.alarms.look(1e9 + self.steady, self.steady, self.hearing)
        return found


def kinds(changes: list[Change]) -> list[tuple[str, str, str]]:
    return [(change.alert.sensor, change.alert.kind, change.type) for change in changes]


def test_a_sensor_that_says_nothing_is_an_alert_once_and_ends_when_it_is_back() -> None:
    hall = Hall()
    hall.window("press")
    assert hall.wait(LIMIT) == []
    [raised] = hall.wait(2)
    assert kinds([raised]) == [("press", SILENT, "new")] and raised.alert.priority == 2
    assert "link is down" in raised.text and raised.alert.limit == LIMIT <= raised.alert.value
    assert hall.wait(1000) == [] and hall.alarms.open() == [replace(raised.alert, worst=17 * LIMIT)]
    hall.window("press")
    assert hall.wait(1) == []  # one window may come from a radio that is dying
    for _ in range(BACK):
        hall.window("press")
    assert kinds(hall.wait(1)) == [("press", SILENT, "end")] and hall.alarms.open() == []


def test_a_gateway_that_could_not_hear_misses_nobody() -> None:
    hall = Hall()
    hall.window("press")
    hall.hearing = False
    assert hall.wait(10 * LIMIT) == []
    hall.hearing = True
    assert hall.wait(LIMIT - 1) == []  # they have as long as ever to come back
    assert kinds(hall.wait(2)) == [("press", SILENT, "new")]


def test_a_gateway_that_was_itself_held_up_misses_nobody() -> None:
    hall = Hall()
    hall.window("press")
    hall.wait(5)
    assert hall.wait(2 * LIMIT, step=2 * LIMIT) == [] and 2 * LIMIT > LATE


def test_after_a_restart_a_sensor_has_as_long_as_ever_and_a_silence_that_stood_is_not_told_again() -> None:
    hall = Hall()
    hall.window("press")
    [raised] = hall.wait(LIMIT + 2)
    again = Hall()
    again.alarms = Alarms("gw", again.line, [raised.alert])
    again.line.known("saw")  # the store remembers it
    assert again.wait(LIMIT) == []
    assert kinds(again.wait(2)) == [("saw", SILENT, "new")]
    assert {each.id for each in again.alarms.open()} >= {raised.alert.id}


@pytest.mark.parametrize(("said", "seconds"), [({"seconds": 600}, 600.0), ({}, 86400.0), ({"seconds": "x"}, 86400.0)])
def test_a_sensor_that_sleeps_is_not_missed_until_it_should_be_awake(said: dict[str, object], seconds: float) -> None:
    hall = Hall()
    hall.window("press")
    note_availability(hall.line.sensor("press"), {"state": "sleeping", **said})
    assert hall.line.sensor("press").online
    assert hall.wait(seconds + LIMIT - 5, step=LATE) == []
    assert kinds(hall.wait(10)) == [("press", SILENT, "new")]


def test_silence_may_be_none_of_the_gateways_business() -> None:
    hall = Hall(silent=0)
    hall.window("press")
    assert hall.wait(10 * LIMIT) == []


def test_a_revoked_sensor_is_not_missed_and_its_alerts_end() -> None:
    hall = Hall()
    hall.window("press")
    hall.wait(LIMIT + 2)
    hall.line.revoked = frozenset({"press"})
    [end] = hall.wait(1)
    assert (end.type, end.what) == ("end", "revoked") and hall.wait(10 * LIMIT) == []


def test_a_sensor_that_was_taken_away_is_not_missed_and_its_alerts_end() -> None:
    hall = Hall()
    hall.window("press")
    hall.wait(LIMIT + 2)
    [end] = hall.alarms.forget(hall.line.sensors["press"], 1e9, "Ana", "")
    assert (end.what, end.by) == ("forgotten", "Ana")
    assert hall.wait(10 * LIMIT) == [] and hall.line.forgotten == {"press"} and not hall.line.sensors


def test_an_access_point_that_fails_is_one_flood() -> None:
    hall = Hall()
    for i in range(50):
        hall.window(f"press{i}")
    told = hall.wait(LIMIT + 2)
    assert kinds(told).count(("gw", FLOOD, "new")) == 1
    assert len([each for each in told if each.alert.kind == SILENT]) == 50
    assert len([each for each in told if each.alert.kind == SILENT and not each.alert.flood]) == 10


def test_on_the_shelf_a_silence_calls_nobody_and_is_marked() -> None:
    hall = Hall()
    hall.window("press")
    sensor = hall.line.sensor("press")
    sensor_alerts.shelve(sensor, 2e9, 1e9, "Ana", "")
    [raised] = hall.wait(LIMIT + 2)
    assert raised.alert.shelved_until == 2e9
    [off] = sensor_alerts.shelve(sensor, None, 1e9, "Ana", "")
    assert off.alert.shelved_until is None and hall.alarms.open() == [off.alert]


def test_two_boards_of_one_name_are_an_alert_until_there_is_one_again() -> None:
    hall = Hall()
    for i in range(DOUBLES + 2):
        hall.window("press", boot=i % 2 + 10)
    [raised] = hall.wait(1)
    assert kinds([raised]) == [("press", DOUBLE, "new")]
    assert "two boards send as press" in sentence(raised.alert.table())
    for _ in range(int(SPAN) - 2):
        hall.window("press", boot=10)
        assert hall.wait(1) == []
    hall.window("press", boot=10)
    for _ in range(10):
        hall.window("press", boot=10)
        hall.wait(1)
    assert hall.alarms.open() == []


def test_the_same_board_in_two_places_is_found_by_its_numbers() -> None:
    hall = Hall()
    for number in (5, 5, 6, 6, 7, 7):
        hall.window("press", number=number)
    assert kinds(hall.wait(1)) == [("press", DOUBLE, "new")]


def test_a_board_that_starts_again_and_again_is_one_board() -> None:
    hall = Hall()
    for boot in range(20):
        for number in (1, 2):
            hall.window("press", boot=boot, number=number)
    hall.window("press", boot=18, number=3)  # late
    assert hall.wait(1) == [] and hall.line.sensors["press"].counters.doubled == 1


def test_a_sensor_that_floods_is_an_alert_while_it_does_and_is_not_missed() -> None:
    hall = Hall()
    hall.window("press")
    hall.line.babbling = {"press": 9800.4}
    [raised] = hall.wait(1)
    assert kinds([raised]) == [("press", BABBLING, "new")] and "not listened to" in raised.text
    assert (raised.alert.value, raised.alert.limit, raised.alert.priority) == (9800, MOST, 2)
    assert hall.wait(3 * LIMIT) == [] and hall.alarms.babbling() == {"press": 9800}
    hall.line.babbling = {}
    assert kinds(hall.wait(1)) == [("press", BABBLING, "end")]
    assert kinds(hall.wait(LIMIT + 2)) == [("press", SILENT, "new")]


def test_strangers_that_flood_are_one_alert_of_the_gateway_which_outlives_a_restart() -> None:
    hall = Hall()
    hall.line.babbling = {"flood": 5000.0, "x": 200.0}
    [raised] = hall.wait(1)
    assert kinds([raised]) == [("gw", STRANGERS, "new")] and "flood" in raised.text and raised.alert.value == 5000
    again = Hall()
    again.alarms = Alarms("gw", again.line, [raised.alert])
    assert again.alarms.babbling() == {DOOR: 5000} and "gw" not in again.line.sensors
    again.line.babbling = {DOOR: 5000.0}
    assert again.wait(10) == [] and again.alarms.open() == [raised.alert]
    again.line.babbling = {}
    assert kinds(again.wait(1)) == [("gw", STRANGERS, "end")] and again.alarms.open() == []


def test_what_the_store_remembers_is_taken_even_if_the_config_now_allows_fewer() -> None:
    hall = Hall(sensors=1)
    for name in ("press", "saw", "mill"):
        hall.line.known(name)
    assert len(hall.line.sensors) == 3
    with pytest.raises(wire.WireError, match="one more than the 1"):
        hall.line.sensor("lathe")
    assert json.dumps(hall.line.sensors["saw"].summary())


def slow(hall: Hall, pace: float, hours: float, name: str = "tank") -> list[Change]:
    """What happens while a sensor says that it has a window each `pace` seconds, and has."""
    sensor, found = hall.line.sensor(name), []
    sensor.online, sensor.hello = True, {"measured_hz": 10.0 / pace, "features": {"hop": 10}}
    for _ in range(int(hours * 3600 / pace)):
        found += hall.wait(pace, step=2.0)
        hall.window(name)
    return found


def test_a_sensor_of_one_window_an_hour_is_missed_after_three() -> None:
    hall = Hall()
    assert slow(hall, 3600.0, hours=24) == []
    assert hall.wait(3 * 3600.0 - 2, step=2.0) == []
    [raised] = hall.wait(10, step=2.0)
    assert raised.alert.kind == SILENT and raised.alert.limit == 3 * 3600.0


def test_a_sensor_may_change_its_pace() -> None:
    hall = Hall()
    assert slow(hall, 1.0, hours=0.1) == []
    assert slow(hall, 600.0, hours=4) == [] and slow(hall, 1.0, hours=0.1) == []
    assert [each.alert.kind for each in hall.wait(LIMIT + 2)] == [SILENT]
