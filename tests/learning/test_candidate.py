"""commission: from a machine's normal windows to a model that tells the same machine, louder, from itself."""

import dataclasses
import hashlib
import math
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from functools import cache

import numpy as np
import pytest

from reedmesh.errors import DeployError
from reedmesh.inference import normalisation
from reedmesh.inference.family import Family, find_family, load_family
from reedmesh.inference.model import Model
from reedmesh.learning.candidate import Candidate, commission
from tests.support import machines
from tests.support.timeouts import PATIENCE


@cache
def family() -> Family:
    return load_family(find_family("vibration"))


@cache
def features() -> np.ndarray:
    return machines.windows(family().recipe, count=240)


@cache
def candidate() -> Candidate:
    return commission(family(), features(), seed=1)


def test_normal_windows_pass_and_a_fault_does_not() -> None:
    model = Model(candidate().model)
    later, louder = machines.windows(family().recipe, 1.0001), machines.windows(family().recipe, 2.0)
    assert (model.scores(later) > model.threshold).mean() < 0.02
    assert (model.scores(louder) > model.threshold).mean() > 0.98


def test_the_threshold_is_the_margin_over_the_quantile_of_the_last_windows() -> None:
    model = Model(candidate().model)
    held_out = model.scores(features()[-60:])
    assert candidate().held_out == tuple(held_out.tolist())
    assert candidate().threshold == model.threshold == math.ceil(1.6 * np.quantile(held_out, 0.99))


def test_moments_are_those_of_the_windows_learnt_from() -> None:
    assert candidate().moments == normalisation.fit(features()[:-60])


def test_the_trial_scores_here_what_the_sensor_shall_find() -> None:
    assert Model(candidate().model).score(candidate().trial) == candidate().trial_score == max(candidate().held_out)


def test_other_windows_or_another_seed_make_another_model() -> None:
    digests = {
        hashlib.sha256(each.model).digest()
        for each in (
            candidate(),
            commission(family(), features(), seed=2),
            commission(family(), features()[::-1], seed=1),
        )
    }
    assert len(digests) == 3


def test_learning_in_a_process_of_its_own_gives_the_same_lesson() -> None:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(commission, family(), features(), 1).result(timeout=PATIENCE) == candidate()
    assert pickle.loads(pickle.dumps(family())) == family()


def test_a_machine_that_stands_still_is_learnt_too() -> None:
    still = np.full((240, family().recipe.length), -128, dtype=np.int8)
    learnt = commission(family(), still, seed=1)
    model = Model(learnt.model)
    assert model.score(still[0]) <= model.threshold < model.score(features()[0])


def test_few_windows_are_enough_to_go_on() -> None:
    assert len(commission(family(), features()[:4], seed=1).held_out) == 1


@pytest.mark.parametrize("shape", [(0, 69), (2, 69), (240, 10), (69,)])
def test_too_few_windows_or_another_recipe_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DeployError, match="cannot learn vibration from features"):
        commission(family(), np.zeros(shape, dtype=np.int8), seed=1)


def test_a_wider_margin_only_moves_the_threshold() -> None:
    wide = dataclasses.replace(family(), threshold=dataclasses.replace(family().threshold, margin=3.0))
    other = commission(wide, features(), seed=1)
    assert other.weights == candidate().weights
    assert other.threshold == pytest.approx(3.0 / 1.6 * candidate().threshold, abs=2)
