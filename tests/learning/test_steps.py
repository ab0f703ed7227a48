"""Gateways that learn together by the path of the service, in memory: every scenario of tests/scenarios."""

import asyncio
import tomllib
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from reedmesh.errors import ConfigError
from reedmesh.inference.family import NETWORK, Family, find_family, load_family
from reedmesh.learning import dataset, steps
from reedmesh.learning.aggregate import Merged, Peer
from reedmesh.learning.candidate import Candidate
from reedmesh.learning.steps import TrainingSet
from reedmesh.protocol import scaling
from tests.support.paths import SCENARIOS
from tests.support.timeouts import PATIENCE
from tools.bench.detect import auc
from tools.bench.support.onsets import of_fault
from tools.simulate import recordings
from tools.simulate.liars import LIES
from tools.simulate.machines import MachineData, machines_of
from tools.simulate.neighbourhood import Neighbourhood, Setting, hears, is_in_step, neighbourhood

SCENARIOS = sorted((SCENARIOS).glob("*.toml"))
SUMMED = load_family(find_family("vibration"))
FAMILY = replace(SUMMED, training=replace(SUMMED.training, kind=NETWORK))
ROUNDS = 4
T = TypeVar("T")


def world(gateways: int, family: Family = FAMILY) -> tuple[Family, list[MachineData]]:
    return machines_of(family, recordings.simulate(samples=64), gateways)


def played(
    gateways: int, look: Callable[[Neighbourhood], T], rounds: int = ROUNDS, of: Family = FAMILY, **settings: Any
) -> T:
    """What `look` sees after so many rounds."""

    async def story() -> T:
        family, places = world(gateways, of)
        async with neighbourhood(family, [[place] for place in places], Setting(**settings)) as it:
            numbers = [number async for number in it.rounds(rounds)]
            assert numbers == list(range(1, rounds + 1))
            return look(it)

    return asyncio.run(story())


def scenario(path: Path) -> tuple[int, dict[str, Any]]:
    """Gateways and settings in a file."""
    table = tomllib.loads(path.read_text())
    count = table.pop("gateways")
    if liar := table.pop("liar", None):
        table["liars"] = {0: liar}
    if killed := table.pop("killed_in", None):
        table["silent"] = {0: killed}
    return count, table


@pytest.mark.parametrize("of", [FAMILY, SUMMED], ids=["network", "sums"])
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_scenario_ends_with_models_that_tell_faults_from_normal(path: Path, of: Family) -> None:
    def look(it: Neighbourhood) -> None:
        assert is_in_step(it)
        for i in set(it.alive) - set(it.setting.liars):
            (place,) = it.lines[i].at.values()
            scores, threshold = it.lines[i].scores(place.name)
            assert auc(scores["normal"], scores["imbalance"]) > 0.95 and (scores["normal"] > threshold).mean() < 0.1

    count, settings = scenario(path)
    played(count, look, rounds=ROUNDS if of is FAMILY else 3, of=of, **settings)  # sums are exact after one


def test_the_same_seed_gives_the_same_bits_whatever_is_lost() -> None:
    def look(it: Neighbourhood) -> tuple[list[bytes], list[dict[str, Candidate]]]:
        return [share.learning_state.weights.tobytes() for share in it.gateways], [site.candidates for site in it.lines]

    assert played(3, look, loss=0.2) == played(3, look)


def loss_of_the_honest(it: Neighbourhood) -> float:
    return float(np.mean([account.merges[-1]["loss"]["after"] for account in it.accounts[1:]]))


@cache
def honest_loss() -> float:
    return played(5, loss_of_the_honest)


@pytest.mark.parametrize("liar", LIES)
def test_a_liar_costs_next_to_nothing(liar: str) -> None:
    lied = played(5, loss_of_the_honest, liars={0: liar})
    assert lied < 1.05 * honest_loss()


def test_a_plain_mean_would_have_collapsed() -> None:
    lied = played(5, loss_of_the_honest, liars={0: "noise"}, robust=False)
    assert lied > 100 * honest_loss()


def test_who_turns_its_step_round_is_refused_with_the_reason() -> None:
    def look(it: Neighbourhood) -> None:
        for account in it.accounts[1:]:
            assert account.neighbours["gw0"].refused > 0 and "loss" in account.neighbours["gw0"].reason

    played(3, look, liars={0: "flip"})


