"""The yardstick: what an alert's rule makes of scores is counted as people would count it."""

import numpy as np

from reedmesh.config.settings import AlertRule
from tools.bench.support.onsets import Onset, of_fault, of_normal


def test_a_fault_above_the_threshold_is_found_after_seven_windows() -> None:
    found = of_fault(np.full(200, 2.0), 1.0)
    assert (found.share, found.delay) == (1.0, 7.0)
    missed = of_fault(np.full(200, 0.5), 1.0)
    assert missed.share == 0.0 and np.isnan(missed.delay)


def test_a_fault_that_shows_half_the_time_is_found_later() -> None:
    assert of_fault(np.arange(200) % 2 * 2.0, 1.0).delay > 10


def test_false_alerts_are_counted_in_a_thousand_windows() -> None:
    scores = np.zeros(500)
    scores[100:120] = scores[300:320] = 2.0
    normal = of_normal(scores, 1.0)
    assert (normal.false, normal.over) == (4.0, 0.08) and 0.2 < normal.starts < 0.4
    assert of_normal(np.zeros(500), 1.0).starts == 0.0


def test_where_a_single_window_raises_each_is_a_fault_of_its_own() -> None:
    scores = np.array([1, 9, 1, 9, 9, 1, 1, 1])
    assert of_fault(scores, 5.0, AlertRule(on=1, of=1)) == Onset(3 / 8, 1.0)
