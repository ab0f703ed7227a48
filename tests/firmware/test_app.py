"""The sensor's program under MicroPython, on mosquitto: what it says, which models it takes, what it survives."""

import asyncio
import hashlib
import json
import os
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reedmesh.coding.bundle import Bundle, shape_for
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.inference import family, features
from reedmesh.inference.model import Model
from reedmesh.learning.candidate import Candidate, commission
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from reedmesh.protocol import offer_frame, shards, wire
from reedmesh.protocol.offer_frame import Offer
from reedmesh.protocol.recipe import Recipe, Trend
from reedmesh.provisioning.device_tree import assemble
from tests.support.brokers import free_port, mosquitto
from tests.support.micropython import binary
from tests.support.timeouts import PATIENCE
from tools.simulate import factory
from tools.simulate.recordings import simulate

FAMILY = family.load_family(family.find_family("vibration"))
ROOM = 2048  # bytes of a block, as its hello says
UNSEALED = b"unsealed"
NORMAL = simulate().windows(0, "train", "normal")


@cache
def candidate() -> Candidate:
    return commission(FAMILY, features.extract(NORMAL[:100], FAMILY.recipe), 1)


def offer(sequence: int = 1, **changes: Any) -> Offer:
    learnt = candidate()
    good = Offer(sequence, learnt.model, hashlib.sha256(learnt.model).digest(), learnt.trial, learnt.trial_score)
    for name, value in changes.items():
        setattr(good, name, value)
    return good


