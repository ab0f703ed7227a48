"""Netting: debts that run in a circle cancel each other, and nobody's balance changes. Pure.

Obligations of several parties are a network whose edges have the amounts as capacities; what cancels is a circulation
in it, and the largest one is found by Klein's cycle cancelling (Klein 1967, Management Science 14(3)): amounts are
whole numbers, so it ends. The set-off of obligations by circulations is what Slovenia's AJPES has done for companies
since 1991 (Fleischman, Dini, Littera 2020, arXiv:2011.11393).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

Debts = Mapping[tuple[str, str], int]  # (debtor, creditor): points, above zero
MOST = 64  # parties


@dataclass(frozen=True)
class Circle:
    """`amount` points that each of `parties` owes the next, and the last one the first: all of them cancel."""

    parties: tuple[str, ...]
    amount: int


def net(debts: Debts) -> tuple[list[Circle], dict[tuple[str, str], int]]:
    """The circles that cancel most in all, and the debts that are left; raises ValueError for more than MOST parties.

    >>> net({("a", "b"): 5, ("b", "c"): 3, ("c", "a"): 4})
    ([Circle(parties=('a', 'b', 'c'), amount=3)], {('a', 'b'): 2, ('c', 'a'): 1})
    """
    owed = {pair: amount for pair, amount in sorted(debts.items()) if amount > 0 and pair[0] != pair[1]}
    parties = sorted({party for pair in owed for party in pair})
    if len(parties) > MOST:
        raise ValueError(f"{len(parties)} parties, {MOST} are the most")
    flow = dict.fromkeys(owed, 0)
    while cycle := _improving(parties, owed, flow):
        room = min(owed[pair] - flow[pair] if forward else flow[pair] for pair, forward in cycle)
        for pair, forward in cycle:
            flow[pair] += room if forward else -room
    left = {pair: owed[pair] - flow[pair] for pair in owed if owed[pair] > flow[pair]}
    return _circles(flow), left


def balances(debts: Debts) -> dict[str, int]:
    """The points that each party is owed in all, less those that it owes."""
    found: dict[str, int] = {}
    for (debtor, creditor), amount in debts.items():
        found[debtor] = found.get(debtor, 0) - amount
        found[creditor] = found.get(creditor, 0) + amount
    return found


_Step = tuple[tuple[str, str], bool]  # an edge of the network, and whether it is followed forward


def _improving(parties: list[str], owed: Debts, flow: Debts) -> list[_Step]:
    """A cycle of the residual network along which more cancels, found by Bellman and Ford; [] when there is none."""
    steps: list[tuple[str, str, int, _Step]] = []
    for pair in owed:
        if flow[pair] < owed[pair]:
            steps.append((*pair, -1, (pair, True)))
        if flow[pair]:
            steps.append((pair[1], pair[0], 1, (pair, False)))
    cost, before = dict.fromkeys(parties, 0), {}
    changed = ""
    for _ in parties:
        changed = ""
        for start, end, price, step in steps:
            if cost[start] + price < cost[end]:
                cost[end], before[end], changed = cost[start] + price, (start, step), end
    return _walked_back(parties, before, changed) if changed else []


def _walked_back(parties: list[str], before: Mapping[str, tuple[str, _Step]], party: str) -> list[_Step]:
    """The cycle that leads to `party`, which was still improved in the last round."""
    for _ in parties:  # as many steps back are certainly on the cycle
        party = before[party][0]
    first = party
    found: list[_Step] = []
    while not found or party != first:
        party, step = before[party]
        found.append(step)
    return found[::-1]


def _circles(flow: Debts) -> list[Circle]:
    """A circulation as circles, each party at most once in each."""
    left, found = {pair: amount for pair, amount in flow.items() if amount}, []
    while left:
        path = [min(left)[0]]
        while path[-1] not in path[:-1]:
            path.append(min(end for start, end in left if start == path[-1]))
        circle = path[path.index(path[-1]) :]
        pairs = list(pairwise(circle))
        amount = min(left[pair] for pair in pairs)
        found.append(Circle(tuple(circle[:-1]), amount))
        left = {pair: much - (amount if pair in pairs else 0) for pair, much in left.items()}
        left = {pair: much for pair, much in left.items() if much}
    return found
