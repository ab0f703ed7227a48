"""Answers about parts become values that can be drawn, whatever a gateway says."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.dashboard.model import parts
from reedmesh.dashboard.model.parts import MOST_PARTS, MOST_POINTS, Bound

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
KEYS = ("parts", "low", "high", "trade", "promise", "doubt", "axes", "fault", "p_chart", "moving_range", "pareto",
        "labelled", "escape", "overkill", "yield", "stations", "curve", "boot", "number", "at", "broken")  # fmt: skip


@given(st.dictionaries(st.sampled_from(KEYS), ANY | st.dictionaries(st.sampled_from(KEYS), ANY), max_size=8))
def test_no_answer_is_too_odd(said: dict[str, Any]) -> None:
    shown = parts.listing(said)
    assert len(shown.parts) <= MOST_PARTS and 1 <= shown.axes <= 16
    assert all(len(each.curve) <= MOST_POINTS for each in shown.parts)
    figures = parts.quality(said)
    assert figures.passed is None or 0 <= figures.passed <= 1
    assert all(parts.stations(said))


def test_an_answer_in_full() -> None:
    part = {"boot": 7, "number": 3, "at": 5.0, "part": "A", "verdict": "NOK", "fault": "crack", "latency": 2500}
    said = {"parts": [part | {"number": 2}, part | {"label": "OK", "curve": [1, 2.5]}], "axes": 2}
    shown = parts.listing(said | {"promise": {"ok": 20, "overkill": 0.05, "overkill_bound": 0.14}})
    first, second = shown.parts
    assert (first.key, first.curve, first.latency, first.disputed) == ("7/3", (1.0, 2.5), 2.5, True)
    assert second.number == 2 and not second.disputed
    assert shown.overkill == Bound(0.05, 0.14) and shown.escape is None and shown.axes == 2


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "7", None])
def test_what_is_no_number_is_in_no_curve(value: Any) -> None:
    part = {"boot": 1, "number": 1, "at": 1.0, "curve": [1, value, 2]}
    assert parts.listing({"parts": [part]}).parts[0].curve == (1.0, 2.0)
