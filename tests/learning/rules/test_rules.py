"""Aggregation rules: a file is enough to be one, the config names it, and a rule decides what neighbours change."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from reedmesh.errors import ConfigError
from reedmesh.inference.family import find_family, load_family
from reedmesh.learning import rules, summed
from reedmesh.learning.aggregate import Peer
from tests.support.machines import windows

FAMILY = load_family(find_family("vibration"))
ZERO = np.zeros(8, np.float32)


@pytest.mark.parametrize("name", rules.NAMES)
def test_a_rule_without_neighbours_changes_nothing(name: str) -> None:
    rule, own = rules.find(name), summed.learn(FAMILY, windows(FAMILY.recipe, 1.0, 100)).told.scatter
    merged = rule.merge(ZERO + 1, ZERO, 10, {}, lambda _: 1.0, 1.0)
    assert (merged.weights == 1).all() and not merged.taken and rule.pool(own, []) is None


def test_the_default_clips_a_huge_neighbour_and_the_mean_does_not() -> None:
    lie = {"a": Peer(ZERO + 1, 10), "b": Peer(ZERO + 1, 10), "liar": Peer(ZERO + 1e6, 10)}
    moved = {
        name: rules.find(name).merge(ZERO, ZERO, 10, lie, lambda _: 1.0, 1.0).weights.max() for name in rules.NAMES
    }
    assert moved["clipped"] <= 1 < 1e5 < moved["mean"]


def test_the_config_names_the_rule_by_which_a_family_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rules.chosen(FAMILY, "").training.aggregation == "clipped"
    family = rules.chosen(FAMILY, "mean")
    told = [summed.learn(FAMILY, windows(FAMILY.recipe, 1.3, 100)).told]
    ours, asked = windows(FAMILY.recipe, 1.0, 60), []
    none = SimpleNamespace(pool=lambda *_: asked.append(1))
    monkeypatch.setattr(rules, "find", lambda name: none if name == "mean" else pytest.fail(name))
    summed.learn(family, ours, told)
    assert asked == [1]


def test_an_unknown_rule_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"one of .*clipped.*mean"):
        rules.chosen(FAMILY, "unknown")
    with pytest.raises(ConfigError, match="aggregation"):
        summed.learn(replace(FAMILY, training=replace(FAMILY.training, aggregation="none")), windows(FAMILY.recipe))
