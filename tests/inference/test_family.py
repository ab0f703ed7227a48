"""The contract every model family keeps: what build.py made of its model.toml is what gateways and sensors count on."""

import dataclasses
import shutil
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reedmesh.alerts.debounce import Watcher
from reedmesh.errors import ConfigError
from reedmesh.inference import normalisation, runtime, tflite_file
from reedmesh.inference.family import Family, find_family, load_family, read_plan
from reedmesh.inference.model import Model
from reedmesh.learning import calibrate, quantise
from reedmesh.learning.candidate import Candidate, commission
from reedmesh.learning.trainer import Trainer, fit
from reedmesh.protocol import offer_frame, scaling
from tests.support import machines
from tests.support.paths import ROOT, TESTS

PLACES = ROOT / "models", TESTS / "families"
FOLDERS = sorted(
    path.parent for place in PLACES for path in place.glob("*/model.toml") if (path.parent / "build.py").exists()
)
GAINS = (
    1.08,
    1.04,
    1.02,
    1.15,
    1.01,
    1.3,
    1.6,
    2.0,
)  # how much louder a faulty machine is: what is hard depends on the family
VIBRATION = find_family("vibration")


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def family(request: pytest.FixtureRequest) -> Family:
    return load(request.param)


@cache
def load(folder: Path) -> Family:
    return load_family(folder)


@cache
def candidate(folder: Path) -> Candidate:
    family = load(folder)
    return commission(family, machines.windows(family.recipe), seed=1)


def test_train_tflite_has_the_four_signatures(family: Family) -> None:
    signatures = runtime.optimised(family.train_tflite).get_signature_list()
    assert {name: (sorted(s["inputs"]), s["outputs"]) for name, s in signatures.items()} == {
        "train": (["rate", "x"], ["loss"]),
        "infer": (["x"], ["reconstruction"]),
        "get_weights": (["dummy"], ["weights"]),
        "set_weights": (["weights"], ["size"]),
    }


def test_train_tflite_fits_its_plan(family: Family) -> None:
    trainer = Trainer(family.train_tflite)
    widths = [family.recipe.length, *family.architecture.hidden, family.recipe.length]
    assert (trainer.batch, trainer.length) == (family.training.batch, family.recipe.length)
    assert trainer.size == sum((a + 1) * b for a, b in pairwise(widths))


def test_weights_go_in_and_out_bit_for_bit(family: Family) -> None:
    trainer = Trainer(family.train_tflite)
    bits = np.random.default_rng(1).integers(0, 2**32, trainer.size, dtype=np.uint32)
    trainer.set(bits.view(np.float32))  # among them NaN with payloads, infinities and subnormal numbers
    assert trainer.get().view(np.uint32).tolist() == bits.tolist()


def test_float_tflite_takes_the_weights_and_computes_as_train_tflite(family: Family) -> None:
    trainer = Trainer(family.train_tflite)
    start = trainer.get()
    assert quantise.with_weights(family.float_tflite, start) == family.float_tflite
    weights = np.random.default_rng(1).normal(0, 0.1, trainer.size).astype(np.float32)
    trainer.set(weights)
    x = np.random.default_rng(2).normal(0, 1, (1, family.recipe.length)).astype(np.float32)
    interpreter = runtime.reference(quantise.with_weights(family.float_tflite, weights))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    reconstruction = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    assert trainer.loss(x) == pytest.approx(float(np.mean((reconstruction - x) ** 2)), rel=1e-5)


@pytest.mark.parametrize("rows", [1, 7, 200])
def test_infer_takes_any_number_of_rows(family: Family, rows: int) -> None:
    trainer = Trainer(family.train_tflite)
    x = np.random.default_rng(1).normal(0, 1, (rows, family.recipe.length)).astype(np.float32)
    assert trainer.loss(x) == pytest.approx(np.mean([trainer.loss(row[None]) for row in x]), rel=1e-5)


def test_int8_tflite_runs_and_never_alerts(family: Family) -> None:
    model = Model(family.int8_tflite)
    extreme = np.resize(np.array([-128, 127], dtype=np.int8), (2, family.recipe.length))
    assert model.length == family.recipe.length
    assert model.scores(extreme).max() < model.threshold


def test_learning_reduces_the_loss(family: Family, request: pytest.FixtureRequest) -> None:
    learnt = candidate(request.node.callspec.params["family"])
    untaught = replace(family, training=replace(family.training, epochs=0))
    assert learnt.estimate.loss < 0.8 * commission(untaught, machines.windows(family.recipe), seed=1).estimate.loss


def test_learning_again_gives_the_same_bytes(family: Family, request: pytest.FixtureRequest) -> None:
    assert commission(family, machines.windows(family.recipe), seed=1) == candidate(
        request.node.callspec.params["family"]
    )


