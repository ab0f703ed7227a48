"""A question -> the tool that answers it, its sensors, its time, its language. By tables, without a model. Pure."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from reedmesh.assistant import tables
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
    text = plain(question.replace(SENSOR, " "))
    written = set(question.casefold().split())
    guesses = [_in_one(text, known, written, each) for each in _likely(text, language)]
    return next((each for each in guesses if each.tool), guesses[0])


def _likely(question: str, wanted: str) -> list[Tables]:
    """The languages it may be in, the likeliest first."""
    every = [tables.load(code) for code in CODES]
    words = question.split()
    counts = {each.code: sum(word in each.common or each.is_own(word) for word in words) for each in every}
    best = max(counts.values())
    ranked = sorted(every, key=lambda each: (-counts[each.code], each.code != wanted, CODES.index(each.code)))
    return [each for each in ranked if counts[each.code] >= best - 1]


def _in_one(question: str, known: Collection[str], written: set[str], spoken: Tables) -> Intent:
    """What it asks if it is in that language. written: its words as they stand."""
    names = [each for each in known if _is_name(each, written, spoken)]
    text, sensors, unknown = _sensors(question, names, spoken)
    named = bool(sensors or unknown)
    tool = next((rule.tool for rule in spoken.rules if rule.fits(text, named)), "")
    if not tool and sensors and text == SENSOR:
        tool = "state"  # a name alone
    unknown = "" if tool == NONE else unknown
    return Intent(tool, tuple(sensors[:MOST_SENSORS]), _period(text, spoken), spoken.code, unknown)


def _is_name(name: str, written: set[str], spoken: Tables) -> bool:
    """Whether words that could mean the sensor do: a sensor called open-alerts must not be meant by "open alerts"."""
    parts = re.findall(r"[^\W\d_]+|\d+", plain(name))
    if not all(part.isdigit() or spoken.knows(part) for part in parts):
        return True
    return len(parts) > 1 and any(word.strip("?!.,;:\"'()") == name for word in written)


def _sensors(question: str, known: Collection[str], spoken: Tables) -> tuple[str, list[str], str]:
    """The question with SENSOR in place of each name, the sensors it names in their order, and one nobody knows."""
    found: list[tuple[int, str]] = []
    for name in sorted(known, key=len, reverse=True):
        for way in _ways(name, known, spoken):
            found += [(match.start(), name) for match in re.finditer(rf"(?<!\S){way}(?!\S)", question)]
            question = re.sub(rf"(?<!\S){way}(?!\S)", lambda match: SENSOR.ljust(len(match[0]), "\0"), question)
    ordered = list(dict.fromkeys(name for _, name in sorted(found)))
    question, unknown = _strange(question, known, spoken)
    return " ".join(question.replace("\0", "").split()), ordered, "" if ordered else unknown


def _ways(name: str, known: Collection[str], spoken: Tables) -> list[str]:
    """Patterns of plain text that mean the sensor `name`: press-2 is press 2, press2, prensa 2 and prensa2."""
    parts = re.findall(r"[^\W\d_]+|\d+", plain(name))
    kinds = [word for word, stem in spoken.machines.items() if stem in parts]
    spelt = [parts, *([word if part == spoken.machines[word] else part for part in parts] for word in kinds)]
    ways = [" ?".join(re.escape(part) for part in each) for each in spelt]
    stems = [each for each in parts if not each.isdigit()]
    if len(stems) == 1 and sum(stems[0] in re.findall(r"[^\W\d_]+", plain(each)) for each in known) == 1:
        ways += [re.escape(word) for word in (stems[0], *kinds) if word not in ways]
    return ways


def _strange(question: str, known: Collection[str], spoken: Tables) -> tuple[str, str]:
    """The question with SENSOR for a name that looks like a sensor's and is none, and that name."""
    stems = {part for each in known for part in re.findall(r"[^\W\d_]+", plain(each))} | set(spoken.machines)
    kinds = "|".join(re.escape(each) for each in sorted(stems, key=len, reverse=True) if len(each) > 2)
    match = re.search(rf"(?<!\S)((?:{kinds}|sensor|capteur) ?\d+)(?!\S)", question) if kinds else None
    return (question.replace(match[1], SENSOR, 1), match[1]) if match else (question, "")


def _period(text: str, spoken: Tables) -> str:
    """The time it speaks of: a number with a unit within two words, or a phrase."""
    words = [part for word in text.split() for part in re.findall(r"\d+|[^\W\d]+|@", word)]
    for i, word in enumerate(words):
        unit = next((spoken.units[each] for each in words[i + 1 : i + 4] if each in spoken.units), "")
        if word.isdigit() and unit and 0 < int(word[:6]) <= MOST_DAYS * 24 * 60:
            return f"{int(word[:6])}{unit}"
    return next((period for period, phrases in spoken.periods.items() if phrases.search(text)), "")
