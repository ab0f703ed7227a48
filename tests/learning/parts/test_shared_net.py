"""What a gateway tells of its faults: it tells a neighbour's parts apart, and what ours do not bear out is left out."""

from collections.abc import Iterator

import numpy as np
import pytest

from reedmesh.inference import normalisation
from reedmesh.inference.family import part_tensors
from reedmesh.inference.model import Model
from reedmesh.learning import sums
from reedmesh.learning.arrays import Floats
from reedmesh.learning.covariance import Scatter
from reedmesh.learning.parts import classifier, detector, shared_net, together
from reedmesh.learning.parts.limits import Costs
from reedmesh.learning.parts.model import Taught
from reedmesh.learning.parts.together import Heard, Learnt
from reedmesh.learning.told import Told
from reedmesh.protocol import verdict
from tests.support.parts import NAMES, RECIPE, taught

HIDDEN = 16
NOTHING = np.zeros(sum(part_tensors(RECIPE.length, HIDDEN)), np.float32)


def learnt(known: Taught, **heard: Heard) -> Learnt:
    return together.learn(known, RECIPE, Costs(), heard, HIDDEN)


def few(labels: str, seed: int = 3) -> Taught:
    """24 OK parts, and of each kind of fault so many labelled."""
    whole, counts = taught(24, 40, seed), {0: 24, 1: int(labels[0]), 2: int(labels[1])}
    rows = np.concatenate([np.flatnonzero(whole.labels == kind)[:count] for kind, count in counts.items()])
    return Taught(whole.parts[rows], np.where(whole.labels[rows] > 0, 1, 0), ["OK", "NOK"])


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """A quarter of the steps is enough for parts as different as these."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier, "STEPS", 400)
        yield


@pytest.fixture(scope="module")
def knowing() -> Learnt:
    return learnt(taught(60, 20, seed=2))


def heard(it: Learnt, weights: Floats | None = None) -> Heard:
    return Heard(it.told, it.weights if weights is None else weights)


def test_what_is_told_is_read_as_it_was_meant(knowing: Learnt) -> None:
    known = taught(60, 20, seed=2)
    z = normalisation.apply(known.parts, knowing.made.means, knowing.made.gains)
    meant = shared_net.learn(z, knowing.made.gains, known.labels, HIDDEN)
    found = shared_net.read(knowing.weights, RECIPE.length)
    assert found and len(knowing.weights) == sum(part_tensors(RECIPE.length, HIDDEN))
    ours, theirs = (each.over(knowing.made.gains).logits(z / 8) for each in (meant, found))
    assert np.abs(ours - theirs).max() < 1e-3
    assert shared_net.read(NOTHING, RECIPE.length) is None


def test_a_machine_whose_curves_lie_elsewhere_is_told_apart_as_well(knowing: Learnt) -> None:
    found, known = shared_net.read(knowing.weights, RECIPE.length), taught(30, 10, seed=8)
    shift = np.random.default_rng(1).integers(-20, 20, RECIPE.length)
    moved = np.clip(known.parts.astype(int) + shift, -128, 127).astype(np.int8)
    assert found and shared_net.apart(found, moved, known.labels) > 0.95


def test_all_vote_and_ours_names_the_fault(knowing: Learnt) -> None:
    known, net = taught(30, 10, seed=8), knowing.made.net
    found = shared_net.read(knowing.weights, RECIPE.length)
    assert net and found
    z, other = normalisation.apply(known.parts, knowing.made.means, knowing.made.gains), found.over(knowing.made.gains)
    whole = shared_net.joined(net, [other, other], 0.5, z).logits(z / 8)
    wanted = (net.logits(z / 8) + shared_net.spread(shared_net.margins(other, z), len(NAMES))) / 2
    assert np.abs(whole - wanted).max() < 1e-6


def test_a_neighbour_s_faults_are_rejected_here_before_anybody_labelled_them(knowing: Learnt) -> None:
    young = few("40")
    alone, both = learnt(young), learnt(young, north=heard(knowing))
    assert list(both.apart) == ["north"] and both.apart["north"] > 0.9 and both.refused == {}
    cracks = taught(0, 100, seed=21)
    against = [
        np.mean([it.against for it in Model(each.made.tflite).judgements(cracks.parts)]) for each in (alone, both)
    ]
    assert against[1] > against[0]
    ok = [it.verdict for it in Model(both.made.tflite).judgements(taught(200, 0, seed=22).parts)]
    assert np.mean([each == verdict.OK for each in ok]) > 0.8


def test_who_labelled_nothing_tells_nothing_and_takes_no_network(knowing: Learnt) -> None:
    young = learnt(Taught(few("00").parts, few("00").labels, ["OK"]), north=heard(knowing))
    assert not young.weights.any() and young.apart == {}


@pytest.mark.parametrize("lie", ["turned", "noise", "huge", "nothing"])
def test_a_network_that_does_not_tell_our_parts_apart_is_left_out(knowing: Learnt, lie: str) -> None:
    true = knowing.weights
    said = {
        "turned": np.concatenate([-true[: -2 * RECIPE.length], true[-2 * RECIPE.length :]]),
        "noise": np.random.default_rng(1).normal(0, 1, len(true)).astype(np.float32),
        "huge": np.full_like(true, 1e3),
        "nothing": NOTHING,
    }[lie]
    alone, both = learnt(few("44")), learnt(few("44"), liar=heard(knowing, said.astype(np.float32)))
    assert "liar" not in both.apart or both.apart["liar"] >= shared_net.LEAST
    if "liar" not in both.apart and "liar" not in both.worth:
        assert both.made.tflite == alone.made.tflite


def test_a_weight_out_of_proportion_does_not_blunt_ours(knowing: Learnt) -> None:
    """A hidden unit that no part wakes changes no logit; a huge weight behind it would take int8's steps from all."""
    said, p = knowing.weights.copy(), RECIPE.length
    said[: p * HIDDEN].reshape(p, HIDDEN)[:, 0] = 0.0
    said[p * HIDDEN] = -1.0
    said[p * HIDDEN + HIDDEN :][:2] = 1000.0, -1000.0
    both = learnt(taught(24, 8, seed=3), liar=heard(knowing, said))
    assert both.apart["liar"] > 0.9
    faults = taught(0, 60, seed=30)
    named = [it.fault for it in Model(both.made.tflite).judgements(faults.parts)]
    assert np.mean(np.array(named) == faults.labels) > 0.9


def test_a_model_holds_the_best_networks_and_no_more(knowing: Learnt) -> None:
    nobody = Told(Scatter(sums.of(taught(4, 0).parts).scatter, 3))
    crowd = {f"n{i}": Heard(nobody, knowing.weights) for i in range(shared_net.MOST + 3)}
    made = together.learn(few("44"), RECIPE, Costs(), crowd, HIDDEN)
    assert len(made.apart) == shared_net.MOST and len(made.made.tflite) < 49152
    assert detector.learn(few("44").ok, RECIPE).model.means == made.made.means
