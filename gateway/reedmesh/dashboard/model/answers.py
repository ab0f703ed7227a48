"""The answers of a gateway as frozen values to draw. Pure, and safe against any answer.

An answer comes over a broker like everything else: lists are cut, numbers have ranges, text is cleaned, and what makes
no sense is left out. Nothing here raises.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reedmesh.dashboard.model.reducer import MAX_SCORE, MAX_TIME, alert_of, count, number, text
from reedmesh.dashboard.model.view import Alert

MOST_ITEMS = 1000  # of a list
MOST_FEATURES = 300
LONG = 500  # characters of a comment
LEAST_HZ, MAX_HZ = 1e-4, 1e6


@dataclass(frozen=True)
class Step:
    """A step in the journal of an alert, with the person, if any. at: seconds since 1970."""

    at: float
    what: str
    who: str
    text: str


@dataclass(frozen=True)
class Feature:
    """The meaning of one number of a window. low, high: of a band, Hz; 0, 0 for others and unknown ones.

    unit: of its value. axis_name: of a transducer's axis, where it has one.
    """

    name: str
    axis: int
    low: float = 0.0
    high: float = 0.0
    unit: str = ""
    axis_name: str = ""

    @property
    def band(self) -> bool:
        """Whether it is the power in a band of frequencies that are known."""
        return self.high > max(self.low, LEAST_HZ)


@dataclass(frozen=True)
class AlertDetails:
    """An alert with its journal, and each feature's share (0..1) of the score of its worst window."""

    alert: Alert
    journal: tuple[Step, ...] = ()
    shares: tuple[tuple[Feature, float], ...] = ()
    near: tuple[str, float] | None = None  # the shaft or bearing frequency that most of it is nearest to, Hz


@dataclass(frozen=True)
class Scores:
    """Scores over time: (seconds since 1970, mean, highest) of pieces of time, in squared deviations a feature."""

    points: tuple[tuple[float, float, float], ...] = ()
    threshold: float = 0.0


@dataclass(frozen=True)
class Picture:
    """The last window beside normal, feature by feature: (feature, now, normal, standard deviation, lift), in dB.

    lift: what a band must rise by to raise an alert. A value that nobody knows is None.
    """

    at: float = 0.0
    rows: tuple[tuple[Feature, float | None, float | None, float | None, float | None], ...] = ()


@dataclass(frozen=True)
class MadeModel:
    """A model that was made for a sensor. made: seconds since 1970."""

    sequence: int
    made: float
    bytes: int


def details(answer: Mapping[str, Any]) -> AlertDetails:
    """The answer to `alert`."""
    told = _dict(answer.get("alert"))
    shares = tuple(
        (_feature(each), number(each.get("share"), 1.0) or 0.0) for each in dicts(answer.get("contributions"))
    )
    near = _dict(answer.get("near"))
    mark = (text(near.get("name"), 40), number(near.get("hz"), MAX_HZ) or 0.0) if near.get("name") else None
    return AlertDetails(alert_of(told), steps(told.get("journal")), shares[:MOST_FEATURES], mark)


@dataclass(frozen=True)
class Papers:
    """A model's passport. merged: (gateway, share); false_alarms: at most, of normal windows; fault: if any.

    learnt, held_out: windows; loss, threshold: squared deviations a feature; fingerprint: of the key that signed.
    """

    fault: str = ""
    made: float | None = None
    maker: str = ""
    fingerprint: str = ""
    sha256: str = ""
    learnt: int = 0
    held_out: int = 0
    loss: float | None = None
    false_alarms: float | None = None
    merged: tuple[tuple[str, float], ...] = ()


def _moment(stamp: str) -> float | None:
    """Seconds since 1970 of an ISO 8601 time; None for what is none."""
    try:
        return number(datetime.fromisoformat(stamp).timestamp(), MAX_TIME)
    except (ValueError, OverflowError, OSError):
        return None


def papers(answer: Mapping[str, Any]) -> Papers:
    """The answer to `passport`."""
    told = _dict(answer.get("passport"))
    figures, maker = _dict(told.get("figures")), _dict(told.get("maker"))
    merged = [(text(each.get("gateway")), number(each.get("share"), 1.0) or 0.0) for each in dicts(told.get("merged"))]
    return Papers(
        fault=text(answer.get("fault"), LONG),
        made=_moment(text(told.get("made"))),
        maker=text(maker.get("gateway")),
        fingerprint=text(maker.get("fingerprint")),
        sha256=text(answer.get("sha256")),
        learnt=count(figures.get("learnt")),
        held_out=count(figures.get("held_out")),
        loss=number(figures.get("loss"), MAX_SCORE),
        false_alarms=number(figures.get("false_alarms"), 1.0),
        merged=tuple(merged),
    )


