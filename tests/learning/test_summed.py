"""A round by sums: who is believed, what is objected to, and how far a threshold moves."""

from dataclasses import replace

import numpy as np
import pytest

from reedmesh.errors import DeployError
from reedmesh.inference.family import BEST, find_family, load_family
from reedmesh.inference.learnt import STEP_DB
from reedmesh.inference.model import Model
from reedmesh.learning import dataset, steps, summed, told
from reedmesh.learning.aggregate import Merged, Peer
from reedmesh.learning.evaluate import Estimate
from reedmesh.learning.steps import TrainingSet
from tests.support.machines import windows

FAMILY = load_family(find_family("vibration"))
RECIPE = FAMILY.recipe
NOTHING = np.zeros(sum(FAMILY.tensors), np.float32)


def peer(gain: float = 1.05) -> Peer:
    return Peer(NOTHING, 100, told=summed.learn(FAMILY, windows(RECIPE, gain, 120)).told)


def test_who_tells_sums_is_believed_with_a_share_and_others_are_not() -> None:
    own = summed.learn(FAMILY, windows(RECIPE, count=120)).told
    loud = Peer(NOTHING, 1, told=replace(own, scores={1000: 5}))
    merged = summed.believed(FAMILY, NOTHING, own, {"a": peer(), "b": peer(), "mute": Peer(NOTHING, 1), "loud": loud})
    assert list(merged.taken) == ["a", "b"] and merged.taken["a"] == merged.taken["b"] <= 1 / 3
    assert merged.refused["mute"] == "it tells no sums" and "a feature, ours" in merged.refused["loud"]


def test_a_lesson_is_a_model_with_what_it_is_worth() -> None:
    made = summed.candidate(FAMILY, windows(RECIPE, count=240), [])
    model = Model(made.model)
    assert model.learnt and model.threshold == made.threshold
    assert model.score(made.trial) == made.trial_score
    assert made.estimate.onset and made.estimate.onset > 0.3 and made.estimate.false_alarms <= 0.05
    assert set(made.estimate.lifts) == {f"band {i + 1}" for i in range(20)}
    assert model.learnt.sensitivity == pytest.approx(np.median(list(made.estimate.lifts.values())), abs=0.4)
    assert model.learnt.lifts == tuple(round(each / STEP_DB) for each in made.estimate.lifts.values())
    assert (model.learnt.windows, model.learnt.over) == (240, int((np.array(made.held_out) > model.threshold).sum()))
    lift = made.estimate.lifts["band 3"]
    assert 0.3 < lift < 31
    assert not made.objection and made.before is None


def test_a_smaller_lift_than_the_sensitivity_is_not_seen_and_a_larger_one_is() -> None:
    made, normal = summed.candidate(FAMILY, windows(RECIPE, count=240), []), windows(RECIPE, count=240)
    model, lift = Model(made.model), round(made.estimate.lifts["band 1"] / 0.376)
    change = summed.faultset.bands(RECIPE)["band 1"]
    for steps_up, seen in ((lift + 3, True), (max(0, lift - 3), False)):
        over = (model.scores(summed.faultset.applied(normal, steps_up * change)) > model.threshold).mean()
        assert bool(over >= 7 / 16) is seen


def test_the_threshold_moves_little_in_one_lesson() -> None:
    first = summed.candidate(FAMILY, windows(RECIPE, count=240), [])
    noise = np.random.default_rng(1).normal(0, 6, (240, RECIPE.length))
    wild = np.clip(windows(RECIPE, count=240) + noise, -128, 127).astype(np.int8)
    second = summed.candidate(FAMILY, wild, [], first.model)
    assert first.threshold / 1.11 <= second.threshold <= first.threshold * 1.11
    third, said = summed.candidate(FAMILY, wild, [], second.model), Model(second.model).learnt
    assert said and (said.first, said.morning) == (first.threshold, first.threshold)
    assert third.threshold >= first.threshold / 1.11 > summed.candidate(FAMILY, wild, [], second.model, day=1).threshold


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (Estimate(1, 0.01, 0.9), Estimate(1, 0.01, 0.86), ""),
        (
            Estimate(1, 0.01, 0.9),
            Estimate(1, 0.01, 0.8),
            "from 80% of the onsets of synthetic faults",
        ),
        (Estimate(1, 0.01, 0.9), Estimate(1, 0.04, 0.9), ""),
        (Estimate(1, 0.01, 0.9), Estimate(1, 0.08, 0.9), "false alarms 8.0% of held-out windows, 1.0% before"),
        (Estimate(1, 0.2, 0.9), Estimate(1, 0.08, 0.9), ""),
    ],
)
def test_a_candidate_that_sees_less_or_cries_wolf_stays_out(before: Estimate, after: Estimate, reason: str) -> None:
    said = summed.objection(before, after)
    assert reason in said and bool(reason) == bool(said)


def test_a_deaf_model_is_not_put_in_place_of_one_that_hears() -> None:
    """Learnt from windows that vary much more, unless somebody said that this is normal now."""
    good = summed.candidate(FAMILY, windows(RECIPE, count=240), [])
    noise = np.random.default_rng(1).normal(0, 25, (240, RECIPE.length))
    wild = np.clip(np.rint(windows(RECIPE, count=240) + noise), -128, 127).astype(np.int8)
    assert "onsets" in summed.candidate(FAMILY, wild, [], good.model).objection
    assert not summed.candidate(FAMILY, wild, [], good.model, anew=True).objection


def test_a_candidate_must_go_on_seeing_what_alerted_before() -> None:
    good = summed.candidate(FAMILY, windows(RECIPE, count=240), [])
    fault = summed.faultset.applied(windows(RECIPE, count=60), summed.faultset.changes(RECIPE)["gain +6 dB"])
    again = summed.candidate(FAMILY, windows(RECIPE, count=240), [], good.model, faults=fault)
    assert again.estimate.faults == 1.0 and again.before and again.before.faults == 1.0 and not again.objection
    blind = summed.objection(replace(again.before, faults=0.9), replace(again.estimate, faults=0.5))
    assert blind == "50% of the windows of former alerts are over the threshold, 90% before"


def test_each_sensor_gets_whichever_does_better() -> None:
    family = replace(FAMILY, training=replace(FAMILY.training, kind=BEST))
    training_set = TrainingSet(dataset.of(family, [windows(RECIPE, count=240)]))
    trained = steps.fit(family, [training_set], [steps.start(family)], 1, 1)
    assert trained.told and trained.told.scatter.freedom > 200
    made = steps.make(family, training_set, Merged(trained.weights, {}, {}), {})
    assert made.estimate.onset is not None
    assert made.estimate.onset >= summed.candidate(family, training_set.machine.windows, []).estimate.onset


def test_too_few_windows_are_refused() -> None:
    with pytest.raises(DeployError, match="at least 20"):
        summed.learn(FAMILY, windows(RECIPE, count=10))


def test_sums_of_a_gateway_are_those_of_its_machines() -> None:
    one, other = windows(RECIPE, count=100), windows(RECIPE, 1.1, 100)
    whole, loss = summed.telling(FAMILY, [one, other])
    parts = [summed.learn(FAMILY, each).told for each in (one, other)]
    assert (whole.scatter.matrix == parts[0].scatter.matrix + parts[1].scatter.matrix).all()
    assert sum(whole.scores.values()) == 200 and 0.3 < loss < 3
    assert told.unpack(told.pack(whole, parts[0]), parts[0]).scores == whole.scores
