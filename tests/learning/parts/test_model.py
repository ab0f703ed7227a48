"""A model of parts: told from OK parts alone, better with labels, the same on gateway and sensor to the bit."""

from pathlib import Path

import numpy as np
import pytest

from reedmesh.inference.features import extract
from reedmesh.inference.model import Model
from reedmesh.learning import sums
from reedmesh.learning.covariance import Scatter
from reedmesh.learning.parts import detector, model
from reedmesh.learning.parts.limits import Costs
from reedmesh.learning.parts.model import Taught
from reedmesh.protocol import verdict
from reedmesh.protocol.recipe import Cycle, Recipe, Trend
from tests.support.micropython import run
from tests.support.parts import RECIPE, strokes, taught
from tests.support.paths import SCRIPTS


@pytest.fixture(scope="module")
def labelled() -> model.PartModel:
    return model.learn(taught(60, 20), RECIPE, Costs())


@pytest.fixture(scope="module")
def unlabelled() -> model.PartModel:
    known = taught(40, 0)
    return model.learn(Taught(known.parts, known.labels, ["OK"]), RECIPE, Costs())


def of(kind: int, count: int = 200) -> np.ndarray:
    return extract(strokes(count, kind, np.random.default_rng(9 + kind)), RECIPE)


def test_faults_are_told_from_ok_parts_alone(unlabelled: model.PartModel) -> None:
    found = Model(unlabelled.tflite)
    passed = [np.mean([each.verdict == verdict.OK for each in found.judgements(of(kind))]) for kind in range(3)]
    assert passed[0] > 0.9 and passed[1] < 0.05 and passed[2] == 0.0
    assert {each.fault for each in found.judgements(of(2))} == {verdict.UNKNOWN}
    assert unlabelled.promise.ok == 40 and unlabelled.promise.overkill_bound > 0.05


def test_labels_give_classes(labelled: model.PartModel) -> None:
    found = Model(labelled.tflite)
    for kind in (1, 2):
        judged = found.judgements(of(kind))
        assert np.mean([each.verdict != verdict.OK for each in judged]) > 0.97
        assert np.mean([each.fault == kind for each in judged]) > 0.95
    assert np.mean([each.verdict == verdict.OK for each in found.judgements(of(0))]) > 0.97


def test_a_fault_nobody_labelled_is_still_no_ok_part(labelled: model.PartModel) -> None:
    strange = strokes(100, 0, np.random.default_rng(3))
    strange[:, :, 1] = 8000 - strange[:, :, 1]
    judged = Model(labelled.tflite).judgements(extract(strange, RECIPE))
    assert all(each.verdict != verdict.OK for each in judged)


def test_the_sensor_judges_as_the_gateway_does(
    labelled: model.PartModel, unlabelled: model.PartModel, tmp_path: Path
) -> None:
    parts = np.concatenate([of(kind, 20) for kind in range(3)])
    (tmp_path / "parts").write_bytes(parts.tobytes())
    for each in (labelled, unlabelled):
        (tmp_path / "model").write_bytes(each.tflite)
        said = run(SCRIPTS / "judge_parts.py", tmp_path / "model", tmp_path / "parts").splitlines()
        judged = Model(each.tflite).judgements(parts)
        assert said == [f"{it.score} {it.against} {it.verdict} {it.fault}" for it in judged]


def test_the_same_parts_give_the_same_bytes(labelled: model.PartModel) -> None:
    assert model.learn(taught(60, 20), RECIPE, Costs()).tflite == labelled.tflite


def test_nineteen_parts_are_too_few() -> None:
    with pytest.raises(ValueError, match="19 OK parts, at least 20 are needed"):
        model.learn(taught(19, 5), RECIPE, Costs())


def test_a_few_parts_that_hardly_move_are_enough() -> None:
    """Rounded to whole squared steps, the scatter of these is no covariance any more."""
    rng = np.random.default_rng(12)
    count = int(rng.integers(20, 40))
    causes = (rng.random((count, 6)) < 0.15).astype(int)
    parts = (causes @ (rng.random((6, RECIPE.length)) < 0.3)).astype(np.int8)
    assert (detector.learn(parts, RECIPE).held_out >= 0).all()


def test_two_parts_of_a_fault_are_no_class() -> None:
    made = model.learn(taught(30, 2), RECIPE, Costs())
    assert made.limits.classes == [] and made.promise.nok == 4


def test_neighbours_that_know_ok_parts_help_a_young_machine() -> None:
    many = Scatter(sums.of(taught(400, 0).parts).scatter, 399)
    young = taught(20, 0, seed=5).parts
    alone, together = (detector.learn(young, RECIPE, known).model.scores(of(0)) for known in ((), (many,)))
    assert np.quantile(together, 0.9) < np.quantile(alone, 0.9)


@pytest.mark.parametrize(("recipe", "rows"), [(Cycle(152, 1, 76), 80), (Cycle(15, 6, 5), 84), (Trend(20, 8, 1), 24)])
def test_each_feature_is_pooled_once(recipe: Recipe, rows: int) -> None:
    pool = detector.pooling(recipe)
    assert pool.shape == (rows, recipe.length) and (pool.sum(axis=0) == 1).all()
