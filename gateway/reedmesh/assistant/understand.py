"""A question -> the tool that answers it, its sensors, its time, its language. By tables, without a model. Pure.

First the rules of phrases/, in the languages that the question may be in; where none fits, the same with misspelt words
put right; and last the tool that most words hint at (signs.py).
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from reedmesh.assistant import names, periods, signs, spelling, tables
from reedmesh.assistant.tables import NONE, SENSOR, Tables, plain
from reedmesh.assistant.words import CODES
from reedmesh.errors import RefusedError

LONGEST = 300  # characters of a question
MOST_SENSORS = 3  # that one answer is about
MOST_DAYS = 31


@dataclass(frozen=True)
class Intent:
    """The intent of a question.

    tool: one of tables.TOOLS, NONE when it is no question about the line, "" when no rule fits.
    period: "", one of periods.NAMED such as "today", or a length of time such as "12h", "3d", "30min".
    unknown: a machine that is named like a sensor, and is none of this line.
    since: "", or from when until now is meant, as periods.since has it.
    """

    tool: str
    sensors: tuple[str, ...] = ()
    period: str = ""
    language: str = "en"
    unknown: str = ""
    since: str = ""


def understand(question: str, known: Collection[str], language: str = "") -> Intent:
    """What `question` asks; known: names of sensors; language: the operator's, for a question that does not show it.

    Raises RefusedError for a question that is empty, or longer than LONGEST characters.
    """
    if not question.strip() or len(question) > LONGEST:
        raise RefusedError(f"text: a question of 1 to {LONGEST} characters")
    likely = _likely(plain(question), language)
    first = [_in_one(question, known, each) for each in likely]
    if found := next((each for each in first if each.tool), None):
        return found
    again = (_again(question, known, each) for each in likely)
    return next((each for each in again if each.tool), first[0])


def _likely(question: str, wanted: str) -> list[Tables]:
    """The languages it may be in, the likeliest first."""
    every = [tables.load(code) for code in CODES]
    words = question.split()
    counts = {each.code: sum(word in each.common or each.is_own(word) for word in words) for each in every}
    best = max(counts.values())
    ranked = sorted(every, key=lambda each: (-counts[each.code], each.code != wanted, CODES.index(each.code)))
    return [each for each in ranked if counts[each.code] >= best - 1]


def _in_one(question: str, known: Collection[str], spoken: Tables) -> Intent:
    """What it asks if it is in that language, by rules."""
    found = names.find(question, known, spoken)
    hints = signs.load(spoken.code)
    text = hints.polite.sub("", found.question)
    named = bool(found.sensors or found.unknown)
    tool = next((rule.tool for rule in spoken.rules if rule.fits(text, named)), "")
    tool = signs.overruled(tool, text, named, hints)
    if tool and not named and tool != NONE and not signs.is_of_the_line(text, hints, spoken.knows):
        tool = ""  # "is Elvis dead" is not about a sensor
    if not tool and found.sensors and text == SENSOR:
        tool = "state"  # a name alone
    return _intent(tool, found, spoken)


def _again(question: str, known: Collection[str], spoken: Tables) -> Intent:
    """What it asks with its words put right, and else by what they hint at."""
    hints = signs.load(spoken.code)
    right = _put_right(question, known, spoken)
    if (found := _in_one(right, known, spoken)).tool:
        return found
    heard = names.find(right, known, spoken)
    text = hints.polite.sub("", heard.question)
    return _intent(signs.weigh(text, bool(heard.sensors or heard.unknown), hints, spoken.knows), heard, spoken)


def _put_right(question: str, known: Collection[str], spoken: Tables) -> str:
    """The question with misspelt words put right; words of sensors' names stay."""
    hints = signs.load(spoken.code)
    fine = names.parts_of(known)
    words = plain(question).split()
    right = [each for each in words if each in fine or spoken.knows(each) or hints.has(each)]
    vocabulary = spoken.vocabulary | hints.words.keys() | spoken.machines.keys() | hints.filler
    return " ".join(spelling.corrected(words, frozenset(vocabulary), right))


def _intent(tool: str, found: names.Found, spoken: Tables) -> Intent:
    unknown = "" if tool == NONE else found.unknown
    since, period = _since(found.question, spoken)
    if tool == "first" and period.endswith("min"):
        period = ""  # "I have ten minutes, what comes first"
    return Intent(tool, found.sensors[:MOST_SENSORS], period, spoken.code, unknown, since)


def _since(text: str, spoken: Tables) -> tuple[str, str]:
    """From when until now it means, and the time that it speaks of."""
    if clock := spoken.since.search(text):
        hour = int(clock[1]) % 12 + 12 * (clock[3] == "pm") if clock[3] else int(clock[1])
        if hour < 24:
            return f"{hour:02}:{clock[2] or '00'}", ""
    period = _period(text, spoken)
    return period if period in periods.SINCE and spoken.until_now.search(text) else "", period


def _period(text: str, spoken: Tables) -> str:
    """The time it speaks of: a number with a unit soon after it, or a phrase."""
    words = [part for word in text.split() for part in re.findall(r"\d+|[^\W\d]+|@", word)]
    for i, word in enumerate(words):
        if (count := _count(word, words[i + 1 : i + 4], spoken)) and count[0] <= MOST_DAYS * 24 * 60:
            return f"{count[0]}{count[1]}"
    return next((period for period, phrases in spoken.periods.items() if phrases.search(text)), "")


def _count(word: str, after: list[str], spoken: Tables) -> tuple[int, str] | None:
    """A number above 0 and a unit; a number in words has it next to it, or after one word such as "last"."""
    said = signs.load(spoken.code).numbers.get(word, "")
    near = after if not said else after[:1] if said == "1" else after[:2]
    unit = next((spoken.units[each] for each in near if each in spoken.units), "")
    digits = (said or word)[:6]
    return (int(digits), unit) if unit and digits.isdigit() and int(digits) else None
