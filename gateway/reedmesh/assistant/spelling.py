"""Words with one letter wrong, missing, too many or exchanged -> the words of the tables. Pure.

Both the word and the tables' words are shortened by each of their letters (the symmetric delete method, W. Garbe 2012):
two words within one such error share a shortened form, and no table has to be searched through.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

SHORTEST = 5  # letters of a word that is put right: shorter ones have too many neighbours


@lru_cache(maxsize=16)
def index(words: frozenset[str]) -> Mapping[str, str]:
    """Each shortened form with the word that it comes from."""
    found: dict[str, str] = {}
    for word in sorted(each for each in words if len(each) >= SHORTEST and each.isalpha()):
        for form in _forms(word):
            found.setdefault(form, word)
    return found


def nearest(word: str, forms: Mapping[str, str]) -> str:
    """The table's word that this one is meant to be, "" if there is none; forms: as `index` makes them."""
    if len(word) < SHORTEST or not word.isalpha():
        return ""
    return next((forms[form] for form in _forms(word) if form in forms and _is_near(word, forms[form])), "")


def corrected(words: Iterable[str], known: frozenset[str], right: Iterable[str]) -> list[str]:
    """Words of a question, with those put right that are not in `right`."""
    forms, kept = index(known), set(right)
    return [word if word in kept else nearest(word, forms) or word for word in words]


def _forms(word: str) -> Iterator[str]:
    yield word
    for i in range(len(word)):
        yield word[:i] + word[i + 1 :]


def _is_near(one: str, other: str) -> bool:
    """Whether one letter was left out, put in, replaced, or exchanged with the next."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    a, b = one[start:], other[start:]
    return a[1:] == b or a == b[1:] or a[1:] == b[1:] or (a[:2] == b[:2][::-1] and a[2:] == b[2:])
