"""train: batches that leave nobody out, an optimiser that starts anew, and results that are a function of the seed."""

import numpy as np
import pytest

from reedmesh.inference import family
from reedmesh.learning.arrays import Floats
from reedmesh.learning.trainer import Trainer, _batches, fit


@pytest.fixture
def trainer() -> Trainer:
    return Trainer(family.load_family(family.find_family("vibration")).train_tflite)


def inputs(rows: int, length: int) -> Floats:
    """Vectors with something to learn: three hidden causes and a little noise."""
    random = np.random.default_rng(7)
    causes = random.normal(0, 1, (rows, 3)) @ random.normal(0, 1, (3, length))
    return (causes + random.normal(0, 0.1, causes.shape)).astype(np.float32)


def test_fit_learns_and_leaves_the_weights_it_was_given(trainer: Trainer) -> None:
    x, start = inputs(96, trainer.length), trainer.get()
    before, kept = trainer.loss(x), start.tobytes()
    weights = fit(trainer, start, x, epochs=30, rate=0.005, seed=1)
    trainer.set(weights)
    assert trainer.loss(x) < 0.1 * before
    assert start.tobytes() == kept


def test_fit_reports_every_epoch(trainer: Trainer) -> None:
    seen: list[tuple[int, float]] = []
    x = inputs(40, trainer.length)
    fit(trainer, trainer.get(), x, 4, 0.005, 1, lambda epoch, loss: seen.append((epoch, loss)))
    assert [epoch for epoch, _ in seen] == [1, 2, 3, 4]
    assert seen[-1][1] < seen[0][1] == pytest.approx(trainer_loss_of_start(x), rel=0.3)


def trainer_loss_of_start(x: Floats) -> float:
    return Trainer(family.load_family(family.find_family("vibration")).train_tflite).loss(x)


def test_fit_does_not_remember_what_the_trainer_did_before(trainer: Trainer) -> None:
    x, start = inputs(64, trainer.length), trainer.get()
    fresh = fit(trainer, start, x, 5, 0.005, seed=1)
    trainer.step(x[: trainer.batch], 0.1)
    assert fit(trainer, start, x, 5, 0.005, seed=1).tobytes() == fresh.tobytes()


def test_set_weights_makes_adam_forget_its_moments_and_steps(trainer: Trainer) -> None:
    x, start = inputs(trainer.batch, trainer.length), trainer.get()
    trainer.step(x, 0.01)
    first = trainer.get()
    trainer.step(x, 0.01)
    trainer.set(start)
    trainer.step(x, 0.01)
    assert trainer.get().tobytes() == first.tobytes() != start.tobytes()


def test_a_step_is_adams(trainer: Trainer) -> None:
    """Its first step moves every weight by the rate, whatever the gradient (Kingma and Ba 2015, section 2.1)."""
    x, start = inputs(trainer.batch, trainer.length), trainer.get()
    trainer.step(x, 0.01)
    moved = np.abs(trainer.get() - start)
    assert np.median(moved) == pytest.approx(0.01, rel=1e-3)
    assert moved.max() <= 0.0101


@pytest.mark.parametrize("count", [1, 31, 32, 33, 90])
def test_every_row_is_in_every_epoch_and_batches_are_full(count: int) -> None:
    batches = _batches(count, 32, np.random.default_rng(1))
    assert batches.shape == (-(-count // 32), 32)
    assert sorted(set(batches.ravel().tolist())) == list(range(count))
    assert len(set(batches.ravel()[:count].tolist())) == count


def test_other_seeds_order_rows_otherwise() -> None:
    one, two = (_batches(90, 32, np.random.default_rng(seed)).tolist() for seed in (1, 2))
    assert one != two
