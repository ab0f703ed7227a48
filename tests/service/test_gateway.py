"""The gateway as a whole, over a broker in memory: a machine is learnt, watched, fails, and what is said of it."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from reedmesh.config.settings import Alerts, Assistant, Config, Learning
from reedmesh.config.settings import Store as StoreSettings
from reedmesh.inference import family, features
from reedmesh.inference.families import Families
from reedmesh.inference.family import Family
from reedmesh.links.memory_link import MemoryBroker
from reedmesh.links.message import Message
from reedmesh.service.gateway import Gateway
from reedmesh.store.store import Store
from reedmesh.updates import model_rollout, transfer
from tests.support.sensor import FakeSensor
from tests.support.timeouts import PATIENCE
from tools.simulate.recordings import simulate

FAMILY = family.load_family(family.find_family("vibration"))
LEARN = 100
NO_MODEL = Assistant()


@cache
def sounds() -> dict[str, NDArray[np.int8]]:
    recording = simulate()
    chosen = {"train": ("train", "normal"), "normal": ("test", "normal"), "fault": ("test", "imbalance")}
    return {name: features.extract(recording.windows(0, *which), FAMILY.recipe) for name, which in chosen.items()}


class World:
    """One gateway, one observer and as many sensors as a test wants."""

    def __init__(self, folder: Path, assistant: Assistant, families: Families | Family = FAMILY) -> None:
        self.broker = MemoryBroker()
        settings = StoreSettings(flush_seconds=0.05)
        self.config = Config(
            "gw",
            str(folder),
            alerts=Alerts(off_seconds=0.0),
            learning=Learning(windows=LEARN),
            store=settings,
            assistant=assistant,
        )
        self.gateway = Gateway(self.config, families, Store(folder))
        self.heard: list[tuple[str, Any]] = []
        self._news = asyncio.Event()

    async def listen(self) -> None:
        async for message in self.broker.link("reedmesh/gw/#").messages():
            if not message.topic.endswith(("/window", "/part", "/manifest", "/shard")):
                with contextlib.suppress(ValueError):  # a test's junk is heard here, too
                    self.heard.append((message.topic.removeprefix("reedmesh/gw/"), json.loads(message.payload)))
            self._news.set()

    async def until(self, wanted: Callable[[str, Any], bool]) -> Any:
        """The first thing heard, now or later, that is `wanted`."""
        while True:
            for topic, value in self.heard:
                if wanted(topic, value):
                    return value
            self._news.clear()
            await self._news.wait()

    def alerts(self) -> list[dict[str, Any]]:
        return [value for topic, value in self.heard if topic == "alert"]

    async def sensor(self, name: str) -> FakeSensor:
        sensor = FakeSensor(self.broker.link(), "gw", name, FAMILY.recipe)
        await sensor.hello()
        return sensor

    async def obey(self, sensor: FakeSensor, lost: tuple[int, ...] = ()) -> None:
        """Let the sensor take what it is offered; the shards `lost` never reach it."""
        leaves = (sensor.topic(f"model/{leaf}") for leaf in ("manifest", "shard"))
        await sensor.receive(self.broker.link(*leaves).messages(), lost.__contains__)


@asynccontextmanager
async def world(
    folder: Path, assistant: Assistant = NO_MODEL, families: Families | Family = FAMILY
) -> AsyncIterator[World]:
    """A gateway at work; it is ended, and its store closed, when the context is left."""
    it = World(folder, assistant, families)
    topics = [f"reedmesh/gw/+/{leaf}" for leaf in ("window", "part", "teach", "hello", "availability", "model/status")]
    topics.append("reedmesh/gw/request/+")
    link = it.broker.link(*topics, farewell=it.gateway.status("stopped"), greeting=it.gateway.greeting)
    tasks = [asyncio.create_task(it.listen()), asyncio.create_task(it.gateway.run(link))]
    try:
        async with asyncio.timeout(PATIENCE):
            await it.until(lambda topic, value: topic == "status")
            yield it
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def feed(sensor: FakeSensor, windows: NDArray[np.int8], error: int = 0) -> None:
    for each in windows:
        await sensor.window(each.tobytes(), error=error)


async def taught(it: World, name: str) -> FakeSensor:
    """A sensor whose machine was learnt and that runs its model."""
    sensor = await it.sensor(name)
    asyncio.get_running_loop().create_task(it.obey(sensor))
    await feed(sensor, sounds()["train"][:LEARN])
    await it.until(lambda topic, value: topic == f"{name}/state" and value["state"] in ("deploying", "watching"))
    await it.until(lambda topic, value: topic == f"{name}/model/status" and value["code"] == 200)
    return sensor


def test_a_machine_is_learnt_then_watched_and_a_fault_alarms(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as it:
            sensor = await taught(it, "press")
            await feed(sensor, sounds()["normal"][:60])
            state = await it.until(lambda topic, value: topic == "press/state" and value["windows"] >= LEARN + 60)
            assert state["state"] == "watching" and state["alert"] is None and state["disagreements"] == 0
            await feed(sensor, sounds()["fault"][:10])
            alert = await it.until(lambda topic, value: topic == "alert")
            assert alert["type"] == "new" and alert["sensor"] == "press" and alert["score"] > alert["threshold"] > 0
            snapshot = await it.until(lambda topic, value: topic == "alerts" and value["alerts"])
            assert [each["id"] for each in snapshot["alerts"]] == [alert["id"]]
            await feed(sensor, sounds()["normal"][:40])
            end = await it.until(lambda topic, value: topic == "alert" and value["type"] == "end")
            assert end["id"] == alert["id"]

    asyncio.run(story())


def test_a_restart_goes_on_watching_and_repeats_no_alert(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as it:
            sensor = await taught(it, "press")
            await feed(sensor, sounds()["fault"][:10])
            alert = await it.until(lambda topic, value: topic == "alert")
        async with world(tmp_path) as it:
            again = await it.sensor("press")
            again.model, again.sequence = sensor.model, sensor.sequence
            await feed(again, sounds()["fault"][10:20])
            await it.until(lambda topic, value: topic == "press/state" and value["windows"] == 10)
            snapshot = await it.until(lambda topic, value: topic == "alerts")
            assert [each["id"] for each in snapshot["alerts"]] == [alert["id"]] and it.alerts() == []

    asyncio.run(story())


def test_an_alert_is_on_disk_before_anyone_hears_of_it(tmp_path: Path) -> None:
    """A link that is down: nothing is published, nothing is lost, and the next greeting sends it."""

    async def story() -> None:
        async with world(tmp_path) as it:
            sensor = await taught(it, "press")
            it.broker.deliver = refusing(it)  # type: ignore[method-assign]
            await feed(sensor, sounds()["fault"][:10])
            await asyncio.to_thread(stored.wait, PATIENCE)
        with Store(tmp_path) as store:
            assert len(store.alerts.open()) == 1

    stored = threading.Event()

    def refusing(it: World) -> Callable[[Message], None]:
        deliver, save = it.broker.deliver, it.gateway.store.alerts.save

        def saved(*changes: Any) -> None:
            save(*changes)
            assert it.alerts() == []
            stored.set()

        it.gateway.store.alerts.save = saved  # type: ignore[method-assign]
        return deliver

    asyncio.run(story())


def test_scores_that_differ_from_the_sensors_are_counted(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as it:
            sensor = await taught(it, "press")
            await feed(sensor, sounds()["normal"][:5], error=1)
            state = await it.until(lambda topic, value: topic == "press/state" and value["windows"] >= LEARN + 5)
            assert state["disagreements"] == 5

    asyncio.run(story())


def test_a_sensor_that_lost_its_model_is_given_it_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as it:
            sensor = await taught(it, "press")
            model, sensor.model, sensor.sequence = sensor.model, None, 0
            it.heard.clear()
            await sensor.hello()
            await it.until(lambda topic, value: topic == "press/model/status" and value["code"] == 200)
            assert sensor.model and model and sensor.model.digest == model.digest

    asyncio.run(story())


def test_a_sensor_that_lacks_shards_is_sent_others(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as it:
            sensor = await it.sensor("press")
            asyncio.get_running_loop().create_task(it.obey(sensor, lost=(0, 1)))
            await feed(sensor, sounds()["train"][:LEARN])
            await it.until(lambda topic, value: topic == "press/state" and value["state"] == "deploying")
            while sensor.model is None:  # of each block one shard more is lost than was sent to spare
                await asyncio.sleep(0.01)
                await sensor.ask()
            await it.until(lambda topic, value: topic == "press/model/status" and value["code"] == 200)

    asyncio.run(story())


def test_a_sensor_that_asks_again_and_again_is_not_answered_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_rollout, "ADD_SECONDS", PATIENCE)  # half a second, which is soon over on a busy machine

    async def story() -> None:
        async with world(tmp_path) as it:
            sensor = await it.sensor("press")
            shards = it.broker.link(sensor.topic("model/shard"))
            messages = shards.messages()
            heard = asyncio.create_task(anext(messages))
            asking = asyncio.create_task(it.obey(sensor))
            await feed(sensor, sounds()["train"][:LEARN])
            await heard
            asking.cancel()
            for _ in range(transfer.MOST_ASKED + 20):
                await sensor.say("model/status", {"code": 206, "missing": 1})
            await sensor.say("model/status", {"code": 500, "reason": "that is enough"})
            await it.until(lambda topic, value: topic == "press/state" and "enough" in value.get("refusal", ""))
            assert it.gateway.parts.model_rollout._transfers["press"].asked <= 1

    asyncio.run(story())


def test_a_sensor_that_says_hello_again_and_again_is_offered_its_model_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_rollout, "ANEW_SECONDS", PATIENCE)  # two seconds, which are soon over on a busy machine

    async def story() -> None:
        async with world(tmp_path) as it:
            sensor = await it.sensor("press")
            manifests = it.broker.link(sensor.topic("model/manifest"))
            offers: list[Message] = []

            async def listen() -> None:
                async for message in manifests.messages():
                    offers.append(message)  # noqa: PERF401 (counted while more come)

            listening = asyncio.create_task(listen())
            await feed(sensor, sounds()["train"][:LEARN])
            await it.until(lambda topic, value: topic == "press/state" and value["state"] == "deploying")
            while not offers:
                await asyncio.sleep(0.01)
            for _ in range(300):
                await sensor.hello()
                assert len(it.gateway.parts.model_rollout.introductions) <= 1
                await asyncio.sleep(0.001)
            assert len(offers) == 1
            listening.cancel()

    asyncio.run(story())


def test_the_gateway_says_what_it_is_and_that_it_stops(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as it:
            info = await it.until(lambda topic, value: topic == "info")
            assert info["family"]["features"] == FAMILY.recipe.table()
            assert (await it.until(lambda topic, value: topic == "status"))["state"] == "online"
        assert json.loads(it.broker.retained["reedmesh/gw/status"].payload)["state"] == "stopped"

    asyncio.run(story())


@pytest.mark.parametrize("junk", [b"", b"\xff" * 100, b"{" * 50])
def test_junk_does_not_stop_the_gateway(tmp_path: Path, junk: bytes) -> None:
    async def story() -> None:
        async with world(tmp_path) as it:
            link = it.broker.link()
            for leaf in ("window", "hello", "availability", "model/status"):
                await link.publish(Message(f"reedmesh/gw/press/{leaf}", junk))
            sensor = await it.sensor("saw")
            await feed(sensor, sounds()["train"][:3])
            await it.until(lambda topic, value: topic == "saw/state" and value["windows"] == 3)

    asyncio.run(story())


@pytest.mark.parametrize("sequence", [2**32 - 1, 10**30, -5, "x"])
def test_a_sensor_that_says_it_has_an_impossible_sequence_is_taught_all_the_same(
    tmp_path: Path, sequence: object
) -> None:
    async def story() -> None:
        async with world(tmp_path) as it:
            sensor = await it.sensor("press")
            await sensor.say("hello", {"features": FAMILY.recipe.table(), "sequence": sequence})
            asyncio.get_running_loop().create_task(it.obey(sensor))
            await feed(sensor, sounds()["train"][:LEARN])
            await it.until(lambda topic, value: topic == "press/model/status" and value["code"] == 200)

    asyncio.run(story())


def test_a_gateway_that_nobody_stopped_is_offline(tmp_path: Path) -> None:
    gateway = World(tmp_path, NO_MODEL).gateway
    assert json.loads(gateway.farewell().payload)["state"] == "offline"
    gateway.stopping = lambda: True
    assert json.loads(gateway.farewell().payload)["state"] == "stopped"
    gateway.store.close()
