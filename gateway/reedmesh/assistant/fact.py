"""A fact: a statement with units, and the page that shows its evidence. words.py puts it into a language. Pure.

An example: Fact("alert.anomaly", {"sensor": "press-2", "times": Quantity(3.4, "x")}, alert="press-2-18f2").
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LONGEST = 64  # characters of a name in an answer

# Units of a quantity, and how words.py writes them.
TIMES = "x"  # times the threshold
MOMENT = "at"  # seconds since 1970, written as a time of day
SPAN = "s"  # seconds, written in their largest unit
SHARE = "%"  # 0..1, written in percent
COUNT = ""  # a whole number
HERTZ, SPEED, ORDER, MEGABYTES = "Hz", "mm/s", "order", "MB"


@dataclass(frozen=True)
class Quantity:
    """A number and its unit, one of those above."""

    value: float
    unit: str


@dataclass(frozen=True)
class Word:
    """A word of a known list, which each language has its own for: group "kind", word "silent"."""

    group: str
    word: str


Value = str | Quantity | Word


@dataclass(frozen=True)
class Fact:
    """One statement about the line.

    kind: the key of its sentence in words/*.toml. alert, sensor, page: where its evidence is shown.
    """

    kind: str
    values: Mapping[str, Value] = field(default_factory=dict)
    alert: str = ""
    sensor: str = ""
    page: str = ""

    def table(self) -> dict[str, Any]:
        """The fact as a JSON object."""
        values = {name: _told(value) for name, value in self.values.items()}
        places = {"alert": self.alert, "sensor": self.sensor, "page": self.page}
        return {"kind": self.kind, "values": values, **{name: place for name, place in places.items() if place}}


def times(score: float, threshold: float) -> Quantity:
    """A score as a multiple of its threshold."""
    return Quantity(score / threshold if threshold > 0 else 0.0, TIMES)


def moment(at: float) -> Quantity:
    """A time of day; at: s since 1970."""
    return Quantity(at, MOMENT)


def span(seconds: float) -> Quantity:
    """A length of time, never below 0."""
    return Quantity(max(0.0, seconds), SPAN)


def count(number: int) -> Quantity:
    """How many."""
    return Quantity(number, COUNT)


def name(text: object) -> str:
    """A name from outside, as an answer may hold it: printable, in one line, at most LONGEST characters."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in str(text)[:LONGEST])


def _told(value: Value) -> Any:
    if isinstance(value, Quantity):
        return {"value": value.value, "unit": value.unit}
    return {"word": f"{value.group}.{value.word}"} if isinstance(value, Word) else value
