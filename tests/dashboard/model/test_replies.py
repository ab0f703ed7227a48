"""Answers to questions are drawn whatever a gateway says."""

from hypothesis import given
from hypothesis import strategies as st

from reedmesh.dashboard.model.replies import MOST_LINES, Reply, reply, worth_showing
from reedmesh.dashboard.ui.question import linked

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
FACT = {"kind": "alert.anomaly", "text": "59\u202fmin\x1b", "alert": "a-1"}
OFFER = [{"kind": "can.line", "text": "I can answer these:"}, {"kind": "can.first", "text": "Which first?"}]


@given(st.dictionaries(st.sampled_from(["facts", "by", "trouble"]), JSON), st.lists(JSON, max_size=3))
def test_no_answer_is_an_error(answer, facts):
    assert isinstance(reply("gw", answer), Reply)
    assert len(reply("gw", {"facts": facts * 100}).lines) <= MOST_LINES


def test_spaces_before_units_stay_and_what_does_not_print_goes():
    found = reply("gw", {"facts": [FACT], "by": "template"})
    assert found.lines[0].text == "59\u202fmin\N{REPLACEMENT CHARACTER}" and found.alert == "a-1" and found.knows


def test_what_can_be_asked_is_no_fact():
    found = reply("gw", {"facts": OFFER})
    assert found.suggestions == ("Which first?",) and not found.facts and not found.knows


def test_gateways_that_know_nothing_are_not_shown_beside_one_that_does():
    knows, offers = reply("a", {"facts": [FACT]}), reply("b", {"facts": OFFER})
    strange = reply("c", {"facts": [{"kind": "unknown.sensor", "text": "none"}]})
    assert worth_showing([offers, strange, knows]) == [knows]
    assert worth_showing([strange, offers]) == [strange] and worth_showing([]) == []


def test_evidence_is_linked_once():
    found = reply("gw", {"facts": [FACT, FACT, FACT | {"alert": "b-1"}]})
    assert [bool(href) for _, href in linked("gw", found.lines)] == [True, False, True]


def test_an_answer_about_two_alerts_is_judged_for_neither():
    assert reply("a", {"facts": [FACT, FACT | {"alert": "b-1"}]}).alert == ""
