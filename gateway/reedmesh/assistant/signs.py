"""Words that hint at a tool, for questions that no rule fits, as data: signs/<language>.toml. Pure but for its files.

A hint counts 2 or 1; a word that neither hints at anything nor is a common one counts against the question, so that
"is Elvis dead" is not taken for one about a silent sensor. The tool with the most is meant if it has enough.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from reedmesh.assistant.tables import NONE, SENSOR, TOOLS, pattern, plain

WEIGHTS = (2.0, 1.0)  # of the words in a tool's first and second list
ENOUGH = 2.0  # for a question about the line ...
ENOUGH_NAMED = 1.0  # ... and for one that names a sensor, which is about the line for certain
STRANGE, STRANGE_NAMED = 1.0, 0.5  # that a word of no table takes away
OF_LINE = {"alerts": "why", "report": "past", "first": "look"}  # tools that name no sensor: what they mean of one
OF_SENSOR = {"state": "alerts"}  # and the other way round
NEVER_NAMED = ("gateway", "learning", "help")
AGAINST_A_RULE = 2.0  # more hints than its tool has, for another tool to be meant although a rule fits

Hint = tuple[str, float]  # a tool and its weight


@dataclass(frozen=True)
class Signs:
    """One language's. words, stems and phrases: the hints of each; filler: words that say nothing.

    topic: words that are of a line in a plant and of little else.
    """

    words: Mapping[str, tuple[Hint, ...]]
    stems: Mapping[str, tuple[Hint, ...]]
    phrases: tuple[tuple[re.Pattern[str], Hint], ...]
    filler: frozenset[str]
    topic: re.Pattern[str]
    numbers: Mapping[str, str]
    polite: re.Pattern[str]
    counters: frozenset[str]

    def hints(self, word: str) -> tuple[Hint, ...]:
        """The hints of a single word."""
        found = self.words.get(word, ())
        return found + tuple(hint for end in range(2, len(word) + 1) for hint in self.stems.get(word[:end], ()))

    def has(self, word: str) -> bool:
        """Whether a word is in any list."""
        return word in self.filler or word in self.numbers or bool(self.hints(word))


@cache
def load(code: str) -> Signs:
    """The signs of one language; raises ValueError for a tool that does not exist."""
    table = tomllib.loads(Path(__file__).with_name("signs").joinpath(f"{code}.toml").read_text(encoding="utf-8"))
    if strange := set(table["signs"]) - {*TOOLS, NONE}:
        raise ValueError(f"signs/{code}.toml: no tool is called {', '.join(sorted(strange))}")
    words: dict[str, list[Hint]] = defaultdict(list)
    stems: dict[str, list[Hint]] = defaultdict(list)
    phrases = []
    for phrase, hint in _hints(table["signs"]):
        if " " in plain(phrase):
            phrases.append((pattern(phrase), hint))
        else:
            (stems if phrase.endswith("*") else words)[plain(phrase)].append(hint)
    return Signs(
        {word: tuple(hints) for word, hints in words.items()},
        {stem: tuple(hints) for stem, hints in stems.items()},
        tuple(phrases),
        frozenset(plain(table["filler"]).split()),
        pattern(table["topic"]),
        {plain(word): digits for word, digits in table["numbers"].items()},
        re.compile(f"^(?:(?:{'|'.join(sorted(map(plain, table['polite'].split('|')), key=len, reverse=True))}) )+"),
        frozenset(table["counters"].split("|")),
    )


def weigh(question: str, named: bool, spoken: Signs, known: Callable[[str], bool]) -> str:
    """The tool that most of a question's words hint at, "" for none.

    question: as names.find leaves it; known: whether another table has a word, so that it is not strange.
    """
    if not named and not is_of_the_line(question, spoken, known):
        return ""
    found = votes(question, named, spoken)
    best = max(found, key=lambda tool: found[tool], default="")
    against = (STRANGE_NAMED if named else STRANGE) * strange(question, spoken, known)
    return best if best and found[best] - against >= (ENOUGH_NAMED if named else ENOUGH) else ""


def is_of_the_line(question: str, spoken: Signs, known: Callable[[str], bool]) -> bool:
    """Whether a question that names no sensor has a word of the topic, or none that is strange, or enough hints."""
    found = votes(question, False, spoken)
    far = strange(question, spoken, known) + found.pop(NONE, 0.0) / WEIGHTS[0]
    most = max(found.values(), default=0.0)
    return not far or bool(spoken.topic.search(question)) or most - STRANGE * far >= ENOUGH


def strange(question: str, spoken: Signs, known: Callable[[str], bool]) -> int:
    """How many of its words are in no table."""
    words = dict.fromkeys(question.split())
    return sum(not (word == SENSOR or word.isdigit() or spoken.has(word) or known(word)) for word in words)


def overruled(tool: str, question: str, named: bool, spoken: Signs) -> str:
    """The tool that a rule chose, or another one if far more words hint at that."""
    found = votes(question, named, spoken)
    best = max(found, key=lambda each: found[each], default=tool)
    stands = tool in ("", NONE) or best == NONE or found.get(best, 0.0) - found.get(tool, 0.0) < AGAINST_A_RULE
    return tool if stands else best


def votes(question: str, named: bool, spoken: Signs) -> dict[str, float]:
    """The sum of each tool's hints in a question."""
    found: dict[str, float] = defaultdict(float)
    for word in dict.fromkeys(question.split()):
        for tool, weight in _best(spoken.hints(word)).items():
            found[tool] += weight
    for phrase, (tool, weight) in spoken.phrases:
        found[tool] += weight * bool(phrase.search(question))
    return _for_its_subject(found, named)


def _hints(table: Mapping[str, list[str]]) -> Iterator[tuple[str, Hint]]:
    """Each phrase with its hint."""
    for tool, lists in table.items():
        for group, weight in zip(lists, WEIGHTS, strict=True):
            for phrase in group.split("|"):
                yield phrase.strip(), (tool, weight)


def _best(hints: tuple[Hint, ...]) -> dict[str, float]:
    """Of a word's hints at one tool the heaviest."""
    found: dict[str, float] = {}
    for tool, weight in hints:
        found[tool] = max(weight, found.get(tool, 0.0))
    return found


def _for_its_subject(given: Mapping[str, float], named: bool) -> dict[str, float]:
    """Votes for tools that do not fit count for those that mean the same of a sensor, or of the line."""
    meant, left = (OF_LINE, NEVER_NAMED) if named else (OF_SENSOR, ())
    found: dict[str, float] = defaultdict(float)
    for tool in (*TOOLS, NONE):
        if given.get(tool) and tool not in left:
            found[meant.get(tool, tool)] += given[tool]
    return found
