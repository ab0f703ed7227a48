"""What credit costs and whom it pays: eight neighbours judged at once, and four who give nothing of their own.

python -m tools.bench.trust.credit
"""

import time
from dataclasses import replace

import numpy as np

from reedmesh.inference.family import Family, find_family, load_family
from reedmesh.learning import detector, states, summed
from reedmesh.learning.aggregate import Peer
from reedmesh.learning.arrays import Windows
from reedmesh.learning.contribution import copies, worth
from reedmesh.learning.covariance import Scatter
from reedmesh.learning.told import Told
from reedmesh.provenance import netting
from tools.bench import report
from tools.checkout import ROOT
from tools.simulate import recordings
from tools.simulate.machines import machines_of

GOAL_MS = 100.0
REPEATS = 5
CLAIM = 10**6  # times as many windows as there were


def main() -> int:
    """Print the table; returns 1 when somebody who gave nothing earned something."""
    family = load_family(find_family("vibration"))
    family, found = machines_of(family, recordings.load(ROOT / "recordings" / "actuators.npz"))
    machines = [place.learn for place in found]
    judge, others = machines[0][:120], machines[1:]
    eight = {f"n{i}": summed.learn(family, others[i % len(others)][i % 2 :: 2]).told for i in range(8)}
    _shapley(family, judge, eight)
    earned = _nothing_given(family, judge, {"honest": eight["n0"]})
    _netting()
    return int(earned > 0)


def _shapley(family: Family, judge: Windows, eight: dict[str, Told]) -> None:
    """The time of all 256 coalitions, and whether shares add up to the gain."""
    spent = []
    for _ in range(REPEATS):
        began = time.process_time()
        found = worth.of(family.recipe, [judge], eight)
        spent.append(1000 * (time.process_time() - began))
    it = worth.Judge(family.recipe, judge, eight)
    gain = it.value(frozenset(eight)) - it.value(frozenset())
    error = abs(sum(found.values()) - gain)
    print(f"Shapley value of 8 neighbours: {min(spent):.0f} ms of processor time; shares less the gain {error:.1e}")
    report.save("credit_shapley_8_ms", min(spent), "ms", {"goal": GOAL_MS})


def _nothing_given(family: Family, judge: Windows, honest: dict[str, Told]) -> float:
    """The most that one who gives nothing of its own earns."""
    it = honest["honest"]
    claimed = Told(Scatter(it.scatter.matrix * CLAIM, it.scatter.freedom * CLAIM), it.scores)
    inflated = {"honest": it, "inflated": claimed}
    empty = Told(Scatter(np.zeros_like(it.scatter.matrix), 1), it.scores)
    earned = {
        "an echo of our own sums": _echo(family, judge, honest),
        "a copy of a neighbour": _as_merged(family, judge, honest | {"who": it}),
        "a copy that claims more windows": _as_merged(family, judge, {"honest": it, "who": inflated["inflated"]}),
        "sums of nothing": _as_merged(family, judge, honest | {"who": empty}),
    }
    for name, points in earned.items():
        print(f"{name:34} {points:+.9f}")
    most = max(earned.values())
    report.save("credit_echo", most, "worth of the best paid of them", {"goal": 0.0})
    return most


def _echo(family: Family, judge: Windows, honest: dict[str, Told]) -> float:
    """Of the scatter that the judge itself learns by."""
    state = detector.choose(judge)
    half = np.arange(len(judge)) // worth.BLOCK % 2 == 0
    parts = states.split(judge[half], np.unique(state[half], return_inverse=True)[1])
    said = Told(detector.within(parts), honest["honest"].scores)
    return worth.of(family.recipe, [judge], honest | {"who": said})["who"]


def _as_merged(family: Family, judge: Windows, told: dict[str, Told]) -> float:
    """The worth of `who`, the last to tell, after the checks that a round makes."""
    nothing = np.zeros(1, np.float32)
    peers: dict[str, Peer] = {}
    for name, each in told.items():
        peer = Peer(nothing, each.scatter.freedom, told=each)
        peers[name] = replace(peer, copied=copies.source(name, peer, peers))
    own = summed.learn(family, judge).told
    merged = summed.believed(family, nothing, own, peers)
    return worth.of(family.recipe, [judge], {name: told[name] for name in merged.taken}).get("who", 0.0)


def _netting() -> None:
    """Circles of debts among 12 gateways."""
    chance = np.random.default_rng(1)
    names = [f"g{i}" for i in range(12)]
    debts = {(a, b): int(chance.integers(1, 9000)) for a in names for b in names if a != b}
    began = time.perf_counter()
    circles, left = netting.net(debts)
    assert {name: amount for name, amount in netting.balances(left).items() if amount} == {
        name: amount for name, amount in netting.balances(debts).items() if amount
    }
    gone = 1 - sum(left.values()) / sum(debts.values())
    seconds = time.perf_counter() - began
    print(f"netting of {len(debts)} debts: {len(circles)} circles, {gone:.0%} of all points cancel, {seconds:.2f} s")


if __name__ == "__main__":
    raise SystemExit(main())
