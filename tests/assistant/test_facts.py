"""Facts from tables: what stands out, trends, causes, credit, times."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.assistant import causes, periods
from reedmesh.assistant.facts import line, sensors, shift, spectrum
from reedmesh.assistant.facts.spectrum import HIGH, LOW, MIDDLE, Standout
from reedmesh.assistant.words import strings

NOW = datetime(2026, 11, 30, 3, 12).timestamp()


def band(low, high, share, axis=0):
    return {"feature": "band", "axis": axis, "unit": "dB", "hz": [low, high], "share": share}


def bands(shares):
    return [band(2.0**i, 2.0 ** (i + 1), share) for i, share in enumerate(shares)]


def test_what_stands_out_has_three_times_its_even_share():
    assert [each.share for each in spectrum.standouts(bands([0.5, 0.29, 0.11, 0.1, *[0.0] * 6]))] == [0.5]
    assert spectrum.standouts(bands([0.1] * 10)) == [] and spectrum.standouts([]) == []


@pytest.mark.parametrize(("place", "part"), [(0, LOW), (4, MIDDLE), (9, HIGH)])
def test_a_band_is_in_a_third_of_the_spectrum(place, part):
    shares = [0.0] * 10
    shares[place] = 1.0
    assert spectrum.standouts(bands(shares))[0].part == part


@pytest.mark.parametrize(
    ("name", "hz", "mark"), [("1x", 24.0, "1x"), ("BPFO 6205", 28.3, "BPFO 6205"), ("1x", 100.0, ""), ("1x", 0.1, "")]
)
def test_a_band_is_called_by_the_shaft_order_or_bearing_frequency_in_it(name, hz, mark):
    found = spectrum.standouts([band(20.0, 28.0, 1.0), *bands([0.0] * 5)], [{"name": name, "hz": hz}])
    assert found[0].mark == mark


@pytest.mark.parametrize(("place", "part"), [(1, LOW), (10, MIDDLE), (20, HIGH)])
def test_a_band_without_known_frequencies_has_its_number_and_its_third(place, part):
    rows = [{"feature": f"band {i}", "axis": 1, "share": 1.0 if i == place else 0.0} for i in range(1, 21)]
    [found] = spectrum.standouts(rows)
    assert (found.number, found.part, found.axis) == (place, part, "Y")
    assert spectrum.facts([found], "a-1")[0].kind == "alert.band-number"


def test_a_feature_nobody_foresaw_still_has_a_place_to_look_at():
    assert [each.id for each in causes.fitting([standout(feature="stroke time", low=0.0, high=0.0)])] == ["even"]


def standout(**more):
    return Standout(**({"feature": "band", "axis": "X", "share": 0.6, "low": 20.0, "high": 28.0} | more))


@pytest.mark.parametrize(
    ("it", "first"),
    [
        (standout(mark="1x"), "imbalance"),
        (standout(mark="2x"), "misalignment"),
        (standout(mark="3x"), "looseness"),
        (standout(mark="BPFO 6205"), "bearing-outer"),
        (standout(mark="BPFI"), "bearing-inner"),
        (standout(part=LOW), "shaft"),
        (standout(part=HIGH), "lubrication"),
        (standout(feature="kurtosis", low=0.0, high=0.0), "impacts"),
        (standout(feature="rms", low=0.0, high=0.0), "load"),
    ],
)
def test_causes_follow_what_stands_out(it, first):
    assert causes.fitting([it])[0].id == first


def test_cavitation_is_named_at_high_frequencies_and_the_mounting_when_nothing_stands_out():
    assert "cavitation" in [each.id for each in causes.fitting([standout(part=HIGH)])]
    assert [each.id for each in causes.fitting([])] == ["even"]


def test_an_alert_of_another_kind_has_the_remedy_of_its_condition():
    assert [each.kind for each in causes.facts("silent", [], "a", "a-1")] == ["look.head", "look.remedy"]
    assert causes.facts("a kind nobody foresaw", [], "a", "a-1") == []


def test_every_cause_has_a_source_and_is_worded_as_a_place_to_look_at():
    assert all(each.source for each in causes.causes())
    begins = ("Look at", "Look for", "On a pump, look at")
    assert all(strings("en")[f"look.{each.id}"].startswith(begins) for each in causes.causes())


def history(scores, threshold=1.0):
    return {"mean": scores, "threshold": threshold, "at": [NOW - 3600 * (len(scores) - i) for i in range(len(scores))]}


@pytest.mark.parametrize(
    ("scores", "kind"),
    [
        ([0.5] * 4 + [0.9] * 4, "trend.rising"),
        ([0.9] * 4 + [0.5] * 4, "trend.falling"),
        ([0.5, 0.52, 0.49, 0.5, 0.51, 0.5, 9.0, 0.5, 0.5], "trend.steady"),  # one window matters nothing
        ([0.5, 0.9], "trend.unknown"),
        ([], "trend.unknown"),
    ],
)
def test_a_trend_is_told_from_medians(scores, kind):
    assert sensors.trend("a", history(scores), NOW - 86400)[0].kind == kind


def test_a_machine_that_is_learnt_has_no_trend_yet():
    assert sensors.trend("a", history([0.5] * 9, None), NOW)[0].kind == "trend.unknown"


@given(st.lists(st.floats(0, 1e6), max_size=60), st.floats(0, 1e6))
def test_no_history_is_an_error(scores, threshold):
    assert sensors.trend("a", history(scores, threshold), NOW)


def test_nothing_is_urgent_on_a_line_without_alerts_or_scores():
    assert [each.kind for each in line.first([], {})] == ["first.calm"]


def past(verdict, *steps):
    journal = [{"what": what, "who": who} for who, what in steps]
    return {"kind": "anomaly", "verdict": verdict, "journal": journal}


def test_alerts_that_overlap_count_once_in_the_time_in_alert():
    one = {
        "id": "a",
        "sensor": "a",
        "state": "new",
        "until": None,
        "kind": "anomaly",
        "priority": 3,
        "by": "",
        "journal": [],
    }
    alerts = [one | {"since": NOW - 600}, one | {"since": NOW - 300, "kind": "clock"}]
    said = {each.kind: each.values for each in shift.report("gw", alerts, [], NOW - 3600, NOW)}
    assert said["report.sensor"]["lasted"].value == 600 and said["report.sensor"]["n"].value == 2


def test_who_judged_an_answer_is_credited_only_when_a_verdict_confirms_it():
    helped = ("Rui", shift.HELPED)
    assert shift.credits_of([past("", helped)]) == {}
    assert shift.credits_of([past("fault", helped, helped), past("not a fault", helped, ("Ana", shift.WRONG))]) == {
        "Rui": 2
    }


@pytest.mark.parametrize(
    ("period", "since", "until"),
    [
        ("shift", "29 22:00", "30 03:12"),
        ("last-shift", "29 14:00", "29 22:00"),
        ("today", "30 00:00", "30 03:12"),
        ("yesterday", "29 00:00", "30 00:00"),
        ("night", "29 22:00", "30 03:12"),
        ("12h", "29 15:12", "30 03:12"),
        ("monday", "30 00:00", "30 03:12"),
        ("sunday", "29 00:00", "30 00:00"),
        ("tuesday", "24 00:00", "25 00:00"),
        ("weekend", "28 00:00", "30 00:00"),
        ("99999h", "30 03:12", "30 03:12"),  # a month ago at most
        ("", "29 03:12", "30 03:12"),
    ],
)
def test_periods(period, since, until):
    begin, end = periods.span(period, NOW, "1d")
    said = [f"{datetime.fromtimestamp(each):%d %H:%M}" for each in (begin, end)]
    if period == "99999h":
        assert NOW - begin == periods.LONGEST
    else:
        assert said == [since, until]


@pytest.mark.parametrize(
    ("begin", "since"),
    [("06:00", "29 06:00"), ("02:30", "30 02:30"), ("yesterday", "29 00:00"), ("saturday", "28 00:00")],
)
def test_a_time_may_last_until_now(begin, since):
    found, until = periods.since(begin, NOW)
    assert (f"{datetime.fromtimestamp(found):%d %H:%M}", until) == (since, NOW)