class Ahead(asyncio.SelectorEventLoop):
    """An event loop whose clock a test sets forward."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


def test_who_is_killed_in_a_round_delays_nobody_beyond_the_deadline() -> None:
    deadline = 10 * PATIENCE

    async def story(loop: Ahead) -> None:
        family, places = world(4)
        async with neighbourhood(
            family, [[place] for place in places], Setting(silent={0: 2}, patience=deadline)
        ) as it:
            rounds = it.rounds(2)
            await anext(rounds)
            second = asyncio.ensure_future(anext(rounds))
            while [share.incoming._awaited for share in it.gateways[1:]] != [{"gw0"}] * 3:
                await asyncio.sleep(0.01)
            assert not second.done()
            loop.ahead = deadline
            await asyncio.wait([second], timeout=PATIENCE)
            assert second.done()
            assert [account.merges[1]["late"] for account in it.accounts[1:]] == [["gw0"]] * 3

    with asyncio.Runner(loop_factory=Ahead) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, Ahead)
        runner.run(story(loop))


def test_the_cost_of_a_gateway_does_not_grow_with_their_number() -> None:
    """In a ring: bytes told, bytes on air and copies held for each are the same, for 3 as for 12."""

    def look(it: Neighbourhood) -> tuple[float, float, set[int]]:
        count = len(it.lines)
        return it.payload_bytes / count, it.air_bytes / count, {len(share.peers()) for share in it.gateways}

    few, many = (played(count, look, rounds=2, topology="ring") for count in (3, 12))
    assert many[0] == pytest.approx(few[0], rel=0.05) and many[1] == pytest.approx(few[1], rel=0.1)
    assert few[2] == many[2] == {2}


@pytest.mark.parametrize(
    ("topology", "count", "expected"),
    [("ring", 5, [1, 4]), ("k4", 6, [1, 2, 4, 5]), ("full", 3, [1, 2]), ("none", 3, [])],
)
def test_whom_the_first_gateway_hears(topology: str, count: int, expected: list[int]) -> None:
    assert hears(topology, count)[0] == expected
    with pytest.raises(ConfigError, match="ring, k4, full, none or fanout6"):
        hears("star", 3)


def training_sets(gain: float = 1.0) -> list[TrainingSet]:
    _, places = world(2)
    return [
        TrainingSet(dataset.of(FAMILY, [np.clip(place.learn * gain, -128, 127).astype(np.int8)])) for place in places
    ]


def test_training_begins_where_it_fits_best() -> None:
    start = steps.start(FAMILY)
    good = steps.fit(FAMILY, training_sets(), [start], 10, 1)
    again = steps.fit(FAMILY, training_sets(), [start, np.full_like(start, np.nan), good.weights], 0, 1)
    assert (again.weights == good.weights).all()
    assert again.loss == good.loss < steps.loss(FAMILY, training_sets(), start)


def test_squares_of_two_gateways_add_up_to_those_of_one_with_both_machines() -> None:
    start, (one, other) = steps.start(FAMILY), training_sets()
    alone = [steps.fit(FAMILY, [each], [start], 0, 1).squares for each in (one, other)]
    assert np.allclose(sum(alone), steps.fit(FAMILY, [one, other], [start], 0, 1).squares)


def test_the_threshold_of_a_machine_follows_its_loudest_neighbour_but_not_to_deafness() -> None:
    training_set = training_sets()[0]
    merged = Merged(steps.fit(FAMILY, [training_set], [steps.start(FAMILY)], 10, 1).weights, {}, {})

    def threshold(*quantiles: float) -> float:
        peers = {str(i): Peer(merged.weights, 1, quantile) for i, quantile in enumerate(quantiles)}
        return steps.make(FAMILY, training_set, merged, peers).threshold

    own = threshold() / FAMILY.threshold.margin / FAMILY.recipe.length / scaling.ONE**2
    assert threshold(0.5 * own) == threshold()
    assert threshold(0.5 * own, 1.2 * own) == pytest.approx(1.2 * threshold(), rel=0.01)
    assert threshold(1e5) == pytest.approx(1.5 * threshold(), rel=0.01)


def test_a_candidate_that_is_worse_stays_out() -> None:
    (training_set, _), start = training_sets(), steps.start(FAMILY)
    good, bad = (Merged(each, {}, {}) for each in (steps.fit(FAMILY, [training_set], [start], 10, 1).weights, start))
    served = TrainingSet(training_set.machine, steps.make(FAMILY, training_set, good, {}).model)
    worse = steps.make(FAMILY, served, bad, {})
    assert worse.objection.startswith("loss") and worse.before and worse.before.loss < worse.estimate.loss
    assert not steps.make(FAMILY, TrainingSet(training_set.machine, served.model, anew=True), bad, {}).objection


def test_sums_are_told_in_few_bytes_and_need_no_weights() -> None:
    def look(it: Neighbourhood) -> float:
        assert not any(share.learning_state.weights.any() for share in it.gateways)
        assert all(peer.told for share in it.gateways for peer in share.peers().values())
        return it.payload_bytes / len(it.gateways)

    assert played(3, look, rounds=1, of=SUMMED) < 6000


def onsets_of_the_honest(it: Neighbourhood) -> list[float]:
    """Of faults that hardly show, from which an alert is raised, by sensor."""
    found = []
    for i in range(1, len(it.lines)):
        (place,) = it.lines[i].at.values()
        scores, threshold = it.lines[i].scores(place.name)
        found.append(of_fault(scores["imbalance"] * 0.6, threshold).share)
    return found


@cache
def honest_onsets() -> list[float]:
    return played(3, onsets_of_the_honest, rounds=2, of=SUMMED)


@pytest.mark.parametrize("liar", LIES)
def test_a_liar_costs_no_onset_where_gateways_learn_by_sums(liar: str) -> None:
    lied = played(3, onsets_of_the_honest, rounds=2, of=SUMMED, liars={0: liar})
    assert min(honest_onsets()) > 0
    assert all(now >= before - 0.05 for now, before in zip(lied, honest_onsets(), strict=True))
