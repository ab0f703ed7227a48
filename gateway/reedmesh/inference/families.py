"""The families that one gateway serves: which of them judges a sensor follows from the recipe in its hello."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from reedmesh.errors import ConfigError
from reedmesh.inference.family import PARTS, Family, find_family, load_family
from reedmesh.protocol import recipe as recipes
from reedmesh.protocol.recipe import Cycle

MOST_RECIPES = 64  # of stations, whose families are remembered


class Families:
    """At least one; two with one recipe, or one name, raise ConfigError.

    A family of parts has as many recipes as its stations: for each there is a family with an id of its own, for only
    stations with the same recipe can learn from each other.
    """

    def __init__(self, served: Sequence[Family]) -> None:
        self.first = served[0]
        self.all = tuple(served)
        self._by_recipe: dict[str, Family] = {}
        self._parts = next((each for each in served if each.training.kind == PARTS), None)
        self._stations: dict[str, Family] = {}
        for each in served:
            self._add(each)

    @property
    def names(self) -> str:
        """All names, for people."""
        return ", ".join(each.name for each in self.all)

    def of(self, hello: Mapping[str, Any]) -> Family | None:
        """The family of the sensor that said `hello`, None for one of another.

        A hello without a recipe is of the only family, if there is but one.
        """
        table = hello.get("features")
        if table is None:
            return self.first if len(self.all) == 1 else None
        if isinstance(table, dict) and table.get("kind") == Cycle.kind:
            return self._station(table)
        return self._by_recipe.get(digest(table))

    def with_id(self, identity: str) -> Family | None:
        """The family that an update or a passport names."""
        return next((each for each in [*self.all, *self._stations.values()] if each.id == identity), None)

    def _add(self, each: Family) -> None:
        other = self._by_recipe.setdefault(digest(each.recipe.table()), each)
        same_name = sum(one.name == each.name for one in self.all) > 1
        if other is not each or same_name or (each.training.kind == PARTS and each is not self._parts):
            raise ConfigError(f"families: {other.name} and {each.name} cannot be told apart by name or recipe")

    def _station(self, table: dict[str, Any]) -> Family | None:
        if self._parts is None:
            return None
        try:
            recipe = recipes.from_table(table)
        except ValueError:
            return None
        known = self._stations.get(key := digest(recipe.table()))
        if known is None:
            known = replace(self._parts, features=recipe.table())
            self._stations = dict([*self._stations.items(), (key, known)][-MOST_RECIPES:])
        return known


def load(names: Iterable[str]) -> Families:
    """The families with these names, or in these folders; raises ConfigError as `find_family` and `load_family` do."""
    return Families([load_family(find_family(name)) for name in names])


def digest(table: object) -> str:
    """16 hex digits of a recipe's table, whatever the order of its keys."""
    canonical = json.dumps(table, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
