"""Shifts by the local clock: over midnight, and on the two days of a year on which the clock is changed."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from reedmesh.assistant import periods

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3600.0
THREE = ("06:00", "14:00", "22:00")


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The gateway's local time, until the test is over."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(text: str, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).timestamp()


def test_a_shift_over_midnight_is_one_shift() -> None:
    for now in ("2026-01-15T23:30", "2026-01-16T00:00", "2026-01-16T05:59"):
        assert periods.shift(at(now), 0, THREE) == (at("2026-01-15T22:00"), at(now))
    assert periods.shift(at("2026-01-16T06:00"), 1, THREE) == (at("2026-01-15T22:00"), at("2026-01-16T06:00"))
    assert periods.shift(at("2026-01-16T06:00"), 0, THREE)[0] == at("2026-01-16T06:00")


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 7), ("2026-10-25", 9), ("2026-06-10", 8)])
def test_the_night_in_which_the_clock_is_changed_is_an_hour_shorter_or_longer(day: str, hours: int) -> None:
    begun, ended = periods.shift(at(f"{day}T06:00"), 1, THREE)
    assert ended == at(f"{day}T06:00") and ended - begun == hours * HOUR


def test_a_beginning_that_is_missing_is_an_hour_later() -> None:
    shifts = ("02:30", "12:00")
    assert periods.shift(at("2026-03-29T03:10"), 0, shifts)[0] == at("2026-03-28T12:00")
    assert periods.shift(at("2026-03-29T03:40"), 0, shifts)[0] == at("2026-03-29T03:30")


def test_of_a_beginning_that_comes_twice_the_first_counts() -> None:
    shifts = ("02:30", "12:00")
    first = at("2026-10-25T02:30")
    for now in (first + 60, at("2026-10-25T02:10", fold=1), at("2026-10-25T02:40", fold=1)):
        assert periods.shift(now, 0, shifts) == (first, now)


@pytest.mark.parametrize("shifts", [THREE, ("00:00",), ("02:30",), ("03:00", "02:00"), ("23:59", "00:01")])
@pytest.mark.parametrize("begin", ["2026-03-27T00:00", "2026-10-23T00:00"])
def test_shifts_follow_each_other_without_gap_or_overlap(shifts: tuple[str, ...], begin: str) -> None:
    now = at(begin) + 5 * 86400.0
    for ago in range(len(shifts) * 4):
        since, until = periods.shift(now, ago, shifts)
        assert since < until and until == (now if ago == 0 else periods.shift(now, ago - 1, shifts)[0])
        assert until - since <= timedelta(hours=25).total_seconds()
