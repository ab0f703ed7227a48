"""Which of a gateway's families judges a sensor: by the recipe in its hello, whatever the order of its keys."""

from typing import Any

import pytest

from reedmesh.errors import ConfigError
from reedmesh.inference import families
from reedmesh.inference.families import MOST_RECIPES, Families
from reedmesh.inference.family import PARTS, find_family, load_family
from reedmesh.protocol.recipe import Cycle

VIBRATION, PROCESS, STATIONS = (load_family(find_family(name)) for name in ("vibration", "process", "parts"))
ALL = Families([VIBRATION, PROCESS, STATIONS])


def hello(table: Any) -> dict[str, Any]:
    return {"v": 1, "features": table}


def test_a_recipe_names_its_family() -> None:
    for family in (VIBRATION, PROCESS):
        backwards = dict(reversed(family.recipe.table().items()))
        assert ALL.of(hello(family.recipe.table())) is ALL.of(hello(backwards)) is family


def test_stations_with_one_recipe_are_of_one_family_and_others_are_not() -> None:
    one, same, other = (ALL.of(hello(Cycle(*size).table())) for size in ((40, 2, 10), (40, 2, 10), (15, 6, 5)))
    assert one and other and one is same and one.training.kind == PARTS and one.name == "parts"
    assert one.recipe.length == Cycle(40, 2, 10).length and one.id != other.id != STATIONS.id
    assert ALL.with_id(one.id) is one and ALL.with_id(VIBRATION.id) is VIBRATION and ALL.with_id("0" * 16) is None


@pytest.mark.parametrize(
    "table",
    [
        None,
        {},
        [],
        "vibration",
        7,
        {"version": 1, "samples": 200, "axes": 3, "bands": 7},
        {"version": 1, "kind": "cycle", "samples": 40, "axes": 2},
        {"version": 1, "kind": "cycle", "samples": 40, "axes": 2, "points": 10**30},
        {"version": 9, "kind": "cycle", "samples": 40, "axes": 2, "points": 10},
        {"version": 1, "kind": "cycle", "samples": True, "axes": [], "points": None},
    ],
)
def test_what_no_family_makes_is_of_none(table: Any) -> None:
    assert ALL.of(hello(table)) is None


def test_a_hello_without_a_recipe_is_of_the_only_family_where_there_is_but_one() -> None:
    assert Families([VIBRATION]).of({}) is VIBRATION and ALL.of({}) is None
    assert Families([VIBRATION]).of(hello(Cycle(40, 2, 10).table())) is None, "stations are served where parts are"


def test_made_up_recipes_fill_no_memory() -> None:
    it = Families([STATIONS])
    for samples in range(3, 3 + 2 * MOST_RECIPES):
        assert it.of(hello(Cycle(samples, 1, 2).table()))
    assert len(it._stations) == MOST_RECIPES


def test_families_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(ConfigError, match="vibration and vibration cannot be told apart"):
        families.load(["vibration", "vibration"])
    with pytest.raises(ConfigError, match='no model family "nonesuch"'):
        families.load(["vibration", "nonesuch"])
