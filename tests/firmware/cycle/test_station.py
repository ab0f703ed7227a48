"""A station under MicroPython, on faked pins: triggers, verdicts at the gate in time, and what is safe when not."""

from typing import Any

import pytest

from tests.support import micropython
from tests.support.paths import SCRIPTS

OK, NOK, UNSURE, UNJUDGED = 0, 1, 2, 255
MS = 25  # that a busy machine may be late by


def story(name: str) -> Any:
    return micropython.run_json(SCRIPTS / "cycle_stories.py", name)


def test_each_verdict_has_its_pin_and_what_is_unsure_does_not_pass() -> None:
    told = story("verdicts")
    assert [each[:2] for each in told["told"]] == [[OK, 255], [NOK, 2], [UNSURE, 2], [UNJUDGED, 255]]
    assert told["ok"] == 1 and len(told["nok"]) == 3
    assert all(20 <= length <= 20 + MS for length in told["nok"])
    assert told["ready"] == 0, "nobody judged the last part"


def test_parts_on_their_way_get_their_pulse_at_the_gate() -> None:
    told = story("queue")
    assert told["which"] == [12, 13, 12]
    assert all(200 <= after <= 200 + MS for after in told["after"])


def test_an_encoder_counts_the_way() -> None:
    assert story("counts") == {"early": 0, "then": 1}


def test_a_late_verdict_is_safe_and_not_ready() -> None:
    assert story("late") == {"late": 1, "ok": 0, "nok": 1, "ready": [1, 0]}


def test_bounces_and_missed_parts_are_counted_and_rejected() -> None:
    told = story("storm")
    assert told["told"][-1][2:5] == [1, 3, 0] and told["nok"] == 1


def test_a_flood_of_triggers_is_counted_and_the_next_part_is_judged() -> None:
    told = story("flood")
    assert told["told"][0] == OK and told["told"][2] == 4999
    assert told["waiting"] <= 32 and told["ok"] == 1


def test_a_button_labels_the_last_part_once() -> None:
    assert story("teach")["said"] == [{"boot": 7, "number": 2, "label": "no weld"}]


def test_lost_readings_reject_the_part() -> None:
    assert story("overrun") == {"told": 1, "nok": 1, "ok": 0, "ready": 0}


def test_a_station_without_a_model_is_never_ready() -> None:
    assert set(story("no_model")["ready"]) == {0}


def test_a_level_takes_what_was_before_it() -> None:
    assert story("level")["seen"] == [[0, 0, 0, 50, 60, 70, 80, 90], [0, 0, 0, 99, 98, 97, 96, 95]]


def test_a_cycle_until_an_end_is_resampled() -> None:
    assert story("end") == {"count": 9, "told": [-300, 300, 900, 1500, 2100]}


def test_a_message_brings_a_part_s_number() -> None:
    told = story("message")
    assert told["topic"] == "reedmesh/gw/press/trigger" and told["names"] == ["A-17", "x" * 24]
    assert told["said"] == [["reedmesh/gw/press/part", 1], ["reedmesh/gw/press/part", 2]]


@pytest.fixture(scope="module")
def faults() -> Any:
    return story("pins")


@pytest.mark.parametrize(
    ("place", "fault"),
    list(
        enumerate(
            [
                "outputs.nok_pin: pin 4 is in use by cycle.trigger",
                "outputs.ok_pin: pin 7 is in use by outputs.nok_pin",
                "outputs.nok_pin: 'x' is no pin",
                "outputs.nok_pin: pin 34 is in use by sensor",
                "outputs.safe: ok or nok, not 'maybe'",
                "outputs.delay_ms: a whole number from 0, not -1",
                "outputs: encoder_pin and delay_counts belong together",
                "cycle.trigger.kind: pin, level, message, not 'thought'",
                "cycle.trigger: needs a pin, and edge rising or falling",
                "cycle.trigger: level is a number, before 0 to 8 readings",
                "outputs.nok_pin: pin 12 is in use by cycle.teach",
                "cycle.teach.label: 1 to 24 bytes of text, not 'xxxxxxxxxxxxxxxxxxxxxxxxx'",
            ]
        )
    ),
)
def test_settings_that_cannot_be_are_one_clear_line(faults: Any, place: int, fault: str) -> None:
    assert faults[place] == fault
