"""What the pages for learning and settings are made of, and files to download: right, bounded, and safe to open."""

import asyncio
import csv
import io
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.dashboard.model import answers, learning
from reedmesh.dashboard.model.answers import Feature
from reedmesh.dashboard.model.learning import Judged, NeighbourState, Round
from reedmesh.dashboard.pages.downloads import FORMULA, csv_of
from reedmesh.dashboard.pages.overview import Overview
from reedmesh.dashboard.pages.settings import rows_of
from reedmesh.dashboard.ui import graph
from reedmesh.dashboard.ui.chart import Axis, area, even_ticks, excess_axis, excess_ticks, hertz_ticks, line, time_ticks
from reedmesh.dashboard.ui.graph import Arrow
from reedmesh.dashboard.ui.shell import LeftError
from reedmesh.dashboard.ui.spectra import hertz, middle, outstanding, panels
from tests.dashboard.model.test_view import KEYS, VALUES

ROUND = {
    "at": 60.0,
    "round": 2,
    "windows": 180,
    "taken": {"gw2": 0.25},
    "refused": {"gw3": "loss 0.9 on our own windows"},
    "late": ["gw4"],
    "loss": {"before": 0.5, "after": 0.4},
    "sensors": {"press3": {"objection": "", "before": {"false_alarms": 0.01}, "after": {"false_alarms": 0.0}}},
}
LEARNING = {
    "state": "waiting",
    "rounds": 2,
    "heard": 12,
    "updates": 3,
    "bytes_out": 9000,
    "neighbours": {"gw2": {"sequence": 4, "bytes_in": 5000, "merged": 1, "last": "merged", "share": 0.25}},
    "merges": [ROUND | {"at": 50.0, "round": 1}, ROUND],
}


def test_an_answer_that_comes_when_the_page_was_left_is_not_drawn() -> None:
    class Prompt:
        async def ask(self, gateway: str, verb: str) -> dict[str, Any]:
            return {"from": gateway}

    page = object.__new__(Overview)
    page.feed = Prompt()  # type: ignore[assignment]
    page._client = SimpleNamespace(is_deleted=False)  # type: ignore[assignment]
    assert asyncio.run(page.ask("gw1", "status")) == {"from": "gw1"}
    page._client.is_deleted = True  # type: ignore[misc]
    with pytest.raises(LeftError):
        asyncio.run(page.ask("gw1", "status"))


def test_what_a_gateway_learnt_is_read() -> None:
    found = learning.learning(LEARNING)
    assert (found.state, found.rounds, found.updates, found.bytes_out, found.bytes_in) == ("waiting", 2, 3, 9000, 5000)
    assert found.neighbours == (NeighbourState("gw2", 4, None, 5000, 1, 0, "", "merged", 0.25),)
    assert [each.number for each in found.history] == [2, 1]
    refused, judged = (("gw3", "loss 0.9 on our own windows"),), (Judged("press3", 0.01, 0.0),)
    assert found.history[0] == Round(2, 60.0, 180, (("gw2", 0.25),), refused, ("gw4",), 0.5, 0.4, judged)


LEARNT_KEYS = [
    *KEYS,
    *LEARNING,
    *ROUND,
    "false_alarms",
    "before",
    "after",
    "reason",
    "windows",
    "features",
    "passport",
    "figures",
]


def test_a_passport_is_read() -> None:
    told = {
        "maker": {"gateway": "gw1", "fingerprint": "ab"},
        "figures": {"learnt": 9, "loss": 0.5},
        "merged": [{"gateway": "gw2"}],
    }
    found = answers.papers({"fault": "", "sha256": "cd", "passport": told})
    assert (found.maker, found.fingerprint, found.sha256, found.learnt, found.loss) == ("gw1", "ab", "cd", 9, 0.5)
    assert found.merged == (("gw2", 0.0),)
    assert answers.papers({"fault": "not signed", "passport": None}) == answers.Papers("not signed")


@given(st.dictionaries(st.sampled_from(LEARNT_KEYS), VALUES))
def test_no_answer_breaks_the_pages(answer: dict[str, Any]) -> None:
    found = learning.learning(answer)
    assert all(each.name.isprintable() and each.reason.isprintable() for each in found.neighbours)
    assert all(text.isprintable() for _, text in rows_of(answer))
    axis = hertz([feature for feature, *_ in answers.picture(answer).rows])
    assert len(hertz_ticks(axis)) <= 9
    for low, high, _ in answers.scores(answer).points:
        assert excess_ticks(excess_axis(high)) and time_ticks(Axis(low - 300, low + 1)) is not None
    answers.windows(answer), answers.journals(answer), answers.papers(answer)


def test_gateways_stand_apart_and_arrows_join_them() -> None:
    nodes = graph.ring(["a", "b", "c"])
    assert len({node.at for node in nodes}) == 3
    wanted = [
        Arrow("a", "b", "merged"),
        Arrow("b", "a", "refused"),
        Arrow("a", "nobody", "merged"),
        Arrow("c", "c", ""),
    ]
    drawn = {state: graph.arrows(nodes, wanted, state) for state in ("merged", "refused", "")}
    assert drawn["merged"].count("Q") == 1 and drawn["refused"].count("Q") == 1 and drawn[""] == ""
    assert drawn["merged"] != drawn["refused"]
    assert graph.ring(["a"])[0].at == (graph.WIDTH / 2, graph.HEIGHT / 2) and graph.ring([]) == []


