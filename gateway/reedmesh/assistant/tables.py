"""How questions are understood, as data: phrases/<language>.toml, read once and checked. Pure but for its files.

A rule has a tool and groups of phrases; it fits when each group has a phrase in the question. Phrases of a group are
separated by |, a * at the end of a word stands for any ending, ^ at the beginning for the beginning of the question.
The first rule that fits counts.
"""

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

TOOLS = (
    "alerts",  # what is wrong now
    "why",  # what an alert is about
    "look",  # what to look at on a machine
    "state",  # how a sensor is
    "first",  # which machine comes first
    "silent",  # which sensors say nothing
    "report",  # what happened in a shift
    "past",  # alerts of a time
    "trend",  # whether a machine gets worse
    "learning",  # what was learnt from neighbours
    "model",  # which model judges
    "gateway",  # how the gateway is
    "help",  # what can be asked
)
NONE = "none"  # not a question about the line
SENSOR = "@"  # stands in a question for a sensor's name, so that no name is taken for a word
ABOUT = ("", "sensor", "line")  # whether a rule wants a sensor in the question, or none, or does not care


@dataclass(frozen=True)
class Rule:
    """tool: what answers; groups: one pattern each, all of which must be found; about: one of ABOUT."""

    tool: str
    groups: tuple[re.Pattern[str], ...]
    about: str = ""

    def fits(self, question: str, named: bool) -> bool:
        """Whether it is this rule's; question: as `plain` writes it; named: whether it names a sensor."""
        if self.about and (self.about == "sensor") != named:
            return False
        return all(group.search(question) for group in self.groups)


@dataclass(frozen=True)
class Tables:
    """One language's. common: words by which it is recognised; machines: what people call one, by the sensors' word."""

    code: str
    common: frozenset[str]
    machines: dict[str, str]
    periods: dict[str, re.Pattern[str]]
    units: dict[str, str]
    since: re.Pattern[str]  # an hour from which until now is meant: hour, minutes, am or pm
    until_now: re.Pattern[str]
    rules: tuple[Rule, ...]
    vocabulary: frozenset[str]  # words of rules and common words, those with any ending as their beginning and *

    def knows(self, word: str) -> bool:
        """Whether a word has a meaning in this language's tables, so that a sensor called by it proves nothing."""
        beginnings = (f"{word[:end]}*" for end in range(3, len(word) + 1))
        return word in self.vocabulary or any(each in self.vocabulary for each in beginnings)

    def is_own(self, word: str) -> bool:
        """Whether it is this language's word for a machine, and not the one in a sensor's name."""
        return self.machines.get(word, word) != word


def plain(text: str) -> str:
    """Lower case, no accents, words of letters and digits separated by one space; @ and ^ stay."""
    folded = unicodedata.normalize("NFKD", text.casefold()).replace("œ", "oe").replace("ß", "ss")
    letters = "".join(each for each in folded if not unicodedata.combining(each))
    return " ".join(re.findall(r"[^\W_]+|@", letters))


@cache
def load(code: str) -> Tables:
    """The tables of one language; raises ValueError for a rule without a known tool."""
    path = Path(__file__).with_name("phrases").joinpath(f"{code}.toml")
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    common = frozenset(plain(" ".join(table["common"])).split())
    return Tables(
        code,
        common,
        {plain(word): stem for stem, words in table["machines"].items() for word in words},
        {period: pattern(phrases) for period, phrases in table["periods"].items()},
        {plain(word): unit for unit, words in table["units"].items() for word in words},
        _clock(table),
        pattern(table["since"]),
        tuple(_rule(each, path.name) for each in table["rules"]),
        common | _vocabulary(table),
    )


def pattern(group: str) -> re.Pattern[str]:
    """A group of phrases as a pattern on plain text."""
    return re.compile("|".join(_phrase(each.strip()) for each in group.split("|")))


def _clock(table: dict[str, Any]) -> re.Pattern[str]:
    """ "since 6", "seit 6 Uhr", "since 6:30 pm"; not "since 6 days"."""
    since, clock = (f"(?:{'|'.join(map(plain, table[key].split('|')))})" for key in ("since", "clock"))
    units = "|".join(plain(word) for words in table["units"].values() for word in words)
    hour = rf"(\d\d?) ?(?:{clock}|h)?(?: ?([0-5]\d))?(?: ?(am|pm))?(?: {clock})?"
    return re.compile(rf"(?<!\S){since} {hour}(?!\S)(?! (?:{units})(?!\S))")


def _vocabulary(table: dict[str, Any]) -> frozenset[str]:
    """Every word of the rules and of the times."""
    groups = [group for each in table["rules"] for group in each["words"]] + list(table["periods"].values())
    words = [word for group in groups for word in group.replace("|", " ").replace("^", " ").split()]
    return frozenset(f"{part}*" if word.endswith("*") else part for word in words for part in plain(word).split())


def _phrase(phrase: str) -> str:
    words = [_word(each) for each in phrase.lstrip("^").split()]
    return ("^" if phrase.startswith("^") else r"(?<!\S)") + " ".join(words) + r"(?!\S)"


def _word(word: str) -> str:
    return r"\S+" if word == "*" else re.escape(plain(word)) + (r"\S*" if word.endswith("*") else "")


def _rule(table: dict[str, Any], where: str) -> Rule:
    tool, about = table["tool"], table.get("about", "")
    if tool not in (*TOOLS, NONE) or about not in ABOUT:
        raise ValueError(f"{where}: rule {table}: tool is one of {', '.join(TOOLS)} or {NONE}, about one of {ABOUT}")
    return Rule(tool, tuple(pattern(each) for each in table["words"]), about)
