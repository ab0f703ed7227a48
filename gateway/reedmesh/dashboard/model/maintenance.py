"""The answer to `maintenance` -> frozen values that can be drawn. Pure, and safe against any answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reedmesh.dashboard.model.answers import LEAST_HZ, MAX_HZ, dicts
from reedmesh.dashboard.model.reducer import MAX_TIME, count, number, text

MOST_SPEED = 1e6  # mm/s
ZONES = ("A", "B", "C", "D")


@dataclass(frozen=True)
class AxisVelocity:
    """RMS of one axis, mm/s, with the bounds of tones that stand anywhere in their bands; from and to, Hz."""

    axis: int
    mm_s: float
    least: float
    most: float
    first: float
    last: float


@dataclass(frozen=True)
class Trend:
    """days: (seconds since 1970, mm/s). slope: mm/s a day, with its half width; until: days to the limit, bounds.

    A slope of None: no line deserves to be drawn. A bound of None: not within a year.
    """

    days: tuple[tuple[float, float], ...] = ()
    limit: float | None = None
    slope: float | None = None
    half_width: float = 0.0
    until: float | None = None
    soonest: float | None = None
    latest: float | None = None


@dataclass(frozen=True)
class Maintenance:
    """How much the machine of a sensor vibrates. scale: counts for 1 g, 0 unknown; marks: (name, Hz).

    speed: 1/min that the spectrum suggests where none was set, with the bounds; () where it suggests none.
    """

    axes: tuple[AxisVelocity, ...] = ()
    mm_s: float | None = None
    zone: str = ""
    machine_class: str = ""
    limits: tuple[float, ...] = ()
    scale: float = 0.0
    rpm: float | None = None
    marks: tuple[tuple[str, float], ...] = ()
    trend: Trend = Trend()
    speed: tuple[float, ...] = ()


def maintenance(answer: Mapping[str, Any]) -> Maintenance:
    """The answer to `maintenance`."""
    zone, limits = text(answer.get("zone"), 1), answer.get("limits")
    known = [number(each, MOST_SPEED) for each in limits[:3]] if isinstance(limits, list) else []
    marks = [(text(each.get("name"), 40), number(each.get("hz"), MAX_HZ) or 0.0) for each in dicts(answer.get("marks"))]
    return Maintenance(
        tuple(_axis(each) for each in dicts(answer.get("axes"))[:8]),
        number(answer.get("mm_s"), MOST_SPEED),
        zone if zone in ZONES else "",
        text(answer.get("class"), 4),
        tuple(each for each in known if each),
        number(answer.get("lsb_per_g"), 1e9) or 0.0,
        number(answer.get("rpm"), MOST_SPEED),
        tuple(each for each in marks[:64] if each[1] > LEAST_HZ),
        _trend(answer.get("trend")),
        _speed(answer.get("speed")),
    )


def _speed(said: object) -> tuple[float, ...]:
    found = [number(each, MOST_SPEED) for each in said[:3]] if isinstance(said, list) else []
    known = tuple(each for each in found if each)
    return known if len(known) == 3 else ()


def _axis(each: Mapping[str, Any]) -> AxisVelocity:
    values = [number(each.get(key), MOST_SPEED) or 0.0 for key in ("mm_s", "least", "most", "first", "last")]
    return AxisVelocity(min(count(each.get("axis")), 99), *values)


def _trend(said: object) -> Trend:
    table = said if isinstance(said, dict) else {}
    line = table.get("line")
    line = line if isinstance(line, dict) else {}
    listed = table.get("days")
    days = listed[:400] if isinstance(listed, list) else []
    rows = [each for each in days if isinstance(each, list) and len(each) == 2]
    pairs = [(number(at, MAX_TIME), number(value, MOST_SPEED)) for at, value in rows]
    slope = line.get("slope")
    down = number(-slope, MOST_SPEED) if isinstance(slope, int | float) and not isinstance(slope, bool) else None
    return Trend(
        tuple((at, value) for at, value in pairs if at is not None and value is not None),
        number(table.get("limit"), MOST_SPEED),
        number(slope, MOST_SPEED) if down is None else -down,
        number(line.get("half_width"), MOST_SPEED) or 0.0,
        *(number(line.get(key), 400.0) for key in ("days", "soonest", "latest")),
    )
