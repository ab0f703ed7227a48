"""Every kind of alert has a sentence and a remedy in each language, and each rule finds its condition and its end."""

import re
from dataclasses import replace
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.alerts import alert as kinds_of_alert
from reedmesh.alerts import words
from reedmesh.alerts.alert import ANOMALY, begin
from reedmesh.alerts.condition import LANGUAGES, conditions
from reedmesh.alerts.conditions import kinds, rules
from reedmesh.alerts.seen import Recent, Seen
from reedmesh.alerts.standing import Finding
from reedmesh.readings import axes
from reedmesh.service import own_conditions

PLACES = {"sensor", "value", "limit", "factor", "text"}
CALM = Seen(
    0.0,
    1e9,
    {"boots": 7, "rssi": -60},
    windows=100,
    flat=(False,) * 3,
    flat_learnt=(False,) * 3,
    sensitivity=5.0,
    lifts=(4.0, 5.0, 6.0),
    learnt_from=240,
)


def test_no_kind_of_alert_is_without_a_condition() -> None:
    made = {kinds_of_alert.ANOMALY, kinds_of_alert.SILENT, kinds_of_alert.DOUBLE, kinds_of_alert.BABBLING}
    made |= {kinds_of_alert.FLOOD, kinds_of_alert.STRANGERS, own_conditions.DISK, own_conditions.NEIGHBOUR, *kinds()}
    made |= {own_conditions.TEST}
    assert made == set(conditions())


@pytest.mark.parametrize("kind", sorted(conditions()))
@pytest.mark.parametrize("code", LANGUAGES)
def test_every_condition_says_what_it_is_and_what_to_do(kind: str, code: str) -> None:
    said = conditions()[kind].words[code]
    assert said.name and said.remedy.endswith(".")
    assert {name for _, name, _, _ in Formatter().parse(said.sentence) if name} <= PLACES
    alert = begin(kind, "press", 75.0, 60.0, 10.0).table()
    for text in ("", "its link is down"):
        told = words.sentence(alert, code, text)
        assert "press" in told and not re.search(r"[{}]|[:;(] *$", told)
    others = [each.words[code].sentence for each in conditions().values()]
    assert others.count(said.sentence) == 1


@given(st.floats(0, 1e12), st.floats(1e-3, 1e9))
def test_a_factor_beyond_a_hundred_says_no_more(worst: float, limit: float) -> None:
    told = words.factor(worst, limit)
    assert told == "over 100" if worst / limit > 100 else float(told) <= 100


def test_an_unforeseen_kind_is_named() -> None:
    assert words.sentence(begin("novel", "press", 2.0, 1.0, 1.0).table()) == "press: novel"


@pytest.mark.parametrize(
    ("kind", "trouble", "steps"),
    [
        ("restarting", {"hello": {"boots": 11, "reset": "watchdog"}}, 1),
        ("restarting", {"starts": 4}, 1),
        ("transducer", {"hello": {"transducer": {"fault": "no answer on I2C"}}}, 1),
        ("transducer", {"flat": (True,) * 3, "flat_learnt": (True,) * 3}, 12),
        ("transducer", {"flat": (False, True, False)}, 12),
        ("transducer", {"clipped": 11}, 1),
        ("link", {"missed": 30}, 1),
        ("deaf", {"sensitivity": 8.5}, 1),
        ("deaf", {"lifts": (4.0, 5.0, 15.5)}, 1),
        ("refused", {"refusal": "507 no room"}, 1),
        ("unserved", {"unserved": "no recipe; this gateway serves vibration"}, 1),
        ("control", {"out_of_control": "NOK share: nine points in a row lie on one side of the mean"}, 1),
        ("over", {"judged": 240, "over": 30}, 1),
        ("moved", {"moved": 2.8}, 1),
        ("unlearnt", {"unlearnt": "of 240 windows 240 are of what does not move"}, 1),
    ],
)
def test_a_rule_finds_its_condition_and_its_end(kind: str, trouble: dict[str, object], steps: int) -> None:
    rule = rules()[kind]
    assert rule.look(CALM) is None
    found = [rule.look(replace(CALM, steady=1.0 + i, windows=100 + i + 1, **trouble)) for i in range(steps)]  # type: ignore[arg-type]
    assert isinstance(found[-1], Finding) and found[-1].limit > 0 and found[:-1].count(None) >= steps - 2
    later = replace(CALM, steady=9000.0, windows=5000)
    kept = {key: value for key, value in trouble.items() if key in ("clipped", "missed")}  # counters stay
    rule.look(replace(later, **kept))  # type: ignore[arg-type]
    assert rule.look(replace(later, steady=20000.0, windows=9000, **kept)) is None  # type: ignore[arg-type]