def test_settings_are_told_by_key_but_for_secrets() -> None:
    table = {
        "name": "gw",
        "broker": {"port": 1883, "ca": ""},
        "neighbours": [{"password": "x", "key": "ab"}],
        "on": True,
    }
    rows = dict(rows_of(table | {"exchange": {"secret": "00"}, "n": 10**400, "none": None, "empty": []}))
    assert rows["neighbours[0].password"] == rows["exchange.secret"] == "***"
    assert (rows["broker.port"], rows["broker.ca"], rows["on"], rows["neighbours[0].key"]) == (
        "1883",
        "–",
        "true",
        "ab",
    )
    deep: Any = 1
    for _ in range(900):
        deep = [deep]
    assert rows_of({"deep": deep}) == (("deep" + "[0]" * 7, "–"),)
    assert (rows["n"], rows["none"], rows["empty"]) == ("–", "–", "–")


@given(
    st.lists(
        st.lists(st.text() | st.integers() | st.sampled_from(["=1+1", "@x", "\t=1", "-1"]), min_size=2, max_size=2)
    )
)
def test_no_cell_of_a_file_is_a_formula(rows: list[list[Any]]) -> None:
    text = csv_of(["a", "b"], rows)
    assert text.startswith("\ufeff")
    read = list(csv.reader(io.StringIO(text[1:], newline="")))[1:]
    kept = [[str(cell) for cell in row] for row in rows]
    for cells, wanted, given_ in zip(read, kept, rows, strict=True):
        for cell, same, value in zip(cells, wanted, given_, strict=True):
            assert cell.removeprefix("'") == same.removeprefix("'")
            assert isinstance(value, int) or not cell.startswith(FORMULA)


def test_windows_become_rows_of_features() -> None:
    features = [{"feature": "band 1", "axis": 0, "hz": [1.0, 2.0]}, {"feature": "RMS", "axis": 0}]
    told = {"features": features, "windows": [[9.0, -128, 300], [8.0, 1], [7.0, "x", 2], "junk"]}
    assert answers.windows(told) == ([Feature("band 1", 0, 1.0, 2.0), Feature("RMS", 0)], [(9.0, [-128, 127])])


def test_axes_have_round_ticks_inside() -> None:
    assert excess_ticks(excess_axis(30.0)) == [(0.0, "0.1 ×"), (1 / 3, "1 ×"), (2 / 3, "10 ×"), (1.0, "100 ×")]
    assert [text for _, text in hertz_ticks(Axis(0.78, 100, True))] == ["1", "2", "5", "10", "20", "50", "100"]
    assert [text for _, text in even_ticks(Axis(-13, 42))] == ["0", "20", "40"]
    for span in (30.0, 3600.0, 86400.0, 604800.0):
        ticks = time_ticks(Axis(1_700_000_000.0, 1_700_000_000.0 + span))
        assert 2 <= len(ticks) <= 8 and all(0 <= at <= 1 for at, _ in ticks)
    assert excess_axis(float("inf")).high == 1e6
    wide = hertz([Feature("a", 0, 5e-324, 1e-300), Feature("b", 0, 5e-324, 1e6), Feature("c", 0, 0.0, 1e-9)])
    assert (wide.low, wide.high) == (1e5, 1e6) and len(hertz_ticks(Axis(10.0, 1e6, True))) <= 9
    assert even_ticks(Axis(5.0, 5.0)) == [(0.0, "5")]
    assert line([(0, 0), (0.1, 1), (0.9, 1)], gap=0.5) == "M0.0 300.0L100.0 0.0M900.0 0.0"
    assert area([(0, 0, 1), (1, 0, 1)]) == "M0.0 0.0L1000.0 0.0L1000.0 300.0L0.0 300.0Z" and area([]) == ""


def test_features_are_drawn_by_axis_and_frequency() -> None:
    low, high, rms = Feature("band 1", 0, 0.0, 10.0), Feature("band 2", 0, 10.0, 1000.0), Feature("RMS", 1)
    [first, second] = panels([(rms, 0.1), (high, 0.2), (low, 0.7)])
    assert [feature for feature, _ in first.bands] == [low, high] and second.others == ((rms, 0.1),)
    axis = hertz([low, high, rms])
    assert (axis.low, axis.high) == (10.0, 1000.0) and middle(high, axis) == 0.5
    shares = [(Feature("band", 0, float(i), i + 1.0), share) for i, share in enumerate([0.5, 0.3, 0.02, 0.02])]
    shares += [(Feature("x", 0), 0.01)] * 16
    assert [share for _, share in outstanding(shares)] == [0.5, 0.3]
    assert outstanding([(low, 0.5), (high, 0.5)]) == [] == outstanding([])
