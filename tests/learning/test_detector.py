"""Learning by sums: states are found, faults are seen, neighbours help, liars do not hurt, and LiteRT agrees."""

from dataclasses import replace

import numpy as np
import pytest

from reedmesh.inference import learnt
from reedmesh.inference.model import Model
from reedmesh.learning import covariance, detector, export, faultset, states, threshold
from reedmesh.learning.covariance import Scatter
from reedmesh.learning.told import Told
from reedmesh.protocol.recipe import Cycle, Recipe, Spectrum, Trend

P = 12
OTHER = Recipe(30, 1, 30, 21)
MARGIN = 1.8


def machine(seed: int, count: int, speeds: tuple[int, ...] = (0,), lift: int = 0) -> np.ndarray:
    """Windows of a machine whose features share two loads, at several speeds in turn; `lift` is a fault."""
    loads = np.random.default_rng(99).normal(0, 3, (2, P))
    random = np.random.default_rng(seed)
    speed = np.array(speeds)[np.arange(count) // 20 % len(speeds)]
    x = random.normal(0, 2, (count, P)) + random.normal(0, 1, (count, 2)) @ loads + speed[:, None]
    x[:, 3] += lift
    return np.clip(np.rint(x), -128, 127).astype(np.int8)


def over(it: detector.Detector, windows: np.ndarray) -> float:
    return float((it.model.scores(windows) > MARGIN * it.base).mean())


@pytest.mark.parametrize("speeds", [(0,), (-60, 0, 60)])
def test_a_fault_is_seen_and_normal_windows_are_not(speeds: tuple[int, ...]) -> None:
    it = detector.learn(machine(1, 240, speeds))
    assert len(it.states) == len(speeds)
    assert over(it, machine(2, 240, speeds)) < 0.05
    assert over(it, machine(3, 240, speeds, lift=20)) > 0.9


@pytest.mark.parametrize("speeds", [(0,), (-60, 60), (-90, -30, 30, 90)])
def test_the_model_computes_what_litert_does(speeds: tuple[int, ...]) -> None:
    it = detector.learn(machine(1, 240, speeds))
    made = Model(export.to_tflite(it.model, 12345))
    odd = np.random.default_rng(4).integers(-128, 128, (500, P)).astype(np.int8)
    windows = np.concatenate([machine(2, 240, speeds), odd])
    assert made.threshold == 12345
    assert (made.scores(windows) == it.model.scores(windows)).all()


def test_the_same_windows_give_the_same_bytes() -> None:
    one, two = (export.to_tflite(detector.learn(machine(1, 120, (0, 50))).model, 1) for _ in range(2))
    assert one == two


def test_a_window_is_scored_by_a_model_without_it() -> None:
    """One window like no other scores far higher held out than by the model that learnt it."""
    windows = machine(1, 120)
    windows[50] = 100
    it = detector.learn(windows)
    assert it.held_out[50] > 3 * it.model.scores(windows[50:51])[0]


def test_neighbours_make_a_young_machine_surer() -> None:
    told = [detector.learn(machine(10 + i, 240)).told for i in range(3)]
    young = machine(1, 24)
    alone, together = detector.learn(young), detector.learn(young, told)
    assert together.own < alone.own == 1.0
    fault = machine(3, 240, lift=14)
    assert over(together, machine(2, 240)) <= 0.05
    assert over(together, fault) > over(alone, fault)


def lies(honest: Told) -> dict[str, Told]:
    noise = np.random.default_rng(1).integers(-60, 60, (100, P))
    loud = {each + 300: count for each, count in honest.scores.items()}
    faults = detector.within(states.split(machine(3, 240, lift=90), np.zeros(240, int)))
    return {
        "noise": Told(Scatter(noise.T @ noise, 100), honest.scores),
        "flip": Told(Scatter(honest.scatter.matrix[::-1, ::-1].copy(), honest.scatter.freedom), honest.scores),
        "scaled": Told(Scatter(honest.scatter.matrix * 1000, honest.scatter.freedom), loud),
        "faults": Told(replace(faults, freedom=1), {threshold.BINS - 1: 2**32 - 1}),
    }


@pytest.mark.parametrize("kind", ["noise", "flip", "scaled", "faults"])
def test_a_liar_hardly_matters(kind: str) -> None:
    told = [detector.learn(machine(10 + i, 240)).told for i in range(2)]
    windows, fault = machine(1, 240), machine(3, 240, lift=14)
    honest = detector.learn(windows, told)
    lied = detector.learn(windows, [told[0], lies(told[1])[kind]])
    assert over(lied, fault) >= over(honest, fault) - 0.05
    assert over(lied, machine(2, 240)) < 0.05


def test_a_neighbour_is_clipped_in_the_direction_it_inflates() -> None:
    own = detector.within(states.split(machine(1, 240), np.zeros(240, int)))
    inflated = own.matrix.copy()
    inflated[3, 3] *= 100
    federation = covariance.pooled(own, [own, Scatter(inflated, own.freedom)])
    assert federation is not None
    assert federation[3, 3] < 4 * own.covariance[3, 3]
    assert covariance.pooled(own, []) is None
    assert covariance.pooled(own, [Scatter(inflated, 0)]) is None


def test_few_windows_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 20"):
        detector.learn(machine(1, 19))


def test_windows_that_never_change_are_learnt_too() -> None:
    it = detector.learn(np.zeros((60, P), np.int8))
    assert over(it, np.zeros((10, P), np.int8)) == 0.0


def test_a_state_seen_once_is_none() -> None:
    windows = machine(1, 120)
    windows[7] = 110
    assert len(states.split(windows, states.assign(windows, 2))) == 1


def test_quantiles_come_out_of_histograms() -> None:
    scores = np.random.default_rng(1).gamma(20, 50, 5000).astype(np.int64)
    for share in (0.5, 0.95):
        assert threshold.quantile(threshold.histogram(scores), share) == pytest.approx(
            np.quantile(scores, share), rel=0.03
        )
    assert threshold.quantile({}, 0.95) == 0.0


def test_no_gateway_decides_another_threshold() -> None:
    assert threshold.combined(800, []) == 800
    assert threshold.combined(800, [960, 1e12]) == threshold.combined(800, [960]) == 800
    assert threshold.combined(800, [960, 1e12, 900]) == 900
    assert threshold.combined(800, [2400] * 8) == 1200
    assert threshold.combined(900, [300] * 8) == 600


def test_held_out_blocks_cover_every_window_once() -> None:
    for count, apart in ((20, 1), (46, 1), (240, 1), (1000, 20)):
        part = threshold.folds(count, apart)
        assert set(part) == {0, 1, 2, 3}
        assert (part[:-1] != part[1:]).sum() <= max(count / 2, 40) / apart


@pytest.mark.parametrize(
    "recipe", [Spectrum(200, 3, 20), Spectrum(64, 1, 5), Trend(20, 8, 1), Cycle(60, 2, 4), Cycle(720, 1, 16), OTHER]
)
def test_synthetic_faults_change_windows(recipe: Recipe) -> None:
    windows = np.random.default_rng(1).integers(-60, 60, (4, recipe.length)).astype(np.int8)
    for name, faulty in faultset.faulty(recipe, windows).items():
        assert faulty.shape == windows.shape and faulty.dtype == np.int8
        assert (faulty != windows).any(axis=1).all(), name
    assert all((change == 1).any() and change.max() == 1 for change in faultset.bands(recipe).values())


def test_the_smallest_lift_is_found() -> None:
    change = np.array([1, 0])
    windows = np.zeros((10, 2), np.int8)
    found = faultset.smallest_lift(lambda x: x[:, 0].astype(np.int64), 20, windows, change, 0.5)
    assert found == 21
    assert faultset.smallest_lift(lambda x: x[:, 1].astype(np.int64), 20, windows, change, 0.5) == learnt.MOST


def test_onset_counts_starts_from_which_an_alert_is_raised() -> None:
    quiet = np.zeros(120, bool)
    assert faultset.onset(quiet, 7, 16) == 0.0
    assert faultset.onset(~quiet, 7, 16) == 1.0
    assert faultset.onset(np.arange(120) >= 100, 7, 16) == 1 / 6


def test_where_a_single_window_raises_each_is_an_onset() -> None:
    assert faultset.onset(np.arange(120) >= 90, 1, 1) == 0.25


def test_a_part_of_a_curve_that_comes_early_is_moved_and_the_rest_is_not() -> None:
    recipe = Cycle(64, 1, 16)
    window = np.arange(recipe.length, dtype=np.int8)[None]
    early = faultset.faulty(recipe, window)["early in the second half"]
    assert early[0, :16].tolist() == [*range(8), *range(10, 16), 14, 15]