def test_int8_judges_as_float_does(family: Family, request: pytest.FixtureRequest) -> None:
    learnt = candidate(request.node.callspec.params["family"])
    means, gains = calibrate.scaling_of(learnt.model)
    trainer = Trainer(family.train_tflite)
    trainer.set(np.frombuffer(learnt.weights, dtype=np.float32))

    def float_scores(features: np.ndarray) -> np.ndarray:
        z = normalisation.apply(features, means, gains).astype(np.float32) / np.float32(scaling.ONE)
        return np.array([trainer.loss(row[None]) for row in z])

    model, normal = Model(learnt.model), machines.windows(family.recipe, 1.0001)
    for gain in GAINS:
        louder = machines.windows(family.recipe, gain)
        ours = machines.auc(model.scores(normal), model.scores(louder))
        if 0.6 < ours < 0.999:
            break
    else:
        pytest.fail("no fault is hard enough for the comparison to mean something")
    assert ours == pytest.approx(machines.auc(float_scores(normal), float_scores(louder)), abs=0.005)


def test_sizes_fit_a_sensor(family: Family, request: pytest.FixtureRequest) -> None:
    learnt = candidate(request.node.callspec.params["family"])
    assert len(learnt.model) == len(family.int8_tflite) <= offer_frame.MAX_MODEL // 2
    if family.name == "vibration":
        assert len(learnt.model) < 16_000


def test_id_follows_architecture_and_recipe_and_nothing_else() -> None:
    plan = read_plan(VIBRATION)

    def other(part: str, **values: Any) -> str:
        old = getattr(plan, part)
        new = old | values if isinstance(old, dict) else dataclasses.replace(old, **values)
        return dataclasses.replace(plan, **{part: new}).id

    assert plan.id == "a5e490e50fd44fb1"  # gateways in service compare it
    assert other("training", epochs=1) == other("threshold", margin=2.0) == plan.id
    assert len({plan.id, other("architecture", hidden=(8,)), other("features", bands=8)}) == 3


def changed(folder: Path, old: str, new: str) -> Path:
    """A copy of the vibration family in `folder` with one line of its model.toml changed."""
    copy = folder / "vibration"
    shutil.copytree(VIBRATION, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    text = (copy / "model.toml").read_text()
    assert old in text
    (copy / "model.toml").write_text(text.replace(old, new, 1))
    return copy


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("epochs =", "epoch =", 'unknown key "training.epoch"; did you mean "training.epochs"?'),
        ("samples = 200", 'samples = "200"', "features.samples must be a whole number, not '200'"),
        ("samples = 200", "samples = 5", "features.samples must be 16 to 1024, not 5"),
        ("version = 1", "version = 9", "features.version is 9"),
        ("version = 1", 'version = 1\nkind = "sound"', "features.kind 'sound': there are cycle, spectrum, trend"),
        ("bands = 20", "hop = 20", "features.hop is no part of a recipe of kind spectrum"),
        (
            "hidden = [32, 8, 32]",
            "hidden = [32, 0, 32]",
            '"architecture.hidden[1]" must be at least 1 and at most 1024, not 0',
        ),
        ('name = "vibration"', 'name = "noise"', 'not "noise"'),
    ],
)
def test_a_fault_in_model_toml_names_file_and_key(tmp_path: Path, old: str, new: str, fault: str) -> None:
    folder = changed(tmp_path, old, new)
    with pytest.raises(ConfigError) as refusal:
        load_family(folder)
    assert str(refusal.value).startswith(f"{folder / 'model.toml'}: ")
    assert fault in str(refusal.value)


def test_a_family_that_was_not_built_says_how_to(tmp_path: Path) -> None:
    folder = changed(tmp_path, "epochs", "epochs")
    (folder / "float.tflite").unlink()
    with pytest.raises(ConfigError, match=r"float\.tflite: .*`make models`"):
        load_family(folder)


def test_find_knows_shipped_families_and_folders(tmp_path: Path) -> None:
    folder = changed(tmp_path, "epochs", "epochs")
    assert find_family("vibration") == VIBRATION
    assert load_family(find_family(str(folder))) == load_family(VIBRATION)
    with pytest.raises(ConfigError, match=r'no model family "vibrations"; known: .*vibration'):
        find_family("vibrations")


def test_every_buffer_of_int8_is_aligned(family: Family) -> None:
    for data in tflite_file.buffers(family.int8_tflite):
        assert len(data) < 64 or family.int8_tflite.index(data) % 16 == 0


def test_training_from_the_same_start_is_a_function_of_the_seed(family: Family) -> None:
    trainer = Trainer(family.train_tflite)
    start = trainer.get()
    x = np.random.default_rng(1).normal(0, 1, (3 * trainer.batch, trainer.length)).astype(np.float32)
    one, two, other = (fit(trainer, start, x, 3, 0.01, seed).tobytes() for seed in (1, 1, 2))
    assert one == two != other


def test_a_single_beat_raises_by_the_rule_of_its_family() -> None:
    rule = read_plan(find_family("heartbeat")).alerts
    watcher = Watcher("patient", rule)
    changes = [watcher.judge(score, 1.0, 2.0 * i) for i, score in enumerate([0.5] * 20 + [1.2] + [0.5] * 20)]
    assert next((i, change.type) for i, change in enumerate(changes) if change) == (20, "new")
    assert changes[-1] is None and watcher.alert is None, "and it is over soon"
