"""A question -> the tool that answers it, its sensors, its time, its language. By tables, without a model. Pure."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from reedmesh.assistant import names, tables
from reedmesh.assistant.tables import NONE, SENSOR, Tables, plain
from reedmesh.assistant.words import CODES
from reedmesh.errors import RefusedError

LONGEST = 300  # characters of a question
MOST_SENSORS = 3  # that one answer is about
MOST_DAYS = 31


@dataclass(frozen=True)
class Intent:
    """What a question asks for.

    tool: one of tables.TOOLS, NONE when it is no question about the line, "" when no rule fits.
    period: "", "shift", "today", "yesterday", "night", "last-shift", or a length of time such as "12h", "3d", "30min".
    unknown: a machine that is named like a sensor, and is none of this line.
    """

    tool: str
    sensors: tuple[str, ...] = ()
    period: str = ""
    language: str = "en"
    unknown: str = ""


def understand(question: str, known: Collection[str], language: str = "") -> Intent:
    """What `question` asks; known: names of sensors; language: the operator's, for a question that does not show it.

    Raises RefusedError for a question that is empty, or longer than LONGEST characters.
    """
    if not question.strip() or len(question) > LONGEST:
        raise RefusedError(f"text: a question of 1 to {LONGEST} characters")
    guesses = [_in_one(question, known, each) for each in _likely(plain(question), language)]
    return next((each for each in guesses if each.tool), guesses[0])


def _likely(question: str, wanted: str) -> list[Tables]:
    """The languages it may be in, the likeliest first."""
    every = [tables.load(code) for code in CODES]
    words = question.split()
    counts = {each.code: sum(word in each.common or each.is_own(word) for word in words) for each in every}
    best = max(counts.values())
    ranked = sorted(every, key=lambda each: (-counts[each.code], each.code != wanted, CODES.index(each.code)))
    return [each for each in ranked if counts[each.code] >= best - 1]


def _in_one(question: str, known: Collection[str], spoken: Tables) -> Intent:
    """What it asks if it is in that language."""
    found = names.find(question, known, spoken)
    named = bool(found.sensors or found.unknown)
    tool = next((rule.tool for rule in spoken.rules if rule.fits(found.question, named)), "")
    if not tool and found.sensors and found.question == SENSOR:
        tool = "state"  # a name alone
    unknown = "" if tool == NONE else found.unknown
    sensors = found.sensors[:MOST_SENSORS]
    return Intent(tool, sensors, _period(found.question, spoken), spoken.code, unknown)


def _period(text: str, spoken: Tables) -> str:
    """The time it speaks of: a number with a unit within two words, or a phrase."""
    words = [part for word in text.split() for part in re.findall(r"\d+|[^\W\d]+|@", word)]
    for i, word in enumerate(words):
        unit = next((spoken.units[each] for each in words[i + 1 : i + 4] if each in spoken.units), "")
        if word.isdigit() and unit and 0 < int(word[:6]) <= MOST_DAYS * 24 * 60:
            return f"{int(word[:6])}{unit}"
    return next((period for period, phrases in spoken.periods.items() if phrases.search(text)), "")
