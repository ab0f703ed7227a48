"""The texts of the page in the reader's language: strings, numbers and times. Pure but for reading its files.

The strings are in en.toml, pt.toml and fr.toml; names of alerts are those of their conditions. A string may name values
in braces; one that counts something is a pair, for one and for many. What comes from a broker is only ever a value,
never a string that is filled in.
"""

import re
import tomllib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from reedmesh.alerts.alert import MOST_FACTOR
from reedmesh.alerts.condition import conditions

CODES = ("en", "pt", "fr")  # the first is for everybody whose language we do not speak
HTML = {"en": "en-US", "pt": "pt", "fr": "fr"}  # as NiceGUI and browsers call them


class Language:
    """One of CODES."""

    def __init__(self, code: str) -> None:
        self.code = code
        self._strings = strings(code)

    def __call__(self, key: str, /, **values: object) -> str:
        """The string of that key, with `values` in it; raises KeyError for one that is not there."""
        text = self._strings[key]
        assert isinstance(text, str)
        return text.format_map(values) if values else text

    def of(self, group: str, word: str) -> str:
        """What `word`, which a gateway says, is called here; one that nobody foresaw stays as it is."""
        if group == "kind" and word in conditions():
            return conditions()[word].in_language(self.code).name
        text = self._strings.get(f"{group}.{word.replace(' ', '-')}", word)
        return text if isinstance(text, str) else word

    def plural(self, noun: str, value: int) -> str:
        """1 sensor, 2 sensors."""
        forms = self._strings[f"count.{noun}"]
        one = value in ((0, 1) if self.code == "fr" else (1,))  # French has no plural of nothing
        return forms[0 if one else 1].format(n=self.count(value))

    def number(self, value: float | None) -> str:
        """Three digits or so: 0.84, 12.3, 1 230, 2e+07; a dash for what is unknown."""
        if value is None:
            return "–"
        if value < 100:
            return self._decimal(f"{value:.2f}" if value < 10 else f"{value:.1f}")
        return self.count(round(value)) if value < 1e6 else f"{value:.0e}"

    def factor(self, value: float) -> str:
        """How many times a threshold: 3.4; beyond a hundred it says only that."""
        return self("over", n=f"{MOST_FACTOR:.0f}") if value > MOST_FACTOR else self.number(value)

    def decimal(self, value: float | None) -> str:
        """With one digit after the point: -12.3; a dash for what is unknown."""
        return "–" if value is None else self.fixed(value, 1)

    def fixed(self, value: float, digits: int) -> str:
        """A number with `digits` digits after the point."""
        return self._decimal(f"{value:.{digits}f}")

    def count(self, value: int) -> str:
        """12 345, grouped by narrow spaces that do not break."""
        return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")

    def percent(self, share: float) -> str:
        """0.123 as 12 %; below 1 % with a digit more."""
        digits = 1 if 0 < share < 0.01 else 0
        return self._decimal(f"{100 * share:.{digits}f}") + "\N{NARROW NO-BREAK SPACE}%"

    def bytes(self, value: float) -> str:
        """1.2 MiB, 34 KiB, 56 B."""
        for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
            if value >= size:
                return f"{self._decimal(f'{value / size:.3g}')} {unit}"
        return f"{int(value)} B"

    def duration(self, seconds: float) -> str:
        """A length of time in its largest unit: 12 s, 3 min, 5 h, 9 days."""
        for unit, length in ((self("days"), 86400), ("h", 3600), ("min", 60)):
            if seconds >= 2 * length:
                return f"{int(seconds / length)} {unit}"
        return f"{max(0, int(seconds))} s"

    def moment(self, seconds: float, now: float) -> str:
        """Seconds since 1970 as local time, 14:03:22; with the date when that was not today."""
        then, today = datetime.fromtimestamp(seconds), datetime.fromtimestamp(now)
        return f"{then:%H:%M:%S}" if then.date() == today.date() else f"{then:%Y-%m-%d %H:%M}"

    def stamp(self, seconds: float) -> str:
        """Seconds since 1970 as local date and time, for what is kept or printed."""
        return f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M}"

    def _decimal(self, text: str) -> str:
        return text.replace(".", self("point"))


@cache
def strings(code: str) -> Mapping[str, str | list[str]]:
    """Every string of a language, by `table.key`."""
    table = tomllib.loads(Path(__file__).with_name(f"{code}.toml").read_text(encoding="utf-8"))
    return dict(_flat(table))


def _flat(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, value in table.items():
        pairs += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]
    return pairs


def preferred(header: str) -> str:
    """The one of CODES that a browser's Accept-Language (RFC 9110, 12.5.4) likes best."""
    liked: dict[str, float] = {}
    for item in header[:500].split(","):
        if found := re.fullmatch(r"\s*([a-zA-Z]{2,3})[-\w]*\s*(?:;\s*q=(\d(?:\.\d{0,3})?))?\s*", item):
            code, weight = found[1].lower(), float(found[2] or 1)
            liked[code] = max(weight, liked.get(code, 0.0))
    return max(CODES, key=lambda code: (liked.get(code, 0.0), -CODES.index(code)))
