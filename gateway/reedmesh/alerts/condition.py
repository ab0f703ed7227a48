"""Conditions of alerts: each is a file in conditions/ with its unit, its priority and its sentences."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from reedmesh.config.settings import LANGUAGES


@dataclass(frozen=True)
class Words:
    """A condition in one language. sentence: may name {sensor}, {value}, {limit}, {factor} and {text}."""

    name: str
    sentence: str
    remedy: str


@dataclass(frozen=True)
class Condition:
    """A kind of alert. unit: of its value and limit. priority: 1 (act now) to 3; 0: its value decides."""

    kind: str
    unit: str
    priority: int
    words: Mapping[str, Words]
    owner: str = "sensor"  # or "gateway"

    def in_language(self, code: str) -> Words:
        """The texts in the language `code`, such as "de", or else in English."""
        return self.words.get(code, self.words[LANGUAGES[0]])


@cache
def conditions() -> Mapping[str, Condition]:
    """Every condition by its kind, which is the name of its file; raises ConfigError for a damaged file."""
    folder = files("reedmesh.alerts").joinpath("conditions")
    texts = {each.name: each.read_text(encoding="utf-8") for each in folder.iterdir() if each.name.endswith(".toml")}
    return {name[:-5]: _read(name[:-5], text) for name, text in sorted(texts.items())}


def _read(kind: str, text: str) -> Condition:
    table = tomllib.loads(text)
    words = {code: Words(**table[code]) for code in LANGUAGES}
    return Condition(kind, table["unit"], table["priority"], words, table.get("owner", "sensor"))
