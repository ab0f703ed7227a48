"""What a gateway learns from: not an alert, not a fault that grew slowly, and never under a standing alert."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reedmesh.alerts.alert import NOT_A_FAULT, Change
from reedmesh.learning import dataset
from reedmesh.learning.arrays import Windows
from reedmesh.learning.candidate import commission
from reedmesh.store.store import Store
from tests.service.requests.test_server import Client
from tests.service.test_gateway import FAMILY, LEARN, feed, sounds, taught, world
from tests.store.test_store import ALERT
from tests.updates.test_scheduler import eager
from tools.bench import alerts
from tools.simulate import recordings
from tools.simulate.gateway_replay import GatewayReplay

MOVED = 12  # steps: more than a unit of each feature


def otherwise(windows: Windows) -> Windows:
    """How the machine sounds when it moved."""
    return np.clip(windows.astype(int) + MOVED, -128, 127).astype(np.int8)


def heard(store: Store, windows: Windows, since: float) -> None:
    store.windows.write([("press", since + i, row.tobytes(), 1) for i, row in enumerate(windows)])


def test_windows_of_when_a_machine_ran_otherwise_are_not_learnt_also_once_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    eager(monkeypatch)

    async def story() -> None:
        async with world(tmp_path) as it:
            client, normal = Client(it), sounds()["normal"]
            await taught(it, "press")
            training_sets, store, press = (
                it.gateway.parts.training_sets,
                it.gateway.store,
                it.gateway.line.sensors["press"],
            )
            assert set(await training_sets.training_sets()) == {"press"} and not press.moved
            away = otherwise(normal[:120])
            heard(store, away, 9e9)
            learnt = (await training_sets.training_sets())["press"].machine.learnt
            assert press.moved > 1 and not {*map(bytes, away)} & {*map(bytes, learnt)}
            assert (
                (await client.data("learning"))["moved"]
                == {"press": press.moved}
                == {"press": press.summary()["moved"]}
            )
            heard(store, normal[:120], 9.1e9)
            learnt = (await training_sets.training_sets())["press"].machine.learnt
            assert not press.moved and not {*map(bytes, away)} & {*map(bytes, learnt)}
            assert len({*map(bytes, normal[:120])} & {*map(bytes, learnt)}) > 10

    asyncio.run(story())
    assert caplog.text.count("press moved") == 1


def test_a_machine_that_runs_otherwise_for_good_is_not_learnt_until_somebody_says_that_it_is_normal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    eager(monkeypatch)

    async def story() -> None:
        async with world(tmp_path) as it:
            await taught(it, "press")
            training_sets, press = it.gateway.parts.training_sets, it.gateway.line.sensors["press"]
            heard(it.gateway.store, np.tile(otherwise(sounds()["normal"]), (3, 1)), 9e9)
            assert await training_sets.training_sets() == {} and press.moved
            press.verdict.due = True
            assert set(await training_sets.training_sets()) == {"press"} and not press.moved

    asyncio.run(story())


def test_under_a_standing_alert_the_model_stays_until_the_machine_is_learnt_anew(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as it:
            sensor, client = await taught(it, "press"), Client(it)
            here, training_sets = it.gateway.line.sensors["press"], it.gateway.parts.training_sets
            await feed(sensor, otherwise(sounds()["normal"][:20]))
            await it.until(lambda topic, value: topic == "alert" and value["type"] == "new")
            before, candidate = here.sequence, commission(FAMILY, sounds()["normal"], 2)
            assert "its alert stands" in await training_sets.deploy("press", candidate, {})
            assert here.sequence == before and here.watcher.alert
            await client.data("relearn", sensor="press", by="Ana")
            await it.until(lambda topic, value: topic == "alert" and value["what"] == "learnt anew")
            assert here.watcher.alert is None and it.gateway.store.alerts.open() == []
            assert await training_sets.deploy("press", candidate, {}) == "" and here.sequence > before

    asyncio.run(story())


def test_windows_called_no_fault_are_a_run_of_their_own_and_those_before_a_move_are_left_out() -> None:
    with Store() as store:
        store.windows.write([("press", float(i), bytes([i]), 1) for i in range(100)])
        alert = replace(ALERT, since=50.0, until=60.0, state="cleared", verdict=NOT_A_FAULT)
        store.alerts.save([Change("end", alert, "cleared", 60.0)])
        normal, called = store.windows.normal("press", 50)
        assert {each[0] for each in normal} == set(range(100)) - set(range(40, 61))
        assert [each[0] for each in called] == list(range(50, 61))
        store.sensors.save_relearning("press", 69.5)
        normal, called = store.windows.normal("press", 50)
        assert [each[0] for each in normal] == list(range(70, 100)) and not called


@pytest.mark.parametrize("count", [1, 2, 29, 59, 60, 61, 600])
def test_a_machine_that_did_not_move_scatters_less_the_more_is_heard_of_it(count: int) -> None:
    windows = np.random.default_rng(count).normal(0, 10, (count, 50)).astype(np.int8)
    far = dataset.moved(windows, ([0] * 50, [round(2**14 / 10)] * 50))
    assert far.shape == (count,) and (far < (0.35 if count >= 60 else 1.5)).all()


def test_a_move_is_told_at_once_of_all_windows_near_it_and_of_no_others() -> None:
    windows = np.random.default_rng(1).normal(0, 10, (600, 50))
    windows[300:] += 20
    far = dataset.moved(windows.astype(np.int8), ([0] * 50, [round(2**14 / 10)] * 50))
    assert (far[:270] < 0.4).all() and (far[270:330] > 0.9).all() and (far[330:] > 1.8).all()


def test_a_fault_that_shows_in_every_other_window_is_in_alert_and_learning_on_does_not_end_that() -> None:
    """What `make bench-alerts` measures on real machines, on simulated ones."""
    recording = recordings.simulate(gateways=2)
    fault = recording.windows(1, "test", "imbalance")
    fault[::2] = recording.windows(1, "test", "normal")[: len(fault[::2])]
    x = recording.x.copy()
    x[(recording.gateway == 1) & (recording.label == "imbalance")] = fault
    told = asyncio.run(alerts.case(FAMILY, replace(recording, x=x), 1, "imbalance", calm=1, faulty=3))
    assert told.false == 0 and told.alerted(slice(None)) > 0.7 and told.alerted(slice(1, None)) == 1.0


def test_a_hall_hears_as_the_service_does() -> None:
    """Its windows go the data path, and its machine is learnt from what the store kept of them."""
    normal = sounds()["normal"]
    hall = GatewayReplay("press", FAMILY, LEARN)
    told = hall.hear(normal[:LEARN])
    assert told.raised == 0 and len(asyncio.run(hall.training_sets())["press"].machine.learnt) > LEARN / 2
    hall.close()
