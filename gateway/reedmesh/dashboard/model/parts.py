"""The parts of a station, as a gateway answers -> frozen values that can be drawn. Pure; no answer makes it raise."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reedmesh.dashboard.model.reducer import MAX_COUNT, MAX_TIME, count, number, text

MOST_PARTS, MOST_POINTS, MOST_CLASSES = 100, 128, 20
PLAIN = ("OK", "NOK")
LIMIT = 1e6  # of a value in a chart


@dataclass(frozen=True)
class Part:
    """One part. at: seconds since 1970. curve: of the axis that was asked for. latency: ms, 0 where nobody told it."""

    boot: int
    number: int
    at: float
    name: str = ""
    verdict: str = ""
    fault: str = ""
    label: str = ""
    latency: float = 0.0
    curve: tuple[float, ...] = ()

    @property
    def key(self) -> str:
        """Names it on a page."""
        return f"{self.boot}/{self.number}"

    @property
    def disputed(self) -> bool:
        """Whether a person said otherwise than the verdict."""
        return bool(self.label and self.verdict) and (self.label == "OK") != (self.verdict == "OK")


@dataclass(frozen=True)
class Bound:
    """A share, and the upper bound at 95 % that so few parts leave possible."""

    share: float
    most: float


@dataclass(frozen=True)
class Trade:
    """What a threshold would do: shares of parts."""

    at: float
    escape: float
    overkill: float


@dataclass(frozen=True)
class Listing:
    """The newest parts of a station, the newest first, and the band of OK parts.

    ok, overkill, escape: what its model promises, by how many OK parts. doubt: the threshold in service. classes: names
    of the faults that it knows.
    """

    parts: tuple[Part, ...] = ()
    axes: int = 1
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    trade: tuple[Trade, ...] = ()
    doubt: float | None = None
    ok: int = 0
    overkill: Bound | None = None
    escape: Bound | None = None
    fault: str = ""
    classes: tuple[str, ...] = ()
    counters: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Chart:
    """A control chart. broken: rules, in words of the gateway."""

    values: tuple[float, ...] = ()
    mean: float = 0.0
    low: float = 0.0
    high: float = 0.0
    rules: tuple[int, ...] = ()


@dataclass(frozen=True)
class Quality:
    """Figures of a stretch of time. passed: the yield; None without parts that were judged."""

    parts: int = 0
    judged: int = 0
    passed: float | None = None
    pareto: tuple[tuple[str, int], ...] = ()
    shares: Chart = Chart()
    ranges: Chart = Chart()
    ok: int = 0
    nok: int = 0
    escape: Bound | None = None
    overkill: Bound | None = None


def stations(said: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of a gateway's stations."""
    names = [text(each) for each in _items(said.get("stations"), 2000)]
    return tuple(sorted(filter(None, names)))


def listing(said: Mapping[str, Any]) -> Listing:
    """The answer to `parts`."""
    made = _table(said.get("promise"))
    known = ("missed", "doubled", "late", "disagreements")
    return Listing(
        tuple(part for each in reversed(_items(said.get("parts"), MOST_PARTS)) if (part := _part(_table(each)))),
        max(1, min(16, count(said.get("axes")))),
        _values(said.get("low")),
        _values(said.get("high")),
        tuple(_trade(_table(each)) for each in _items(said.get("trade"), MOST_PARTS)),
        _value(said.get("doubt")),
        count(made.get("ok")),
        _bound(made, "overkill") if made.get("ok") else None,
        _bound(made, "escape") if made.get("nok") else None,
        text(said.get("fault"), 300),
        tuple(
            name for each in _items(said.get("classes"), MOST_CLASSES) if (name := text(each, 24)) not in ("", *PLAIN)
        ),
        {name: count(said.get(name)) for name in known},
    )


def quality(said: Mapping[str, Any]) -> Quality:
    """The answer to `quality`."""
    labelled = _table(said.get("labelled"))
    pareto = [each for each in _items(said.get("pareto"), MOST_CLASSES) if isinstance(each, list) and len(each) == 2]
    return Quality(
        count(said.get("parts")),
        count(said.get("judged")),
        number(said.get("yield"), 1.0),
        tuple((text(name), count(many)) for name, many in pareto),
        _chart(_table(said.get("p_chart")), "shares"),
        _chart(_table(said.get("moving_range")), "values"),
        count(labelled.get("OK")),
        count(labelled.get("NOK")),
        _estimate(said.get("escape")),
        _estimate(said.get("overkill")),
    )


def _part(it: Mapping[str, Any]) -> Part | None:
    boot, numbered, at = (
        number(it.get(key), most) for key, most in (("boot", MAX_COUNT), ("number", MAX_COUNT), ("at", MAX_TIME))
    )
    if boot is None or numbered is None or at is None:
        return None
    name, verdict, fault, label = (text(it.get(key)) for key in ("part", "verdict", "fault", "label"))
    latency = (number(it.get("latency"), 1e9) or 0.0) / 1000
    return Part(int(boot), int(numbered), at, name, verdict, fault, label, latency, _values(it.get("curve")))


def _trade(it: Mapping[str, Any]) -> Trade:
    return Trade(
        _value(it.get("at")) or 0.0, number(it.get("escape"), 1.0) or 0.0, number(it.get("overkill"), 1.0) or 0.0
    )


def _chart(it: Mapping[str, Any], key: str) -> Chart:
    mean, low, high = (_value(it.get(name)) or 0.0 for name in ("mean", "low", "high"))
    rules = [count(_table(each).get("rule")) for each in _items(it.get("broken"), 8)]
    return Chart(_values(it.get(key)), mean, low, high, tuple(each for each in rules if 1 <= each <= 4))


def _bound(it: Mapping[str, Any], key: str) -> Bound:
    return Bound(number(it.get(key), 1.0) or 0.0, number(it.get(f"{key}_bound"), 1.0) or 0.0)


def _estimate(said: object) -> Bound | None:
    it = _table(said)
    share, most = number(it.get("share"), 1.0), number(it.get("at_most"), 1.0)
    return None if share is None or most is None else Bound(share, most)


def _values(said: object) -> tuple[float, ...]:
    found = [_value(each) for each in _items(said, MOST_POINTS)]
    return tuple(each for each in found if each is not None)


def _value(said: object) -> float | None:
    if isinstance(said, bool) or not isinstance(said, int | float) or not math.isfinite(said):
        return None
    return max(-LIMIT, min(LIMIT, float(said)))


def _items(said: object, most: int) -> Sequence[Any]:
    return said[-most:] if isinstance(said, list) else []


def _table(said: object) -> Mapping[str, Any]:
    return said if isinstance(said, dict) else {}
