"""Facts as sentences: words/<language>.toml has one for each kind of fact, with its plural. Pure but for its files.

A sentence names its values in braces. What comes from the line is only ever a value, never a sentence that is filled
in. A pair of sentences is for one and for many of `n`; which numbers take the first differs (French: 0 and 1), as the
Unicode CLDR plural rules have it.
"""

import tomllib
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from reedmesh.alerts.condition import conditions
from reedmesh.assistant import fact as units
from reedmesh.assistant.fact import Fact, Quantity, Value, Word
from reedmesh.config.settings import LANGUAGES

CODES = LANGUAGES  # the first is for everybody whose language is not among them
NARROW = "\N{NARROW NO-BREAK SPACE}"
MOST_TIMES = 100.0  # beyond it a multiple of a threshold says no more than "over 100"
WHOLE = 0.1  # shares from here on are written as whole percents


class Words:
    """One of CODES; raises KeyError for another."""

    def __init__(self, code: str) -> None:
        self.code = code
        self._strings = strings(code)

    def sentence(self, fact: Fact, now: float) -> str:
        """The fact as a sentence; now: s since 1970, for a time of day without its date."""
        form = self._strings[fact.kind]
        if isinstance(form, list):
            number = fact.values["n"]
            assert isinstance(number, Quantity)
            form = form[0 if int(number.value) in self._strings["one"] else 1]
        return str(form).format_map({key: self.value(value, now) for key, value in fact.values.items()})

    def text(self, facts: Iterable[Fact], now: float) -> str:
        """All of them, one after the other."""
        return " ".join(self.sentence(each, now) for each in facts)

    def value(self, value: Value, now: float) -> str:
        """A value as a reader of this language writes it; a word that nobody foresaw stays as it is."""
        if isinstance(value, Quantity):
            return self._quantity(value, now)
        if isinstance(value, Word) and value.group in ("kind", "remedy"):
            return self._condition(value)
        if isinstance(value, Word):
            return str(self._strings.get(f"{value.group}.{value.word.replace(' ', '-')}", units.name(value.word)))
        return value

    def _condition(self, it: Word) -> str:
        """The name or the remedy of a kind of alert."""
        known = conditions().get(it.word)
        words = known.in_language(self.code) if known else None
        return (words.name if it.group == "kind" else words.remedy) if words else units.name(it.word)

    def _quantity(self, it: Quantity, now: float) -> str:
        if it.unit == units.MOMENT:
            return self._moment(it.value, now)
        if it.unit == units.SPAN:
            return self._span(it.value)
        if it.unit == units.SHARE:
            return f"{self._number(100 * it.value, 0 if it.value >= WHOLE else 1)}{NARROW}%"
        if it.unit == units.COUNT:
            return str(int(it.value))
        if it.unit == units.TIMES:
            return self._times(it.value)
        return f"{self._number(it.value)}{NARROW}{it.unit}"

    def _times(self, value: float) -> str:
        if value > MOST_TIMES:
            return str(self._strings["over"]).format(n=f"{MOST_TIMES:.0f}")
        return self._number(value)

    def _moment(self, at: float, now: float) -> str:
        then = datetime.fromtimestamp(at)
        return f"{then:%H:%M}" if then.date() == datetime.fromtimestamp(now).date() else f"{then:%Y-%m-%d %H:%M}"

    def _span(self, seconds: float) -> str:
        for key, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
            if seconds >= 2 * length:
                return f"{int(seconds / length)}{NARROW}{self._strings[key]}"
        return f"{int(seconds)}{NARROW}s"

    def _number(self, value: float, digits: int | None = None) -> str:
        """Three digits or so, unless `digits` says how many after the point, with this language's decimal sign."""
        if digits is None:
            digits = 2 if abs(value) < 1 else 1 if abs(value) < 100 else 0
        return f"{value:.{digits}f}".replace(".", str(self._strings["point"]))


@cache
def strings(code: str) -> Mapping[str, Any]:
    """Every string of a language, by `table.key`; raises KeyError for a language that is not there."""
    if code not in CODES:
        raise KeyError(code)
    text = Path(__file__).with_name("words").joinpath(f"{code}.toml").read_text(encoding="utf-8")
    return dict(_flat(tomllib.loads(text)))


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
