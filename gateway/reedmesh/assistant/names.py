"""Names of sensors in a question: press-2 is meant by press 2, PRESS2, prensa 2, "the press" if there is one. Pure.

Each name is put into an index once, by its letters and digits without what stands between them, so that a question is
read in the same time on a line of ten sensors and of a thousand.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from reedmesh.assistant.signs import Signs
from reedmesh.assistant.signs import load as load_signs
from reedmesh.assistant.tables import SENSOR, Tables, load, plain

MOST_WORDS = 16  # of a name: 32 characters and a sign between each two
SHORTEST = 3  # letters of a word that, with a number after it, looks like a sensor's name
MARKS = "?!.,;:\"'()¿¡«»„“”"  # that may stand beside a name


@dataclass(frozen=True)
class Index:
    """By letters and digits alone, the sensor that is meant; which need to be written in full; words in names."""

    names: Mapping[str, str]
    doubtful: frozenset[str]
    stems: frozenset[str]
    spelt: frozenset[str]  # names as plain text
    parts: frozenset[str]  # their words


@dataclass(frozen=True)
class Found:
    """The question with SENSOR for each name, the sensors in their order, and a name that is none of the line's."""

    question: str
    sensors: tuple[str, ...] = ()
    unknown: str = ""


def find(question: str, known: Iterable[str], spoken: Tables) -> Found:
    """The names in a question as people write it."""
    index = _index(frozenset(known), spoken.code)
    written = [word.strip(MARKS) for word in question.casefold().split()]
    text = plain(question.replace(SENSOR, " "))
    longer = _longer(written, index)
    if longer:
        text = text.replace(plain(longer), SENSOR)
    words, sensors = _replaced(_numbered(text.split(), index, load_signs(spoken.code)), set(written), index)
    words, unknown = (words, longer) if longer else _unknown(words, index)
    return Found(" ".join(words), tuple(dict.fromkeys(sensors)), "" if sensors else unknown)


def parts_of(known: Iterable[str]) -> frozenset[str]:
    """The words in names of sensors, which nobody puts right."""
    return _index(frozenset(known), "en").parts


def _numbered(words: list[str], index: Index, spoken: Signs) -> list[str]:
    """Words with "press two" and "press no. 2" as "press 2"."""
    left: list[str] = []
    for i, word in enumerate(words):
        after_machine = bool(left) and left[-1] in index.stems
        if after_machine and word in spoken.counters and words[i + 1 : i + 2] and words[i + 1].isdigit():
            continue
        left.append(spoken.numbers.get(word, word) if after_machine else word)
    return left


@lru_cache(maxsize=16)
def _index(known: frozenset[str], code: str) -> Index:
    spoken = load(code)
    stems = Counter(stem for name in known for stem in {part for part in _parts(name) if not part.isdigit()})
    names: dict[str, str] = {}
    for name in sorted(known):
        for way in _ways(_parts(name), stems, spoken):
            names.setdefault(way, name)
    names |= {"".join(_parts(name)): name for name in known}  # a name as it is before what else could be meant
    doubtful = {name for name in known if all(part.isdigit() or spoken.knows(part) for part in _parts(name))}
    return Index(
        names,
        frozenset(doubtful),
        frozenset({*stems, *spoken.machines}),
        frozenset(map(plain, known)),
        frozenset(stems),
    )


def _parts(name: str) -> list[str]:
    """The words and numbers of a name."""
    return re.findall(r"[^\W\d_]+|\d+", plain(name))


def _ways(parts: list[str], stems: Mapping[str, int], spoken: Tables) -> list[str]:
    """How a name may be spelt: with other words for its machine, and by that alone if no other has it."""
    own = [word for word, stem in spoken.machines.items() if stem in parts]
    spelt = ["".join(word if part == spoken.machines[word] else part for part in parts) for word in own]
    words = [part for part in parts if not part.isdigit()]
    if len(words) == 1 and stems[words[0]] == 1:
        spelt += [words[0], *own]
    return spelt


def _replaced(words: list[str], written: set[str], index: Index) -> tuple[list[str], list[str]]:
    """The words with SENSOR for each name, the longest name first at each place; and the names."""
    left, found, i = [], [], 0
    while i < len(words):
        for end in range(min(len(words), i + MOST_WORDS), i, -1):
            name = index.names.get("".join(words[i:end]))
            if name and (name not in index.doubtful or _is_spelt_out(name, written)):
                found.append(name)
                left.append(SENSOR)
                i = end
                break
        else:
            left.append(words[i])
            i += 1
    return left, found


def _is_spelt_out(name: str, written: set[str]) -> bool:
    """Whether it stands in the question as it is: a sensor called open-alerts is not meant by "open alerts"."""
    return len(_parts(name)) > 1 and name in written


def _longer(written: list[str], index: Index) -> str:
    """A word that is no sensor's name and only begins like one: press-2-old is not press-2."""
    for word in written:
        if re.fullmatch("[a-z0-9]+([_-][a-z0-9]+)+", word) and plain(word) not in index.spelt:
            parts = plain(word).split()
            if any(" ".join(parts[:end]) in index.spelt for end in range(1, len(parts))):
                return word
    return ""


def _unknown(words: list[str], index: Index) -> tuple[list[str], str]:
    """The words with SENSOR for what looks like a sensor's name and is none, such as press 9; and that name."""
    for i, word in enumerate(words):
        one = re.fullmatch(r"([^\W\d_]+)(\d+)", word)
        two = i + 1 < len(words) and words[i + 1].isdigit()
        stem = one[1] if one else word
        if (one or two) and len(stem) >= SHORTEST and stem in index.stems:
            end = i + 1 if one else i + 2
            return [*words[:i], SENSOR, *words[end:]], " ".join(words[i:end])
    return words, ""
