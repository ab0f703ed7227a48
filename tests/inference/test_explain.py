"""Features as people read them: of every kind of recipe named, in their units, with the channels' own names."""

from typing import Any

import numpy as np
import pytest

from reedmesh.config.settings import AlertRule
from reedmesh.inference import explain, features
from reedmesh.inference.learnt import Learnt
from reedmesh.protocol.recipe import Cycle, Recipe, Spectrum, Trend
from reedmesh.readings.line import Line


class Known:
    """A model that knows normal, every feature is 10 steps, give or take 4; and of three bands what alerts."""

    learnt = Learnt(lifts=(8, 16, 81))
    length = 6

    def normal(self) -> tuple[np.ndarray, np.ndarray]:
        return np.full(6, 10.0), np.full(6, 4.0)


@pytest.mark.parametrize("recipe", [Spectrum(200, 3, 20), Trend(20, 8, 1), Cycle(15, 6, 5)])
def test_every_feature_has_a_name_a_unit_and_an_axis(recipe: Recipe) -> None:
    named = explain.features(recipe, 200.0)
    assert len(named) == recipe.length
    assert len({(each["feature"], each["axis"]) for each in named}) == recipe.length
    assert {each["axis"] for each in named} == set(range(recipe.axes))


def test_a_band_says_its_frequencies() -> None:
    first, *_, last = explain.features(Spectrum(200, 1, 20), 200.0)[:20]
    assert first["hz"][0] == pytest.approx(200 / 256, abs=0.01) and last["hz"][1] == 100.0
    assert "hz" not in explain.features(Spectrum(200, 1, 20))[0]


def test_a_trend_is_told_in_percent_of_the_range_and_decibels() -> None:
    recipe = Trend(20, 2, 1)
    readings = np.stack([np.full(20, 16384), np.linspace(-1310, 1310, 20)], axis=1).astype(np.int16)
    vector = features.extract(readings[None], recipe)[0].tobytes()
    picture = explain.picture(recipe, Known(), [(7.0, vector)], names=["pressure", "flow"])  # type: ignore[arg-type]
    level, slope, _, level2, slope2, spread = picture["now"]
    assert (level, slope, level2) == (75.0, 0.0, 50.0) and slope2 == pytest.approx(2.1, abs=0.2)
    assert spread == pytest.approx(20 * np.log10(np.std(readings[:, 1])), abs=0.4)
    assert picture["normal"][:2] == [53.91, 1.95] and picture["spread"][:2] == [1.56, 0.78]
    assert [each["name"] for each in picture["features"][2:4]] == ["pressure", "flow"]


def test_each_band_says_what_it_must_rise_by_to_alert() -> None:
    picture = explain.picture(Spectrum(16, 1, 3), Known(), [])  # type: ignore[arg-type]
    assert picture["lifts"] == [3.0, 6.0, 30.5, None, None, None]


def test_a_cycle_is_told_in_percent_of_the_range_and_decibels() -> None:
    recipe = Cycle(16, 1, 2)
    readings = np.repeat([0, 16384], 8).astype(np.int16)
    picture = explain.picture(recipe, None, [(7.0, features.extract(readings[None, :, None], recipe)[0].tobytes())])
    first, second, _, step, highest, lowest, spread, largest = picture["now"]
    assert (first, second, highest, lowest) == (50.0, 75.0, 75.0, 50.0)
    assert step == pytest.approx(25, abs=0.11)  # a quarter of the range, where a step saturates
    assert spread == pytest.approx(20 * np.log10(8192), abs=0.4)
    assert largest == pytest.approx(20 * np.log10(16384), abs=0.4)


@pytest.mark.parametrize(
    ("channels", "names"),
    [
        ([{"name": "pressure", "pin": 34}, {"name": "flow"}], ["pressure", "flow"]),
        ([{"name": "pressure"}, {}], []),
        ([{"name": 7}], []),
        ("pressure", []),
        (None, []),
    ],
)
def test_a_sensor_s_channels_have_the_names_it_was_given(channels: Any, names: list[str]) -> None:
    sensor = Line(6, 10, AlertRule(), 1).sensor("pump")
    sensor.hello = {"sensor": {"channels": channels}}
    assert sensor.channels == names
