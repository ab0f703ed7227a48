"""What the dashboard says: the same keys and values in all languages, numbers and times as people write them."""

import re
from string import Formatter

import pytest

from reedmesh.dashboard.ui.language import CODES, HTML, Language, preferred, strings
from tests.support.paths import ROOT

EN, PT = Language("en"), Language("pt")


def values(text: "str | list[str]") -> list[set[str | None]]:
    """What is filled in, for each form of a string."""
    forms = text if isinstance(text, list) else [text]
    return [{name for _, name, _, _ in Formatter().parse(form) if name is not None} for form in forms]


@pytest.mark.parametrize("code", CODES[1:])
def test_all_languages_say_the_same_things(code: str) -> None:
    english, other = strings("en"), strings(code)
    assert english.keys() == other.keys()
    for key, text in english.items():
        assert values(text) == values(other[key]), key
        assert all(other[key]) and all(text), key
    same = [key for key, text in english.items() if text == other[key] and re.search(r"[a-z]{4} [a-z]{4}", str(text))]
    assert same == []  # a sentence that nobody translated


def test_names_of_alerts_are_those_of_their_conditions() -> None:
    assert [Language(code).of("kind", "silent") for code in CODES] == [
        "sensor is silent",
        "sensor silencioso",
        "capteur muet",
    ]
    assert EN.of("kind", "novel") == "novel"
    assert [EN.factor(each) for each in (3.456, 100.0, 101.0)] == ["3.46", "100", "over 100"]


def test_every_string_that_pages_ask_for_is_there_and_none_is_left_over() -> None:
    source = "".join(path.read_text() for path in (ROOT / "gateway/reedmesh/dashboard").rglob("*.py"))
    known = strings("en")
    asked = set(re.findall(r"""\b(?:say|self)\(\s*["']([\w.-]+)["']""", source)) - {"days", "point", "over"}
    assert asked <= known.keys()
    named = set(re.findall(r"""["']([\w-]+\.[\w-]+)["']""", source)) | {"days", "point", "over"}
    named |= {f"count.{noun}" for noun in re.findall(r'plural\("(\w+)"', source)}
    groups = set(re.findall(r"""(?:\.of\(|\(f)"([\w-]+)(?:"|\.\{|\.\w+-\{)""", source))
    assert not [key for key in known if key not in named and key.split(".")[0] not in groups]


def test_a_browser_is_answered_in_its_language() -> None:
    assert set(HTML) == set(CODES)
    wanted = {"pt-BR,pt;q=0.9,en;q=0.8": "pt", "en-GB, pt;q=0.3": "en", "de, pt;q=0.1": "pt", "": "en", "*": "en"}
    wanted |= {"pt;q=x,;;,=": "en", "de-AT": "en", "pt;q=0": "en"}
    assert {header: preferred(header) for header in wanted} == wanted


def test_numbers_read_as_people_write_them() -> None:
    numbers = (None, 0.842, 12.34, 1234.4, 2e7)
    assert [EN.number(each) for each in numbers] == ["–", "0.84", "12.3", "1\u202f234", "2e+07"]
    assert [PT.number(each) for each in numbers] == ["–", "0,84", "12,3", "1\u202f234", "2e+07"]
    seconds = (-3, 59.9, 150, 9000, 800_000)
    assert [EN.duration(each) for each in seconds] == ["0 s", "59 s", "2 min", "2 h", "9 days"]
    assert PT.duration(800_000) == "9 dias"
    assert [EN.plural("sensor", each) for each in (0, 1, 2)] == ["0 sensors", "1 sensor", "2 sensors"]
    assert [EN.percent(each) for each in (0, 0.004, 0.5)] == ["0\u202f%", "0.4\u202f%", "50\u202f%"]
    assert [EN.bytes(each) for each in (5, 2048, 5e6)] == ["5 B", "2 KiB", "4.77 MiB"]


@pytest.mark.parametrize("word", ["{0}", "{x.__class__}", "<b>", "a b"])
def test_what_a_broker_says_is_never_filled_in(word: str) -> None:
    assert EN.of("standing", word) == word
    assert EN("alert.title", sensor=word) == f"Alert: {word}"
