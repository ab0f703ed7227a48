"""Gateways that learn together, in memory: every scenario of tests/scenarios, and what must hold in each."""

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reedmesh import delta
from reedmesh import family as families
from reedmesh.errors import ConfigError, WireError
from reedmesh.family import Family
from tools import learning, recordings
from tools.bench_detect import auc
from tools.learning import Neighbourhood, Place

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.toml"))
FAMILY = families.load(families.find("vibration"))
ROUNDS, EPOCHS = 4, 2


def world(gateways: int) -> tuple[Family, list[Place]]:
    return learning.places(FAMILY, recordings.simulate(samples=64), gateways)


def played(gateways: int, **settings: Any) -> Neighbourhood:
    family, places = world(gateways)
    settings["profile"] = delta.PROFILES[settings.get("profile", "full")]
    if liar := settings.pop("liar", None):
        settings["liars"] = {0: liar}
    if start := settings.pop("silent_from", None):
        settings["silent"] = {0: start}
    neighbourhood = Neighbourhood(family, places, **settings)
    assert list(neighbourhood.rounds(ROUNDS, EPOCHS)) == list(range(1, ROUNDS + 1))
    return neighbourhood


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_scenario_ends_with_models_that_tell_faults_from_normal(path: Path) -> None:
    it = played(**tomllib.loads(path.read_text()))
    for i, (learner, place) in enumerate(zip(it.learners, it.places, strict=True)):
        if i in it.liars:
            continue
        model = learning.model(learner)
        normal, fault = (model.scores(place.tests[label]) for label in ("normal", "imbalance"))
        assert auc(normal, fault) > 0.95 and (normal > model.threshold).mean() < 0.1


def test_the_same_seed_gives_the_same_bits() -> None:
    one, other = played(3, loss=0.2), played(3, loss=0.2)
    for a, b in zip(one.learners, other.learners, strict=True):
        assert (a.weights == b.weights).all() and (a.public == b.public).all()
    assert one.air_bytes == other.air_bytes > one.payload_bytes


def test_neighbours_hold_what_the_sender_takes_them_to_hold() -> None:
    it = played(3, profile="narrow10", loss=0.3)
    for i, learner in enumerate(it.learners):
        for name, heard in learner.heard.items():
            assert (heard.weights == it.learners[int(name)].public).all(), (i, name)


def loss_of_the_honest(it: Neighbourhood) -> float:
    return float(np.mean([learner.loss(learner.weights) for learner in it.learners[1:]]))


@pytest.mark.parametrize("liar", learning.LIES)
def test_a_liar_costs_next_to_nothing(liar: str) -> None:
    assert loss_of_the_honest(played(5, liar=liar)) < 1.05 * loss_of_the_honest(played(5))


def test_a_plain_mean_would_have_collapsed() -> None:
    assert loss_of_the_honest(played(5, liar="noise", robust=False)) > 100 * loss_of_the_honest(played(5))


def test_who_turns_its_step_round_is_refused_with_the_reason() -> None:
    for each in played(5, liar="flip").learners[1:]:
        assert each.reputation["0"].refused > 0 and "loss" in each.reputation["0"].reason


def test_alone_it_learns_as_well() -> None:
    learner = played(1).learners[0]
    assert learner.loss(learner.weights) < 0.9 * learner.loss(np.zeros_like(learner.weights)) and not learner.heard


def test_what_cannot_be_used_changes_nothing_and_is_noted() -> None:
    family, places = world(2)
    ours, theirs = learning.alone(family, places)
    theirs.train(1, 1)
    ours.hear("b", theirs.tell())
    before = ours.heard["b"].weights.copy()
    with pytest.raises(WireError):
        ours.hear("b", b"junk")
    ours.refuse("b", "junk")
    assert (ours.heard["b"].weights == before).all() and ours.reputation["b"].reason == "junk"


def test_a_neighbours_quantile_cannot_make_us_deaf() -> None:
    family, places = world(2)
    ours, theirs = learning.alone(family, places)
    for learner in (ours, theirs):
        learner.train(3, 1)
    alone = learning.model(ours).threshold
    news = delta.Delta(theirs.weights - theirs.public, 100, 1e5)
    ours.hear("b", delta.pack(news, family.tensors, delta.PROFILES["full"])[0])
    ours.merge()
    assert learning.model(ours).threshold <= 4 * alone


@pytest.mark.parametrize(
    ("topology", "count", "expected"), [("ring", 5, [1, 4]), ("k4", 6, [1, 2, 4, 5]), ("full", 3, [1, 2])]
)
def test_whom_the_first_gateway_hears(topology: str, count: int, expected: list[int]) -> None:
    assert learning.hears(topology, count)[0] == expected
    with pytest.raises(ConfigError, match="ring, k4 or full"):
        learning.hears("star", 3)


def test_the_cost_of_a_gateway_does_not_grow_with_their_number() -> None:
    """In a ring: bytes told and steps of training for each are the same, for 3 as for 12."""
    few, many = played(3, topology="ring"), played(12, topology="ring")
    assert many.payload_bytes / 12 == pytest.approx(few.payload_bytes / 3, rel=0.05)
    assert all(len(each.heard) == 2 for each in many.learners)
