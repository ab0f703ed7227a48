"""Quality figures of parts against their definitions."""

import numpy as np
import pytest

from reedmesh.readings import quality
from reedmesh.readings.quality import FEWEST_GROUPS, GROUP, Control, Row


def test_yield_and_pareto() -> None:
    rows = [Row("OK")] * 95 + [Row("NOK", "crack")] * 3 + [Row("NOK", "bent"), Row("unsure", "")]
    told = quality.figures([*rows, Row("")])
    assert told["parts"] == 101 and told["judged"] == 100 and told["yield"] == 0.95
    assert told["pareto"] == [["crack", 3], ["bent", 1], ["unknown", 1]]


def test_counted_parts_give_the_same_figures() -> None:
    rows = [Row("OK")] * 95 + [Row("NOK", "crack")] * 3 + [Row("NOK", "bent"), Row("unsure", ""), Row("")]
    made = [("OK", "", 95), ("NOK", "crack", 3), ("NOK", "bent", 1), ("unsure", "", 1), ("", "", 1)]
    told = quality.figures(rows)
    assert quality.counted(made) == {key: told[key] for key in ("parts", "judged", "yield", "pareto")}


def test_escape_and_overkill_follow_from_labels_with_bounds() -> None:
    rows = [Row("OK", label="OK")] * 57 + [Row("NOK", label="OK")] * 3 + [Row("NOK", label="bent")] * 20
    told = quality.estimated([*rows, Row("OK", label="bent"), Row("OK")])
    assert told["labelled"] == {"OK": 60, "NOK": 21}
    assert told["overkill"] == {"share": 0.05, "at_most": pytest.approx(0.1243, abs=0.001)}
    assert told["escape"]["share"] == pytest.approx(1 / 21, abs=1e-4) and told["escape"]["at_most"] > 0.19
    assert quality.estimated([Row("OK")])["escape"] is None


def test_a_p_chart_has_limits_of_a_binomial_share() -> None:
    rejected = [number % 10 == 0 for number in range(500)]
    told = quality.p_chart(rejected)
    assert told["shares"] == [0.1] * 10 and told["mean"] == 0.1 and told["broken"] == []
    assert told["high"] == pytest.approx(0.1 + 3 * (0.09 / 50) ** 0.5, abs=1e-4) and told["low"] == 0.0


def test_a_bad_subgroup_breaks_rule_one() -> None:
    rejected = [number % 10 == 0 for number in range(500)] + [True] * 25 + [False] * 25
    assert [each["rule"] for each in quality.p_chart(rejected)["broken"]] == [1]


@pytest.mark.parametrize(
    ("points", "rules"),
    [
        ([0.0, 0.1, -0.2, 4.0], [1]),
        ([1.0] * 9, [2]),
        ([-0.1, 0.4, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [3]),
        ([0.5, -0.5] * 7, [4]),
        ([0.5, -0.5, 0.4, 0.3, -0.2], []),
        ([], []),
    ],
)
def test_nelson_s_rules(points: list[float], rules: list[int]) -> None:
    assert quality.broken(points, 0.0, 3.0) == rules


def test_rules_are_rare_in_a_process_under_control() -> None:
    values = np.random.default_rng(1).normal(0, 1, 2000)
    found = [quality.broken(values[:at].tolist(), 0.0, 3.0) for at in range(20, 2000)]
    assert np.mean([1 in each for each in found]) < 0.006
    assert np.mean([bool(each) for each in found]) < 0.02


def test_single_values_have_limits_by_their_moving_range() -> None:
    told = quality.individuals([10, 12, 10, 12, 10, 12])
    assert told["mean"] == 11 and told["high"] == pytest.approx(11 + 2.66 * 2) and told["values"][-1] == 12
    assert quality.individuals([1])["broken"] == []


def test_a_process_that_drifts_is_out_of_control_before_parts_fail() -> None:
    it, rng = Control(), np.random.default_rng(1)
    for _ in range(20 * GROUP):
        it.add(bool(rng.random() < 0.02), int(rng.normal(-60, 8)))
        assert not it.broken
    for _ in range(2 * GROUP):
        it.add(bool(rng.random() < 0.02), int(rng.normal(-45, 8)))
    assert "evidence of passed parts: a point lies beyond three standard deviations" in it.broken


def test_more_rejected_parts_are_out_of_control_and_a_calm_process_is_not_for_long() -> None:
    it, rng, alarms = Control(), np.random.default_rng(2), 0
    for _ in range(400):
        for _ in range(GROUP):
            it.add(bool(rng.random() < 0.05), int(rng.normal(-60, 8)))
        alarms += bool(it.broken)
    assert alarms / 400 < 0.06, "rules 1 to 4 on two charts: some false alarms are theirs by nature"
    for _ in range(GROUP):
        it.add(bool(rng.random() < 0.4), -60)
    assert "NOK share: a point lies beyond three standard deviations" in it.broken


def test_few_parts_break_nothing() -> None:
    it = Control()
    for _ in range((FEWEST_GROUPS - 1) * GROUP):
        it.add(True, None)
    assert it.broken == ""
