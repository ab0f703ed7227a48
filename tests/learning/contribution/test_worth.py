"""What neighbours' sums are worth: shares of the gain of all, nothing for an echo, and no more for who claims more."""

from dataclasses import replace

import numpy as np
import pytest

from reedmesh.inference.family import find_family, load_family
from reedmesh.learning import detector, states, summed, told
from reedmesh.learning.contribution import worth
from reedmesh.learning.told import Told
from tests.support.machines import windows

FAMILY = load_family(find_family("vibration"))
RECIPE = FAMILY.recipe
YOUNG = windows(RECIPE, count=60)
KNOWING = summed.learn(FAMILY, windows(RECIPE, 1.05, 300)).told


def echo() -> Told:
    """The scatter that the judge itself learns by, sent back."""
    learnt = YOUNG[np.arange(60) // worth.BLOCK % 2 == 0]
    state = detector.choose(YOUNG)[np.arange(60) // worth.BLOCK % 2 == 0]
    parts = states.split(learnt, np.unique(state, return_inverse=True)[1])
    return Told(detector.within(parts), KNOWING.scores)


def test_who_knows_the_machine_is_worth_something_and_an_echo_nothing() -> None:
    found = worth.of(RECIPE, [YOUNG], {"echo": echo(), "knowing": KNOWING})
    assert found["knowing"] > 0.01 and abs(found["echo"]) <= 1e-9


def test_an_echo_takes_nothing_from_others() -> None:
    alone, beside = (worth.of(RECIPE, [YOUNG], {"knowing": KNOWING} | more) for more in ({}, {"echo": echo()}))
    assert beside["knowing"] >= alone["knowing"] and beside["knowing"] > 0.01


def test_a_claim_of_more_windows_is_worth_no_more() -> None:
    many = 1000
    inflated = replace(KNOWING.scatter, matrix=KNOWING.scatter.matrix * many, freedom=KNOWING.scatter.freedom * many)
    honest, claimed = (worth.of(RECIPE, [YOUNG], {"a": each}) for each in (KNOWING, Told(inflated, KNOWING.scores)))
    assert claimed["a"] == pytest.approx(honest["a"], abs=1e-6)


def test_the_shares_of_eight_add_up_to_the_gain() -> None:
    eight = {f"g{i}": summed.learn(FAMILY, windows(RECIPE, 1 + i / 100, 100)).told for i in range(8)}
    found = worth.of(RECIPE, [YOUNG], eight)
    judge = worth.Judge(RECIPE, YOUNG, eight)
    assert sum(found.values()) == pytest.approx(judge.value(frozenset(eight)) - judge.value(frozenset()), abs=1e-7)


def test_without_neighbours_or_windows_there_is_nothing_to_say() -> None:
    assert worth.of(RECIPE, [YOUNG], {}) == {} == worth.of(RECIPE, [YOUNG[:30]], {"a": KNOWING})
    assert worth.of(RECIPE, [], {"a": told.nothing(RECIPE.length)}) == {}