def alerts(answer: Mapping[str, Any]) -> list[Alert]:
    """The answer to `alerts`, newest first."""
    return [alert_of(each) for each in dicts(answer.get("alerts"))]


def journals(answer: Mapping[str, Any]) -> list[tuple[Alert, tuple[Step, ...]]]:
    """The same, each with its journal."""
    return [(alert_of(each), steps(each.get("journal"))) for each in dicts(answer.get("alerts"))]


def windows(answer: Mapping[str, Any]) -> tuple[list[Feature], list[tuple[float, list[int]]]]:
    """The answer to `windows`: what their features are, and the time and features of each, newest first."""
    features = [_feature(each) for each in dicts(answer.get("features"))][:MOST_FEATURES]
    listed = answer.get("windows")
    rows = [each for each in listed[:MOST_ITEMS] if isinstance(each, list)] if isinstance(listed, list) else []
    fitting = [row for row in rows if len(row) == 1 + len(features) and all(map(_is_number, row))]
    return features, [(number(row[0], MAX_TIME) or 0.0, [_int8(each) for each in row[1:]]) for row in fitting]


def steps(listed: object) -> tuple[Step, ...]:
    """An alert's journal."""
    return tuple(
        Step(
            number(each.get("at"), MAX_TIME) or 0.0,
            text(each.get("what")),
            text(each.get("who")),
            text(each.get("text"), LONG),
        )
        for each in dicts(listed)
    )


def scores(answer: Mapping[str, Any]) -> Scores:
    """The answer to `history`."""
    columns = [
        _numbers(answer.get(key), most) for key, most in (("at", MAX_TIME), ("mean", MAX_SCORE), ("top", MAX_SCORE))
    ]
    points = [(at, mean, top) for at, mean, top in zip(*columns, strict=False) if None not in (at, mean, top)]
    return Scores(tuple(sorted(points)), number(answer.get("threshold"), MAX_SCORE) or 0.0)


def picture(answer: Mapping[str, Any]) -> Picture:
    """The answer to `spectrum`."""
    features = [_feature(each) for each in dicts(answer.get("features"))][:MOST_FEATURES]
    columns = [_decibels(answer.get(key), len(features)) for key in ("now", "normal", "spread", "lifts")]
    return Picture(number(answer.get("at"), MAX_TIME) or 0.0, tuple(zip(features, *columns, strict=True)))


def models(answer: Mapping[str, Any]) -> tuple[int, tuple[MadeModel, ...]]:
    """The answer to `models`: the sequence in service, and all, newest first."""
    made = [
        MadeModel(
            count(each.get("sequence")),
            number(each.get("made"), MAX_TIME) or 0.0,
            count(each.get("bytes")),
        )
        for each in dicts(answer.get("models"))
    ]
    return count(answer.get("in_service")), tuple(made)


def made(answer: Mapping[str, Any]) -> list[tuple[str, float]]:
    """The answer to `made`: the sensor and the time of each model that was made."""
    return [(text(each.get("sensor")), number(each.get("made"), MAX_TIME) or 0.0) for each in dicts(answer.get("made"))]


def _feature(each: Mapping[str, Any]) -> Feature:
    edges = _numbers(each.get("hz"), MAX_HZ)
    low, high = edges if len(edges) == 2 else (None, None)
    name, axis = text(each.get("feature")), min(count(each.get("axis")), 99)
    return Feature(name, axis, low or 0.0, high or 0.0, text(each.get("unit")), text(each.get("name")))


def _decibels(listed: object, length: int) -> list[float | None]:
    """`length` values between -200 and 200."""
    values = listed if isinstance(listed, list) else []
    shifted = [number(each + 200, 400) if _is_number(each) else None for each in values[:length]]
    found = [each if each is None else each - 200 for each in shifted]
    return found + [None] * (length - len(found))


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _int8(value: float) -> int:
    return int(max(-128.0, min(127.0, value)))


def _numbers(listed: object, most: float) -> list[float | None]:
    return [number(each, most) for each in listed[:MOST_ITEMS]] if isinstance(listed, list) else []


def _is_number(value: object) -> bool:
    return isinstance(value, float) or (
        isinstance(value, int) and not isinstance(value, bool) and abs(value) < MAX_TIME
    )


def dicts(listed: object) -> list[dict[str, Any]]:
    """The objects in a list, at most MOST_ITEMS."""
    return [each for each in listed[:MOST_ITEMS] if isinstance(each, dict)] if isinstance(listed, list) else []
