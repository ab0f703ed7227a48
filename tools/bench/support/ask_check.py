"""Answers to the questions, checked: the right tool, the right sensor, the right time, and no fact that is not true.

A fact is wrong when it is of a sensor that the question did not name, names a sensor that does not exist, or has a
number that scripted_line.TRUTH does not have; an answer is wrong, too, when its text has a number that no fact has.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from reedmesh.assistant import fact
from reedmesh.assistant.answer import Answer
from reedmesh.assistant.fact import Fact, Quantity
from reedmesh.assistant.understand import Intent
from reedmesh.assistant.words import Words, strings
from tools.bench.support import scripted_line
from tools.bench.support.scripted_line import NOW, SENSORS, TRUTH

FOLDER = Path(__file__).with_name("questions")
LANGUAGES = ("en", "pt", "fr")
NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
BOUNDS = ("report.head", "past.count", "past.none", "trend.unknown")  # their times are those of the question


@dataclass(frozen=True)
class Question:
    """A question with its right answer; see questions/en.toml."""

    text: str
    tool: str
    sensor: str = ""
    period: str = ""
    language: str = ""

    def is_met_by(self, intent: Intent) -> bool:
        """Whether it was understood."""
        if self.tool == "none":
            return intent.tool in ("", "none")
        named = intent.sensors[0] if intent.sensors else ""
        return (intent.tool, named, intent.period) == (self.tool, self.sensor, self.period)


def questions(name: str) -> list[Question]:
    """Those of questions/<name>.toml."""
    table = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    return [Question(**({"language": name} | each)) for each in table["questions"]]


def faults(answer: Answer) -> list[str]:
    """The wrong statements of an answer, a line for each."""
    found = [fault for each in answer.facts for fault in _of_fact(each, answer.intent.sensors)]
    words = Words(answer.intent.language)
    for each in answer.facts:
        extra = _numbers(words.sentence(each, NOW)) - _allowed(each, words)
        found += [f"{each.kind}: {number} is in the text and in no fact" for number in sorted(extra)]
    return found


def _of_fact(it: Fact, asked: Sequence[str]) -> list[str]:
    owner = _owner(it)
    if owner and owner not in SENSORS:
        return [f"{it.kind}: {owner} is no sensor"] if it.kind != "unknown.sensor" else []
    if owner and asked and owner not in asked:
        return [f"{it.kind}: {owner} was not asked for"]
    bound = it.kind.startswith(BOUNDS)
    return [
        f"{it.kind}: {key} = {value.value} {value.unit} of {owner or 'the line'} is not true"
        for key, value in it.values.items()
        if isinstance(value, Quantity) and not (bound and value.unit == fact.MOMENT) and not _is_true(owner, value)
    ]


def _owner(it: Fact) -> str:
    """The sensor it is about."""
    known = {each["id"]: each["sensor"] for each in scripted_line.ALERTS}
    told = it.values.get("sensor")
    return it.sensor or known.get(it.alert, "") or (told if isinstance(told, str) else "")


def _is_true(owner: str, it: Quantity) -> bool:
    truth = TRUTH[owner]
    if it.unit == fact.MOMENT:
        return f"{datetime.fromtimestamp(it.value):%d %H:%M}" in truth.get("at", set())
    if it.unit == fact.SPAN:
        return any(abs(it.value - 60 * minutes) < 1 for minutes in truth.get("minutes", set()))
    return any(abs(it.value - true) < 1e-3 * max(1.0, abs(true)) for true in truth.get(it.unit, set()))


def _allowed(it: Fact, words: Words) -> set[str]:
    """Numbers of its values, and of its sentence before these are filled in (1x shaft speed)."""
    form = strings(words.code)[it.kind]
    fixed = " ".join(form) if isinstance(form, list) else form
    texts = [re.sub(r"\{[^}]*\}", " ", fixed), *(words.value(value, NOW) for value in it.values.values())]
    return set().union(*map(_numbers, texts))


def _numbers(text: Any) -> set[str]:
    return set(NUMBER.findall(str(text)))
