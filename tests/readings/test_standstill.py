"""A machine that stands still is told of and not judged; after a start it is not judged until it has settled."""

from typing import ClassVar

import numpy as np
import pytest

from reedmesh.config.settings import AlertRule
from reedmesh.inference import features
from reedmesh.learning import gate
from reedmesh.protocol.recipe import Cycle, Recipe, Spectrum, Trend
from reedmesh.protocol.wire import Window
from reedmesh.readings import axes
from reedmesh.readings.line import Line
from reedmesh.readings.sensor import Sensor
from reedmesh.readings.standstill import Standstill

RUNNING, LEVELS, SILENT, NOISE = [20.0, 0.0], [20, 0], [-128, -128], [-100, -81]


def test_standstill_and_the_windows_after_it_are_not_judged() -> None:
    it = Standstill(40.0, 3)
    stopped = [it.look(each, RUNNING) for each in (LEVELS, SILENT, SILENT)]
    assert stopped == [False, True, False] and it.still and not it.judged
    judged = []
    for _ in range(5):
        it.look(LEVELS, RUNNING)
        judged.append(it.judged)
    assert judged == [False, False, False, True, True] and not it.still


def test_all_axes_must_be_quiet() -> None:
    it = Standstill(40.0, 0)
    assert it.is_still(NOISE, RUNNING) and it.is_still([-87, -107], RUNNING)
    assert not it.is_still([-128, 0], RUNNING)
    assert not it.is_still([-40, -60], RUNNING)  # 23 dB less is a fault as well as not
    assert Standstill(20.0, 0).is_still([-40, -60], RUNNING)


def test_what_never_moved_and_what_has_no_spectrum_is_judged() -> None:
    assert not Standstill(40.0, 0).is_still(SILENT, [-128.0, -90.0])
    assert not Standstill(40.0, 0).is_still([], [])
    assert not Standstill(0.0, 0).is_still(SILENT, RUNNING)


class Fan:
    """A model of a fan that is over whenever its RMS is not what it learnt."""

    key, digest, learnt, limits, length, threshold = bytes(8), bytes(32), None, None, 23, 100
    means: ClassVar = [0.0] * 20 + [40.0, 50.0, 0.0]

    def score(self, features: bytes) -> int:
        return 0 if features[20] == 40 else 10**6

    def scores(self, levels: list[int], sensor: Sensor) -> list[str]:
        """The alerts that windows with these RMS raise and end."""
        found = []
        for number, level in enumerate(levels):
            window = Window(bytes(20) + bytes([level & 255, 50, 0]), 1, number)
            change = sensor.take(window, float(number))[1]
            found += [change.what] if change else []
        return found


def fan() -> Sensor:
    sensor = Line(23, 10, AlertRule(settle=5), 1).sensor("fan")
    sensor.hello = {"features": Spectrum(64, 1, 20).table()}
    sensor.adopt(Fan(), 1)  # type: ignore[arg-type]
    return sensor


def test_stops_and_starts_of_a_machine_raise_nothing_and_a_fault_after_them_does() -> None:
    sensor = fan()
    ramp = [30, 10, -20]
    cycle = [40] * 8 + ramp + [-128] * 40 + ramp[::-1] + [40] * 8
    assert Fan().scores(cycle * 3, sensor) == [] and "still" not in sensor.summary()
    assert Fan().scores([-128] * 3, sensor) == [] and sensor.summary()["still"] is True
    assert Fan().scores([-128] * 3 + [30] * 12, sensor) == ["raised"]
    assert sensor.over == 3 * len(ramp) + 6  # of ramps, those before a standstill


def test_a_machine_that_must_never_stop_is_judged() -> None:
    sensor = fan()
    sensor.still = Standstill(0.0, 0)
    assert Fan().scores([40] * 20 + [-128] * 10, sensor) == ["raised"]


@pytest.mark.parametrize("recipe", [Spectrum(64, 2, 8), Trend(20, 2, 1), Cycle(60, 2, 8)])
def test_each_kind_of_features_says_how_much_an_axis_moves(recipe: Recipe) -> None:
    """A machine that moves a hundredth of what it did stands still, in what is judged and in what is learnt."""
    x = np.random.default_rng(1).normal(0, 9000, (60, recipe.samples, recipe.axes))
    x[40:] /= 1000
    made = features.extract(x.astype(np.int16), recipe)
    places = axes.movement_places(recipe.table(), recipe.length)
    levels = made[:, list(places)].tolist()
    it = Standstill(40.0, 0)
    assert [it.is_still(each, levels[0]) for each in levels] == [False] * 40 + [True] * 20
    assert gate.faults(made, recipe, 40.0)[gate.STANDSTILL].tolist() == [False] * 40 + [True] * 20


def test_slow_variables_rest_and_are_judged_unless_somebody_says_otherwise() -> None:
    assert gate.below(Trend(20, 2, 1), None) == 0.0 and gate.below(Trend(20, 2, 1), 30.0) == 30.0
    assert gate.below(Cycle(60, 2, 8), None) == gate.below(Spectrum(64, 2, 8), None) == 40.0
    assert gate.STANDSTILL not in gate.faults(np.zeros((3, 6), np.int8), Trend(20, 2, 1))
    assert axes.movement_places({"kind": "other", "axes": 2}, 6) == axes.movement_places(None, 6) == ()
