"""Ours is compared with the baseline that finds most beyond its false alarms."""

from tools.bench.support.fault_table import SERVED, Row, comparisons
from tools.bench.support.onsets import Normal, Onset


def row(share: float, false: float = 0.0, starts: float = 0.0) -> list[Row]:
    return [Row("fan", "imbalance", Onset(share, 8.0), Normal(false, 0.0, starts))]


def test_the_best_baseline_is_not_the_one_that_always_alarms() -> None:
    ways = {"sums alone": row(1.0), SERVED: row(0.9), "5-NN": row(0.95), "forest": row(1.0, 8.0, 1.0)}
    (found,) = comparisons(ways, ["5-NN", "forest", "not measured"])
    assert found.way == "5-NN" and not found.holds and "DOES NOT HOLD" in str(found)
    (found,) = comparisons(ways | {SERVED: row(0.945)}, ["5-NN"])
    assert found.holds
    (found,) = comparisons(ways | {SERVED: row(1.0, 0.5)}, ["5-NN"])
    assert not found.holds


def test_seeds_count_by_their_mean_and_few_false_alerts_decide_between_equals() -> None:
    ways = {"sums alone": row(1.0), SERVED: row(0.5, 1.0), "forest": row(0.4, 1.0) + row(0.6, 1.0), "5-NN": row(0.5)}
    (found,) = comparisons(ways, ["forest", "5-NN"])
    assert found.way == "5-NN" and not found.holds
    (found,) = comparisons(ways, ["forest"])
    assert found.holds and found.best == (0.5, 0.5, 1.0)
