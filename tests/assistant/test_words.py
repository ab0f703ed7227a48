"""Sentences: each language has all of them, with the same values, and writes numbers its own way."""

import string
from datetime import datetime

import pytest

from reedmesh.assistant.answer import OF_SENSOR, SUGGESTED
from reedmesh.assistant.causes import causes
from reedmesh.assistant.fact import Fact, Quantity, Word, count, moment, name, span, times
from reedmesh.assistant.words import CODES, Words, strings

NOW = datetime(2026, 11, 30, 3, 12).timestamp()


def fields(form):
    texts = form if isinstance(form, list) else [str(form)]
    return [{each[1] for each in string.Formatter().parse(text) if each[1]} for text in texts]


@pytest.mark.parametrize("code", CODES[1:])
def test_a_language_says_all_that_english_says_with_the_same_values(code):
    ours, english = strings(code), strings("en")
    assert set(ours) == set(english)
    lists = {key for key in english if isinstance(english[key], list)} - {"one"}
    assert {key for key in ours if isinstance(ours[key], list)} - {"one"} == lists
    wrong = [key for key in english if key != "one" and fields(ours[key]) != fields(english[key])]
    assert wrong == []


def test_sentences_are_not_left_in_english():
    english = strings("en")
    same = {
        code: [key for key, text in strings(code).items() if " " in str(text) and text == english[key]]
        for code in CODES[1:]
    }
    assert {code: keys for code, keys in same.items() if [key for key in keys if key != "one"]} == {}


@pytest.mark.parametrize("code", CODES)
def test_every_cause_and_every_suggestion_has_its_sentence(code):
    keys = set(strings(code))
    assert {f"look.{each.id}" for each in causes()} <= keys
    assert {f"can.{tool}" for tool in SUGGESTED} | {f"can.{tool}.sensor" for tool in OF_SENSOR} <= keys


@pytest.mark.parametrize(
    ("code", "zero", "one", "two"),
    [
        ("en", "0 alerts were", "1 alert was", "2 alerts were"),
        ("pt", "Surgiram 0 alertas", "Surgiu 1 alerta", "Surgiram 2 alertas"),
        ("fr", "0 alerte a été levée", "1 alerte a été levée", "2 alertes ont été levées"),
        ("de", "0 Alarme wurden", "1 Alarm wurde", "2 Alarme wurden"),
        ("es", "Se produjeron 0 alertas", "Se produjo 1 alerta", "Se produjeron 2 alertas"),
    ],
)
def test_plurals(code, zero, one, two):
    said = [Words(code).sentence(Fact("report.raised", {"n": count(n)}), NOW) for n in range(3)]
    assert [each.startswith(begin) for each, begin in zip(said, (zero, one, two), strict=True)] == [True] * 3


@pytest.mark.parametrize(
    ("code", "value", "text"),
    [
        ("en", times(3.4, 1.0), "3.4"),
        ("de", times(3.4, 1.0), "3,4"),
        ("en", times(0.5, 1.0), "0.50"),
        ("en", times(250.0, 1.0), "over 100"),
        ("fr", times(250.0, 1.0), "plus de 100"),
        ("en", times(3.0, 0.0), "0.00"),
        ("en", Quantity(0.61, "%"), "61\u202f%"),
        ("pt", Quantity(0.005, "%"), "0,5\u202f%"),
        ("en", Quantity(40.0, "Hz"), "40.0\u202fHz"),
        ("en", Quantity(2.83, "mm/s"), "2.8\u202fmm/s"),
        ("en", span(59), "59\u202fs"),
        ("en", span(3540), "59\u202fmin"),
        ("en", span(2 * 86400), "2\u202fdays"),
        ("en", span(-5), "0\u202fs"),
        ("en", moment(NOW - 60), "03:11"),
        ("en", moment(NOW - 86400), "2026-11-29 03:12"),
        ("fr", Word("kind", "silent"), "capteur muet"),
        ("fr", Word("kind", "nobody foresaw"), "nobody foresaw"),
    ],
)
def test_values(code, value, text):
    assert Words(code).value(value, NOW) == text


def test_a_name_is_a_value_and_never_a_sentence_that_is_filled_in():
    hostile = "{by} {0.__class__} %s"
    assert hostile in Words("en").sentence(Fact("alert.none", {"sensor": hostile}), NOW)


def test_a_name_of_somebody_else_is_one_short_line():
    assert name("a\nb\x1b[31m" + "c" * 100) == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}[31m" + "c" * 56


def test_an_unknown_language_is_a_key_error():
    with pytest.raises(KeyError):
        Words("../../../etc/passwd")
