"""When a gateway learns on, through the whole of it: after enough that is new, and not what was taken back."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import AsyncMock

import numpy as np
import pytest

from reedmesh.commands import learning as learning_command
from reedmesh.config.settings import AlertRule, Learning
from reedmesh.inference.model import Model
from reedmesh.readings.line import Line
from reedmesh.updates.scheduler import TrainingScheduler
from tests.service.requests.test_server import Client
from tests.service.test_gateway import FAMILY, LEARN, feed, sounds, taught, world
from tools.simulate import recordings
from tools.simulate.machines import Windows, machines_of
from tools.simulate.neighbourhood import Setting, neighbourhood

FRESH = 40


def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that learns on after few windows."""
    monkeypatch.setattr("tests.service.test_gateway.Learning", lambda windows: Learning(windows=windows, fresh=FRESH))


async def rounds(client: Client, count: int) -> dict[str, Any]:
    """What the gateway says of learning when so many rounds are over."""
    while len((told := await client.data("learning"))["merges"]) < count:
        await asyncio.sleep(0.02)
    return told


def test_enough_new_windows_are_worth_another_round_and_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    eager(monkeypatch)

    async def story() -> None:
        async with world(tmp_path) as it:
            sensor, client = await taught(it, "press"), Client(it)
            first = await rounds(client, 1)
            assert first["merges"][0]["sensors"]["press"]["before"] is None and first["updates"] == 1
            await feed(sensor, sounds()["normal"][: FRESH - 1])
            await it.until(lambda topic, value: topic == "press/state" and value["windows"] == LEARN + FRESH - 1)
            assert (await client.data("learning"))["heard"] <= FRESH - 1
            await feed(sensor, sounds()["normal"][FRESH : FRESH + 20])
            told = await rounds(client, 2)
            made = told["merges"][1]["sensors"]["press"]
            assert made["before"]["loss"] > 0 and told["merges"][1]["round"] == 2
            print("\n".join(learning_command.lines(told)))
        async with world(tmp_path) as it:
            again = await Client(it).data("learning")
            assert again["rounds"] == 2 and again["sequence"] == told["sequence"]
            assert again["merges"] == told["merges"]

    asyncio.run(story())
    said = capsys.readouterr().out
    assert "2 rounds, now" in said and "round 2: merged nobody" in said and "first model" in said


def test_a_model_that_was_taken_back_stays_until_somebody_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    eager(monkeypatch)

    async def story() -> None:
        async with world(tmp_path) as it:
            sensor, client = await taught(it, "press"), Client(it)
            await client.data("relearn", sensor="press", by="Ana")
            await feed(sensor, sounds()["normal"][:LEARN])
            await rounds(client, 2)
            await client.data("rollback", sensor="press", by="Ana")
            assert it.gateway.line.sensors["press"].pinned
            await feed(sensor, sounds()["normal"][:FRESH])
            await it.until(lambda topic, value: topic == "press/state" and value["windows"] >= 2 * LEARN + FRESH)
            assert await it.gateway.parts.training_sets.training_sets() == {}
        async with world(tmp_path) as it:
            sensor = it.gateway.line.sensors["press"]
            assert sensor.pinned
            await Client(it).data("relearn", sensor="press", by="Ana")
            assert not sensor.pinned

    asyncio.run(story())


def test_a_move_is_learnt_from_few_windows_and_a_fault_is_still_found() -> None:
    """What `make bench-learn-all` measures on a real fan, on a simulated machine whose sensor was turned."""
    family, (place, *_) = machines_of(FAMILY, recordings.simulate(samples=64), 3)
    axes = np.split(np.arange(family.recipe.length), 3)
    turned = np.concatenate([axes[2], axes[0], axes[1]])
    moved, fault = (place.tests[label][:, turned] for label in ("normal", "imbalance"))

    async def story(*runs: Windows) -> tuple[float, float, float]:
        async with neighbourhood(family, [[place]], Setting()) as it:
            await it.play()
            it.lines[0].called_normal[place.name] = list(runs)
            await it.play()
            model = Model(it.lines[0].candidates[place.name].model)
            windows = moved[150:], place.tests["normal"], fault
            moved_over, normal_over, fault_over = ((model.scores(x) > model.threshold).mean() for x in windows)
            return float(moved_over), float(normal_over), float(fault_over)

    moved_over, _, fault_over = asyncio.run(story(moved[:120]))
    assert moved_over < 0.05 and fault_over > 0.9
    moved_over, normal_over, fault_over = asyncio.run(story(place.learn, moved[:60]))
    assert moved_over < 0.05 and normal_over < 0.05 and fault_over > 0.9


def test_a_verdict_given_while_a_round_goes_on_is_heard_in_the_next_although_this_one_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = Line(features=5, to_learn=10, rule=AlertRule(), limit=10)
    sensor = line.sensor("press")

    async def update(*_: object) -> SimpleNamespace:
        sensor.verdict.due = True  # somebody calls its alert no fault
        made = SimpleNamespace(sensor="press", objection="alerts from fewer onsets")
        return SimpleNamespace(made=[made], table=dict)

    monkeypatch.setattr("reedmesh.updates.scheduler.update", update)
    kept = SimpleNamespace(store=SimpleNamespace(replicas=SimpleNamespace(keep_merge=None)), call=AsyncMock())
    family: Any = SimpleNamespace(training=SimpleNamespace(seed=1))
    scheduler = TrainingScheduler(family, line, cast(Any, kept), cast(Any, None), cast(Any, None), Learning())
    asyncio.run(scheduler._try())
    assert sensor.verdict.due and sensor.verdict.lesson is None