def test_a_model_of_more_windows_is_no_less_sensitive_than_one_of_few() -> None:
    """A first model of few windows promises more than it can keep; one of fewer later does not begin anew."""
    rule, young = rules()["deaf"], replace(CALM, sensitivity=2.0, lifts=(1.0, 2.0, 3.0), learnt_from=40)
    assert rule.look(young) is None
    assert rule.look(replace(CALM, lifts=(15.0, 5.0, 6.0))) is None
    assert rule.look(replace(CALM, lifts=(20.0, 20.0, 20.0), learnt_from=200)) == Finding(15.0, 9.0, "band 2")


def test_an_axis_that_was_never_connected_is_no_fault() -> None:
    rule = rules()["transducer"]
    single = replace(CALM, flat=(False, True, True), flat_learnt=(False, True, True))
    assert [rule.look(replace(single, windows=i)) for i in range(50)] == [None] * 50


def test_a_clock_is_off_when_two_hellos_say_so() -> None:
    rule = rules()["clock"]
    first, second = {"time": 1e9 - 900}, {"time": 1e9 + 900 - 890}
    assert rule.look(replace(CALM, hello=first)) is None  # one may be an old one that the broker kept
    found = rule.look(replace(CALM, hello=second, now=1e9 + 900))
    assert found and found.value == 890
    assert rule.look(replace(CALM, hello={"time": 1e9 + 1800}, now=1e9 + 1800)) is None


def test_a_hello_that_is_repeated_says_nothing_new_of_a_clock() -> None:
    rule = rules()["clock"]
    told = [rule.look(replace(CALM, hello={"time": 1e9}, now=1e9 + 5 * i)) for i in range(100)]  # as on a wire
    assert told == [None] * 100


def test_losses_count_less_where_the_radio_is_strong() -> None:
    weak, strong = ({"rssi": rssi} for rssi in (-90, -50))
    for hello, stands in ((weak, True), (strong, False)):
        rule = rules()["link"]
        rule.look(replace(CALM, hello=hello, windows=0))
        assert bool(rule.look(replace(CALM, hello=hello, steady=60.0, windows=980, missed=20))) is stands


@given(st.lists(st.tuples(st.floats(0.1, 50.0), st.integers(0, 5)), max_size=60))
def test_growth_is_that_of_the_span(steps: list[tuple[float, int]]) -> None:
    recent, steady, value, past = Recent(100.0), 0.0, 0, [(0.0, 0)]
    assert recent.growth(0, 0.0) == 0
    for pause, more in steps:
        steady, value = steady + pause, value + more
        past.append((steady, value))
        before = [v for at, v in past if at <= steady - 100.0]
        assert recent.growth(value, steady) == value - (before[-1] if before else 0)


def test_which_axes_do_not_move() -> None:
    table = {"version": 1, "samples": 200, "axes": 3, "bands": 20}
    places = axes.rms_places(table, 69)
    window = bytearray(69)
    window[places[1]] = 0x80
    assert axes.flat(window, places) == (False, True, False)
    assert (
        axes.rms_places(table, 68) == axes.rms_places({**table, "kind": "trend"}, 69) == axes.rms_places(None, 69) == ()
    )


def test_a_full_disk_and_a_silent_neighbour_are_found() -> None:
    assert own_conditions.disk(10, 100, "") is None and own_conditions.disk(0, 0, "") is None
    full, broken = own_conditions.disk(4, 100, ""), own_conditions.disk(50, 100, "disk I/O error")
    assert full and full.value == 96 and broken and broken.text == "disk I/O error"
    heard = {"hall2": 0.0, "hall3": 8 * 86400.0}
    found = own_conditions.neighbours(heard, 8 * 86400.0, 7.0)
    assert found and (found.value, found.text) == (8.0, "hall2")
    assert own_conditions.neighbours(heard, 8 * 86400.0, 0.0) is None


def test_a_score_has_no_unit_and_all_else_has() -> None:
    assert [each.kind for each in conditions().values() if not each.unit] == [ANOMALY]
