"""Where to look, from causes.toml: causes that fit an alert, worded as places to look at, not as a diagnosis. Pure."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from reedmesh.alerts.alert import ANOMALY
from reedmesh.alerts.words import remedy
from reedmesh.assistant.fact import Fact, Word
from reedmesh.assistant.facts.spectrum import Standout

MOST = 4  # places to look at, in one answer
EVEN = "even"  # stands for a feature when none stood out


@dataclass(frozen=True)
class Cause:
    """An entry of causes.toml: it names marks, parts of the spectrum, or features."""

    id: str
    source: str
    mark: tuple[str, ...] = ()
    part: tuple[str, ...] = ()
    feature: tuple[str, ...] = ()

    def fits(self, it: Standout | None) -> bool:
        """Whether it is worth a look when that stood out; None: nothing did."""
        if it is None:
            return EVEN in self.feature
        if it.mark:
            return _first_word(it.mark) in self.mark
        return it.part in self.part if it.part else it.feature in self.feature


@cache
def causes() -> tuple[Cause, ...]:
    """All of them; raises TypeError for an entry with a key that is none of a cause's."""
    table = tomllib.loads(Path(__file__).with_name("causes.toml").read_text(encoding="utf-8"))
    return tuple(_read(each) for each in table["cause"])


def fitting(found: Sequence[Standout]) -> list[Cause]:
    """The causes that fit, those of the foremost feature first, and of it those that name its mark first."""
    chosen: dict[str, Cause] = {}
    foremost: Sequence[Standout | None] = found or [None]
    for it in foremost:
        fits = [each for each in causes() if each.fits(it)]
        mark = _first_word(it.mark) if it else ""
        fits.sort(key=lambda cause: cause.mark.index(mark) if mark in cause.mark else 0)
        chosen |= {each.id: each for each in fits}
    chosen = chosen or {each.id: each for each in causes() if each.fits(None)}
    return list(chosen.values())[:MOST]


def facts(kind: str, found: Sequence[Standout], sensor: str, alert: str) -> list[Fact]:
    """The places to look at, after a sentence that says what they are; of other kinds of alert their remedy."""
    head = Fact("look.head", {"sensor": sensor}, alert=alert)
    if kind != ANOMALY:
        return [head, Fact("look.remedy", {"remedy": Word("remedy", kind)}, alert=alert)] if remedy(kind) else []
    return [head, *(Fact(f"look.{each.id}", {}, alert=alert) for each in fitting(found))]


def _first_word(mark: str) -> str:
    """Of "BPFO 6205" BPFO: the rest names the bearing."""
    return mark.split()[0] if mark else ""


def _read(table: dict[str, Any]) -> Cause:
    frozen: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    return Cause(**frozen)
