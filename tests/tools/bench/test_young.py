"""A young machine is given parts of its windows: all of them once, evenly or in a row."""

import numpy as np
import pytest

from reedmesh.inference.family import find_family, load_family
from tools.bench import young
from tools.bench.support.answers import answered


@pytest.mark.parametrize(("count", "parts"), [(240, 4), (180, 3), (62, 3), (46, 2), (20, 1)])
def test_parts_have_each_window_once(count: int, parts: int) -> None:
    windows = np.arange(count).astype(np.int8)[:, None]
    spread, in_a_row = young.spread(windows), young.in_a_row(windows)
    assert len(spread) == len(in_a_row) == parts
    assert sorted(np.concatenate(spread)[:, 0].tolist()) == sorted(windows[:, 0].tolist())
    assert all((np.diff(part[:, 0].astype(int) % 256) % 256 == parts).all() for part in spread if len(part) > 1)
    assert all((np.diff(part[:, 0].astype(int) % 256) % 256 == 1).all() for part in in_a_row)


def test_a_gain_is_of_onsets_beyond_those_that_normal_windows_raise() -> None:
    case = young.Case("fan", "imbalance", (0.5, 0.1, 0.3, 2.0), (0.9, 0.2, 0.1, 1.0))
    assert case.gain == pytest.approx(30) and case.calmer == pytest.approx(20)


def test_a_state_that_was_not_learnt_is_asked_about_and_then_learnt() -> None:
    """A machine of two speeds is learnt at the first; its second raises one alert, and none once it was answered."""
    family, random = load_family(find_family("vibration")), np.random.default_rng(1)
    slow, fast = (random.normal(level, 3, (120, family.recipe.length)).astype(np.int8) for level in (-30, 30))
    found = answered(family, slow[:60], np.concatenate([slow[60:90], fast[:60]]), [])
    assert found.answers == 1
    assert (found.model.scores(np.concatenate([slow[90:], fast[60:]])) > found.model.threshold).mean() < 0.1
    assert answered(family, slow[:60], slow[60:], []).answers == 0
    faulty = np.clip(fast[60:].astype(int) + 20, -128, 127).astype(np.int8)
    assert (found.model.scores(faulty) > found.model.threshold).all()
