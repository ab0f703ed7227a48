"""The Shapley value: the worth of each neighbour's contribution to a judge. Pure.

The Shapley value (Shapley 1953) is the only division in which all shares add up to the whole gain, equal contributions
earn the same, and who changes nothing earns nothing. It is exact here: with up to EXACT players each of the 2**n
coalitions is valued; beyond that each player gets what the whole loses without it (leave-one-out).

A coalition's value must be one with fixed denominators: who is not in it is replaced by what the judge has itself, and
hands its part to nobody. Otherwise a player that only dilutes the others would earn.
"""

from collections.abc import Callable, Iterable
from itertools import combinations
from math import comb, fsum

EXACT = 8  # players: 256 coalitions
Coalition = frozenset[str]
Value = Callable[[Coalition], float]


def shares(players: Iterable[str], value: Value) -> dict[str, float]:
    """Each player's share of value(all) - value(none), in the unit of `value`.

    value: of a coalition; it is asked once for each. The shares add up to the gain for at most EXACT players.
    """
    names = sorted(players)
    return _shapley(names, value) if len(names) <= EXACT else _left_out(names, value)


def _shapley(names: list[str], value: Value) -> dict[str, float]:
    """Averages what a player adds over all orders in which players can join."""
    worth = {found: value(found) for size in range(len(names) + 1) for found in _coalitions(names, size)}
    return {
        name: fsum(_added(name, found, worth, len(names)) for found in worth if name not in found) for name in names
    }


def _added(name: str, before: Coalition, worth: dict[Coalition, float], players: int) -> float:
    """What `name` adds to those before it, times the share of orders in which it is they who come before it."""
    return (worth[before | {name}] - worth[before]) / (players * comb(players - 1, len(before)))


def _left_out(names: list[str], value: Value) -> dict[str, float]:
    everybody = frozenset(names)
    whole = value(everybody)
    return {name: whole - value(everybody - {name}) for name in names}


def _coalitions(names: list[str], size: int) -> Iterable[Coalition]:
    return map(frozenset, combinations(names, size))