class Sensor:
    """A running sensor, and what is heard of it."""

    def __init__(self, plan: factory.Plan, link: Link) -> None:
        self.plan = plan
        self.link = link
        self.heard: list[tuple[str, bytes]] = []
        self.counted = 0  # windows before the test began
        self._news = asyncio.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe = -1

    @property
    def folder(self) -> Path:
        return self.plan.folder / "gw" / "press"

    def start(self) -> None:
        self.counted = 0  # every start begins anew
        self._process, self._pipe = factory.start_sensor(self.plan, self.plan.machines[0])

    def feed(self, windows: np.ndarray) -> None:
        for window in windows:
            os.write(self._pipe, window.astype("<i2").tobytes())

    def end_recording(self) -> None:
        os.close(self._pipe)

    def kill(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait(PATIENCE)

    def log(self) -> str:
        return (self.folder / "sensor.log").read_text()

    def windows(self) -> list[wire.Window]:
        """Those heard since the last question was asked."""
        return [wire.unpack_window(payload) for leaf, payload in self.heard if leaf == "window"]

    async def listen(self) -> None:
        async for message in self.link.messages():
            self.heard.append((message.topic.removeprefix("reedmesh/gw/press/"), message.payload))
            self._news.set()

    async def until(self, leaf: str, wanted: Callable[[Any], bool] = bool) -> Any:
        """The first thing said on `leaf`, since the last `forget`, that is wanted."""
        read = wire.unpack_window if leaf == "window" else json.loads
        while True:
            for where, payload in self.heard:
                if where == leaf and wanted(value := read(payload)):
                    return value
            self._news.clear()
            await self._news.wait()

    async def soon(self, leaf: str) -> Any:
        """As `until`, but None when nothing is said in half a second."""
        with suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                return await self.until(leaf, lambda _: True)
        return None

    async def up(self) -> None:
        """Wait until it publishes windows; one that is ready before the link is may be lost, as any at QoS 0."""
        await self.until("hello")
        while not self.windows():
            self.feed(NORMAL[:1])
            self.counted += 1
            await self.soon("window")
        await self.until("window", lambda window: window.number == self.counted)  # what comes later is the test's

    async def answer(self, payload: bytes) -> dict[str, Any]:
        """What the sensor says to an offer that arrives whole."""
        bundle = await self.announce(payload)
        return await self.ending(bundle)

    async def ending(self, bundle: Bundle) -> dict[str, Any]:
        """What the sensor says at last, after it was given what it asked for."""
        while True:
            status = await self.until("model/status")
            self.heard[:] = [said for said in self.heard if said[0] != "model/status"]
            if status["code"] != 206:
                self.heard.append(("model/status", json.dumps(status).encode()))
                return status  # type: ignore[no-any-return]
            await self.send(bundle, status["missing"], block=status["block"])

    async def announce(self, payload: bytes, key: bytes = b"") -> Bundle:
        """Say that an offer is coming, after forgetting what was heard."""
        self.heard.clear()
        shape = shape_for(len(payload), offer_frame.MODEL_SHARD, ROOM)
        bundle = Bundle(payload, "vibration", "gw", 1, 1, shape)
        key = key or SensorKeys(self.plan.folder / "gw").made_for("press")
        frame = shards.sealed(bundle.manifest, key) if key != UNSEALED else shards.pack_manifest(bundle.manifest)
        await self.link.publish(Message("reedmesh/gw/press/model/manifest", frame, qos=1))
        return bundle

    async def send(self, bundle: Bundle, count: int, lose: tuple[int, ...] = (), block: int = 0) -> None:
        """Send the next `count` shards of a block but for those at the places `lose`."""
        for place, frame in enumerate(bundle.wave({block: count})):
            if place not in lose:
                await self.link.publish(Message("reedmesh/gw/press/model/shard", frame))


@asynccontextmanager
async def sensor(folder: Path, recipe: Recipe | None = None) -> AsyncIterator[Sensor]:
    """A sensor called press of gateway gw, started, and said hello; killed when the context is left.

    Without a recipe it is the vibration family's, and has published its first windows.
    """
    binary()  # skips the test without a MicroPython
    candidate()  # takes its time, in which nobody listens
    with mosquitto(folder, free_port()) as port:
        async with listening(port, folder, recipe or FAMILY.recipe) as it, asyncio.timeout(PATIENCE):
            try:
                it.start()
                await (it.until("hello") if recipe else it.up())
                yield it
            finally:
                it.kill()


@asynccontextmanager
async def listening(port: int, folder: Path = Path(), recipe: Recipe = FAMILY.recipe) -> AsyncIterator[Sensor]:
    """The sensor press of gateway gw as it is heard of on a broker, whoever starts it."""
    machine = factory.Machine("gw", "press", False, {})
    plan = factory.Plan(folder, "vibration", recipe.table(), {"gw": 100}, {"gw": port}, [machine], 200.0, 4096.0)
    link = Link("127.0.0.1", port, "test", subscriptions={"reedmesh/gw/press/#": 1}, keepalive=int(PATIENCE))
    it = Sensor(plan, link)
    task = asyncio.create_task(it.listen())
    try:
        yield it
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def test_it_introduces_itself_and_publishes_the_features_the_gateway_would_make(tmp_path: Path) -> None:
    async def story() -> None:
        async with sensor(tmp_path) as it:
            hello = await it.until("hello")
            assert (
                hello["features"] == FAMILY.recipe.table() and hello["model"] is None and hello["sensor"]["axes"] == 3
            )
            await it.until("availability", lambda value: value["state"] == "online")
            it.feed(NORMAL[:20])
            last = await it.until("window", lambda window: window.number == it.counted + 20)
            assert last.score is None and last.model == bytes(8)
            expected = features.extract(NORMAL[:20], FAMILY.recipe)
            assert [frame.features for frame in it.windows()[-20:]] == [each.tobytes() for each in expected]

    asyncio.run(story())


def test_it_takes_a_model_and_scores_as_the_gateway_does(tmp_path: Path) -> None:
    async def story() -> None:
        async with sensor(tmp_path) as it:
            good = offer(3)
            assert (await it.answer(offer_frame.pack_offer(good)))["code"] == 200
            assert (await it.until("hello"))["model"] == good.sha256.hex()
            it.feed(NORMAL[100:140])
            await it.until("window", lambda window: window.number == it.counted + 40)
            model = Model(good.model)
            assert len(it.windows()) == 40
            for frame in it.windows():
                assert (frame.model, frame.score) == (model.key, model.score(frame.features))

    asyncio.run(story())


def test_a_model_is_put_together_from_any_shards_and_the_rest_is_asked_for(tmp_path: Path) -> None:
    async def story() -> None:
        async with sensor(tmp_path) as it:
            bundle = await it.announce(offer_frame.pack_offer(offer(1)))
            await it.send(bundle, bundle.shape.k, lose=(0,))
            asked = await it.until("model/status", lambda status: status["missing"] == 1)
            assert (asked["code"], asked["block"]) == (206, 0)
            it.heard.clear()
            await it.send(bundle, 1)  # parity: not the one that was lost
            assert (await it.ending(bundle))["code"] == 200
            assert (await it.until("hello"))["model"] == offer(1).sha256.hex()

    asyncio.run(story())


def test_spoilt_shards_and_those_of_other_bundles_change_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with sensor(tmp_path) as it:
            other = Bundle(b"other" * 2000, "vibration", "gw", 9, 9, shards.Shape(10, 1024, 10000))
            bundle = await it.announce(offer_frame.pack_offer(offer(1)))
            for frame in [*other.wave({0: 5}), b"", b"junk" * 300, bundle.wave({0: 1})[0][:-1] + b"x"]:
                await it.link.publish(Message("reedmesh/gw/press/model/shard", frame))
            assert (await it.ending(bundle))["code"] == 200

    asyncio.run(story())


def with_other_bytes() -> dict[str, bytes]:
    """The same model under another digest."""
    padded = candidate().model + bytes(4)
    return {"model": padded, "sha256": hashlib.sha256(padded).digest()}


def test_its_model_survives_a_power_cut_and_a_damaged_slot_falls_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with sensor(tmp_path) as it:
            first, second = offer(1), offer(2, **with_other_bytes())
            for each in (first, second):
                assert (await it.answer(offer_frame.pack_offer(each)))["code"] == 200
            assert await restarted(it) == second.sha256.hex()
            slot = it.folder / "b.tflite"
            slot.write_bytes(slot.read_bytes()[:-1] + b"x")
            assert await restarted(it) == first.sha256.hex()
            (it.folder / "slots.json").write_text("{")
            assert await restarted(it) is None

    asyncio.run(story())


async def restarted(it: Sensor) -> Any:
    """Cut the power, start again, and tell which model it then says it runs."""
    it.kill()
    await it.until("availability", lambda value: value["state"] == "offline")
    it.heard.clear()
    it.start()
    return (await it.until("hello"))["model"]


@pytest.mark.parametrize(("samples", "hop"), [(20, 1), (20, 7), (5, 4), (9, 9)])
def test_overlapping_windows_share_their_readings(tmp_path: Path, samples: int, hop: int) -> None:
    recipe = Trend(samples, 8, hop)
    readings = np.random.default_rng(samples).integers(-32768, 32767, (samples + 40 * hop, 8), np.int16)

    async def story() -> None:
        async with sensor(tmp_path, recipe) as it:
            expected = features.extract(features.slide(readings, recipe), recipe)
            it.feed(readings[:samples])
            fed = samples
            while not (first := await it.soon("window")):
                it.feed(readings[fed : fed + hop])  # the one before was lost: the link was not up yet
                fed += hop
            it.feed(readings[fed:])
            await it.until("window", lambda window: window.number == len(expected))
            assert [frame.number for frame in it.windows()] == list(range(first.number, len(expected) + 1))
            assert all(frame.features == expected[frame.number - 1].tobytes() for frame in it.windows())

    asyncio.run(story())


def test_where_the_recording_ends_it_says_goodbye(tmp_path: Path) -> None:
    async def story() -> None:
        async with sensor(tmp_path) as it:
            it.end_recording()
            await asyncio.to_thread(it._process.wait, PATIENCE)  # type: ignore[union-attr]
            assert "the recording ended" in it.log()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "Press 3"}, "name 'Press 3'"),
        ({"features": {}}, "features.version"),
        ({"broker": 1}, "'broker'"),
        ({"broker": {"host": "10.0.0.1", "port": 1883}}, "no 'plain'"),
        ({"serial": {"port": "/dev/null"}}, "one of 'broker' and 'serial'"),
        ({"broker": None, "serial": {}}, "'serial'"),
        ({"key": "12"}, "key: 64"),
        ({"features": {"version": 1, "kind": "sound"}}, "features.kind 'sound'"),
    ],
)
def test_settings_that_cannot_be_are_named(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    machine = factory.Machine("gw", "press", False, {})
    plan = factory.Plan(tmp_path, "vibration", FAMILY.recipe.table(), {"gw": 100}, {"gw": 1}, [machine], 200.0, 4096.0)
    folder = tmp_path / "sensor"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({**factory.sensor_settings(plan, machine), **change}))
    device = tmp_path / "device"
    assemble(device)
    path = {**os.environ, "MICROPYPATH": f"{device}:.frozen"}
    ended = subprocess.run(
        [binary(), device / "main.py", folder], env=path, capture_output=True, text=True, timeout=PATIENCE
    )
    assert says in ended.stdout + ended.stderr and "config.json" in ended.stdout + ended.stderr
