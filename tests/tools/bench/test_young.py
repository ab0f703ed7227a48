"""A young machine is given parts of its windows: all of them once, evenly or in a row."""

import numpy as np
import pytest

from tools.bench import young


@pytest.mark.parametrize(("count", "parts"), [(240, 4), (180, 3), (62, 3), (46, 2), (20, 1)])
def test_parts_have_each_window_once(count: int, parts: int) -> None:
    windows = np.arange(count).astype(np.int8)[:, None]
    spread, in_a_row = young.spread(windows), young.in_a_row(windows)
    assert len(spread) == len(in_a_row) == parts
    assert sorted(np.concatenate(spread)[:, 0].tolist()) == sorted(windows[:, 0].tolist())
    assert all((np.diff(part[:, 0].astype(int) % 256) % 256 == parts).all() for part in spread if len(part) > 1)
    assert all((np.diff(part[:, 0].astype(int) % 256) % 256 == 1).all() for part in in_a_row)


def test_a_gain_is_of_onsets_beyond_those_that_normal_windows_raise() -> None:
    case = young.Case("fan", "imbalance", (0.5, 0.1, 0.3), (0.9, 0.2, 0.1))
    assert case.gain == pytest.approx(30) and case.calmer == pytest.approx(20)
