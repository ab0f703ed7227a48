"""Questions are understood by tables: those of operators, in five languages, and nothing that a sensor is called."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reedmesh.assistant import signs, spelling
from reedmesh.assistant.tables import NONE, TOOLS, load, plain
from reedmesh.assistant.understand import LONGEST, understand
from reedmesh.assistant.words import CODES
from reedmesh.errors import RefusedError
from tools.bench.support.ask_check import LANGUAGES, questions
from tools.bench.support.scripted_line import SENSORS

RIGHT = 0.85  # of the questions, at least


@pytest.mark.parametrize("language", LANGUAGES)
def test_most_questions_of_operators_are_understood(language):
    asked = questions(language)
    right = sum(each.is_met_by(understand(each.text, SENSORS)) for each in asked)
    assert len(asked) == 40 and right >= RIGHT * len(asked)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_fifth_of_the_questions_is_off_topic_and_none_of_them_gets_a_tool(language):
    off = [each for each in questions(language) if each.tool == NONE]
    assert len(off) == 8
    assert [each.text for each in off if understand(each.text, SENSORS).tool not in ("", NONE)] == []


def test_the_language_of_a_question_is_found():
    asked = [each for name in (*LANGUAGES, "held_out_1") for each in questions(name)]
    wrong = [each.text for each in asked if understand(each.text, SENSORS).language != each.language]
    assert len(wrong) <= 0.05 * len(asked), wrong


def test_a_question_that_shows_no_language_is_answered_in_the_operators():
    assert [understand("press-2 ?", SENSORS, each).language for each in CODES] == list(CODES)


@pytest.mark.parametrize(
    ("text", "sensor"),
    [
        ("How is press-2?", "press-2"),
        ("how is PRESS 2", "press-2"),
        ("how is press2", "press-2"),
        ("Como está a prensa 2?", "press-2"),
        ("how is oven_2", "oven_2"),
        ("how is the pump", "pump-4"),
        ("comment va la pompe", "pump-4"),
        ("how is the press", ""),  # there are two
    ],
)
def test_a_sensor_is_known_by_its_name_and_by_what_people_call_it(text, sensor):
    assert understand(text, SENSORS).sensors == ((sensor,) if sensor else ())


def test_a_machine_that_is_not_there_is_no_other_machine():
    found = understand("Why does press 9 alarm?", SENSORS)
    assert (found.sensors, found.unknown) == ((), "press 9")


@pytest.mark.parametrize("text", ["How is press-2-old?", "How is press-2-3?", "how is pump-4_b"])
def test_a_name_that_only_begins_like_a_sensor_s_is_another(text):
    found = understand(text, SENSORS)
    assert (found.sensors, found.tool) == ((), "state") and found.unknown == text.split()[-1].strip("?")


def test_of_two_names_the_longer_one_is_meant_where_both_fit():
    assert understand("how is press-2-old", [*SENSORS, "press-2-old"]).sensors == ("press-2-old",)
    assert understand("how is press 2 old", [*SENSORS, "press-2-old"]).sensors == ("press-2-old",)


def test_a_question_is_read_on_a_line_of_two_thousand_sensors():
    known = [f"{kind}-{i}" for kind in ("press", "fan") for i in range(1000)]
    found = understand("Porque alarma a prensa 999?", known)
    assert (found.tool, found.sensors) == ("why", ("press-999",))
    assert understand("how is the press", known).sensors == ()


def test_two_sensors_are_taken_in_the_order_of_the_question():
    assert understand("how are fan-3 and press-2", SENSORS).sensors == ("fan-3", "press-2")


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("alarms of the last 12 hours", "12h"),
        ("alarmes das últimas 24 h", "24h"),
        ("alarmes des 3 derniers jours", "3d"),
        ("Alarme der letzten 30 Minuten", "30min"),
        ("alarmas de las últimas 2 semanas", "2w"),
        ("alarms of yesterday", "yesterday"),
        ("report of the last shift", "last-shift"),
        ("alarms of the last 999999999 hours", ""),
        ("alarms of the last 0 days", ""),
    ],
)
def test_times(text, period):
    assert understand(text, SENSORS).period == period


@pytest.mark.parametrize(
    ("text", "period", "since"),
    [
        ("what happened since yesterday", "yesterday", "yesterday"),
        ("what happened yesterday", "yesterday", ""),
        ("o que aconteceu desde segunda-feira", "monday", "monday"),
        ("que s'est-il passé depuis lundi", "monday", "monday"),
        ("was ist seit 6 Uhr passiert", "", "06:00"),
        ("what's new since 6:30 pm", "", "18:30"),
        ("novidades desde as 6 horas", "", "06:00"),
        ("quoi de neuf depuis 22h30", "", "22:30"),
        ("¿qué ha pasado desde las 14?", "", "14:00"),
        ("alarms since 6 days", "6d", ""),
        ("Störungen der letzten drei Tage", "3d", ""),
        ("alarms of last weekend", "weekend", ""),
        ("letzte Schicht", "last-shift", ""),
        ("o que houve esta noite", "night", ""),
        ("I have ten minutes, what comes first", "", ""),
        ("une alarme cette semaine ?", "7d", ""),
    ],
)
def test_times_that_begin_at_a_day_or_an_hour(text, period, since):
    found = understand(text, SENSORS)
    assert (found.period, found.since) == (period, since)


@pytest.mark.parametrize(
    ("text", "sensor"),
    [
        ("how is press two", "press-2"),
        ("como está a prensa nº 2", "press-2"),
        ("Wie geht es Presse Nr. 2?", "press-2"),
        ("how is press no. 9", ""),
        ("how is conveyer 12", "conveyor-12"),
        ("how is the mixxer", "mixer-1"),
    ],
)
def test_a_sensor_s_number_may_be_a_word_and_its_name_misspelt(text, sensor):
    assert understand(text, SENSORS).sensors == ((sensor,) if sensor else ())


@pytest.mark.parametrize(
    ("text", "tool"),
    [
        ("show open alrams", "alerts"),
        ("hte handvoer please", "report"),
        ("please could you tell me why press 2 alarms", "why"),
        ("press 2: reason for the alarm?", "why"),
        ("Can you please stop press 2", NONE),
        ("s'il te plaît éteins la pompe", NONE),
        ("is Elvis dead", ""),
        ("how do I learn French", ""),
        ("why is the sky blue", ""),
        ("I am in front of press 2, which tools do I need", "look"),
    ],
)
def test_words_are_weighed_put_right_and_courtesies_left_out(text, tool):
    assert understand(text, SENSORS).tool in ((tool,) if tool else ("", NONE))


HELD_OUT = {"held_out_1": 0.95, "held_out_2": 0.95, "held_out_3": 0.95, "held_out_4": 0.9, "held_out_5": 0.95}


@pytest.mark.parametrize("name", HELD_OUT)
def test_other_wordings_are_understood_too(name):
    asked = questions(name)
    wrong = [each.text for each in asked if not each.is_met_by(understand(each.text, SENSORS))]
    assert len(wrong) <= (1 - HELD_OUT[name]) * len(asked), wrong


def test_two_words_are_near_by_one_letter_only():
    words = frozenset(["alarms", "vibration", "handover"])
    right = {"alrams": "alarms", "alarns": "alarms", "alarmss": "alarms", "alrm": "", "vibrtion": "vibration"}
    right |= {"handvoer": "handover", "handvore": "", "alarm5": "", "hall2": ""}
    assert {word: spelling.nearest(word, spelling.index(words)) for word in right} == right


@pytest.mark.parametrize("length", [0, LONGEST + 1, 10_000])
def test_a_question_too_long_or_empty_is_refused_with_the_limit(length):
    with pytest.raises(RefusedError, match=f"1 to {LONGEST}"):
        understand("a" * length, SENSORS)


@pytest.mark.parametrize(
    "text", ["压机2怎么了？", "Почему пресс 2 в тревоге?", "مرحبا", "🤷 press?", "\0\0\0", "@ @ @"]
)
def test_other_languages_and_signs_are_not_understood_and_no_error(text):
    assert understand(text, SENSORS).tool == ""


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=LONGEST), st.lists(st.from_regex(r"[a-z0-9_-]{1,32}", fullmatch=True), max_size=5))
def test_no_question_and_no_name_is_an_error(text, known):
    if not text.strip():
        return
    found = understand(text, known)
    assert found.tool in ("", NONE, *TOOLS) and set(found.sensors) <= set(known)


HOSTILE = [
    "ignore-all-rules",
    "why-alert",
    "open-alerts",
    "alerts",
    "delete",
    "report",
    "is",
    "the",
    "hall2",
    "now-say-42",
]


def test_a_sensor_s_name_chooses_no_tool():
    for name in HOSTILE:
        asked = f"how is {name}?"
        with_it, without = understand(asked, [name, *SENSORS]), understand("how is press-2?", SENSORS)
        if with_it.sensors:
            assert (with_it.tool, with_it.sensors) == (without.tool, (name,)), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_hostile_names_on_the_line_change_no_answer(language):
    asked = questions(language)
    before = [understand(each.text, SENSORS) for each in asked]
    assert [understand(each.text, [*SENSORS, *HOSTILE]) for each in asked] == before


@pytest.mark.parametrize("code", CODES)
def test_every_tool_can_be_asked_for_in_every_language(code):
    assert {rule.tool for rule in load(code).rules} == {*TOOLS, NONE}


@pytest.mark.parametrize("code", CODES)
def test_every_tool_has_hints_in_every_language(code):
    hints = [hint for found in signs.load(code).words.values() for hint in found]
    assert {tool for tool, _ in hints} == {*TOOLS, NONE}


def test_plain_text_has_no_case_accents_or_punctuation():
    assert plain("Où est l'ÉTÉ_2 ?") == "ou est l ete 2"
