"""One gateway serves several families: each sensor by its recipe, each family learnt and exchanged by itself."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from reedmesh.alerts.words import sentence
from reedmesh.config.settings import Alerts, Config, Exchange, Learning, Neighbour
from reedmesh.config.settings import Store as StoreSettings
from reedmesh.exchange.federation import JOBS
from reedmesh.exchange.listener import subscriptions_of
from reedmesh.identity import keystore
from reedmesh.inference import families
from reedmesh.inference.features import extract
from reedmesh.links.memory_link import MemoryBroker
from reedmesh.links.message import Message
from reedmesh.service.gateway import Gateway
from reedmesh.store.store import Store
from reedmesh.updates.worker import inline_worker
from tests.service.test_gateway import LEARN, feed, sounds
from tests.support.parts import RECIPE, strokes
from tests.support.sensor import FakeSensor
from tests.support.timeouts import PATIENCE

SERVED = ("vibration", "process", "parts")
SECRET = "5" * 64


class Hall:
    """A gateway with all families, and sensors of each."""

    def __init__(self, folder: Path, name: str, others: dict[str, str], secret: str = "") -> None:
        neighbours = tuple(Neighbour(each, "127.0.0.1", key) for each, key in others.items())
        self.config = Config(
            name,
            str(folder / name),
            families=SERVED,
            alerts=Alerts(off_seconds=0.0),
            learning=Learning(windows=LEARN, patience=0.5),
            store=StoreSettings(flush_seconds=0.05),
            exchange=Exchange(secret=secret),
            neighbours=neighbours,
        )
        self.broker = MemoryBroker()
        self.gateway = Gateway(self.config, families.load(SERVED), Store(folder / name))
        self.gateway.use_worker(inline_worker)
        self.tasks: list[asyncio.Task[None]] = []

    def sensor(self, name: str, recipe: Any) -> FakeSensor:
        made = FakeSensor(self.broker.link(), self.config.name, name, recipe)
        filters = [made.topic(f"model/{leaf}") for leaf in ("manifest", "shard")]
        self.tasks.append(asyncio.create_task(made.receive(self.broker.link(*filters).messages())))
        return made

    async def line(self) -> tuple[FakeSensor, FakeSensor, FakeSensor]:
        """A fan, a tank and a press that said hello."""
        recipes = [each.recipe for each in self.gateway.parts.families.all[:2]]
        made = [self.sensor(*each) for each in (("fan", recipes[0]), ("tank", recipes[1]), ("press", RECIPE))]
        for each in made:
            await each.hello()
        return made[0], made[1], made[2]

    async def until(self, wanted: Any) -> None:
        while not wanted():
            await asyncio.sleep(0.005)

    async def learnt(self, *sensors: FakeSensor) -> None:
        await self.until(lambda: all(each.model for each in sensors))


@asynccontextmanager
async def halls(folder: Path, *names: str, secret: str = "") -> AsyncIterator[list[Hall]]:
    keys = {name: keystore.load(folder / name).public.hex() for name in names}
    made = [Hall(folder, name, {n: key for n, key in keys.items() if n != name}, secret) for name in names]
    tasks = []
    for hall in made:
        base, gateway = f"reedmesh/{hall.config.name}", hall.gateway
        leaves = ("window", "part", "hello", "availability", "model/status", "late")
        own = hall.broker.link(*(f"{base}/+/{leaf}" for leaf in leaves), f"{base}/request/+", greeting=gateway.greeting)
        heard = [
            other.broker.link(
                topics=partial(subscriptions_of, other.config.name, gateway.parts.exchanged, gateway.federation)
            )
            for other in made
            if other is not hall
        ]
        tasks.append(asyncio.create_task(gateway.run(own, heard)))
    try:
        async with asyncio.timeout(PATIENCE):
            for hall in made:  # until its gateway is heard and listens
                await hall.until(lambda it=hall: f"reedmesh/{it.config.name}/status" in it.broker.retained)
            yield made
    finally:
        tasks += [task for hall in made for task in hall.tasks]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


def levels(count: int, seed: int) -> NDArray[np.int8]:
    """Windows of a tank: 8 variables that hardly move."""
    recipe = families.load(["process"]).first.recipe
    rng = np.random.default_rng(seed)
    raw = rng.normal(5000, 60, (count, recipe.samples, recipe.axes)) + rng.normal(0, 40, (count, 1, 1))
    return extract(np.rint(raw).astype(np.int16), recipe)


def curves(count: int, seed: int, kind: int = 0) -> NDArray[np.int8]:
    return extract(strokes(count, kind, np.random.default_rng(seed)), RECIPE)


def test_three_families_learn_beside_each_other(tmp_path: Path) -> None:
    async def story() -> None:
        async with halls(tmp_path, "gw") as (hall,):
            fan, tank, press = await hall.line()
            await feed(press, curves(20, 1))
            await feed(fan, sounds()["train"][:LEARN])
            await feed(tank, levels(LEARN, 1))
            await hall.learnt(fan, tank, press)
            known = hall.gateway.line.sensors
            assert [known[name].family.name for name in ("fan", "tank", "press")] == list(SERVED)  # type: ignore[union-attr]
            told = hall.gateway.reported.learning()
            assert told["rounds"] == told["families"]["process"]["rounds"] == 1
            assert hall.gateway.reported.info()["family"]["name"] == "vibration"
            assert [each["name"] for each in hall.gateway.reported.info()["families"]] == list(SERVED)
            await feed(press, curves(3, 2, kind=2))
            await hall.until(lambda: known["press"].counters.windows == 23)
            assert known["press"].station and known["press"].station.counters.nok == 3
            assert not any(known[name].counters.disagreements for name in known)
        store = Store(tmp_path / "gw")
        again = Gateway(hall.config, families.load(SERVED), store)
        assert {name: sensor.model is not None for name, sensor in again.line.sensors.items()} == {
            "fan": True, "tank": True, "press": True,
        }  # fmt: skip
        store.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    "table", [{"version": 1, "samples": 9, "axes": 3, "bands": 2}, {"kind": "smell"}, "x" * 3000, None]
)
def test_a_sensor_of_no_family_is_refused_with_what_is_served(tmp_path: Path, table: Any) -> None:
    async def story() -> None:
        async with halls(tmp_path, "gw") as (hall,):
            fan, _, _ = await hall.line()
            link, heard = hall.broker.link(), hall.broker.link("reedmesh/gw/alert").messages()
            said = {"v": 1, "model": None} | ({"features": table} if table else {})
            await link.publish(Message("reedmesh/gw/odd/hello", json.dumps(said).encode(), 1, True))
            odd = FakeSensor(link, "gw", "odd", fan.recipe)
            await odd.window(bytes(fan.recipe.length))
            alert = json.loads((await anext(heard)).payload)
            assert (alert["sensor"], alert["kind"], alert["type"]) == ("odd", "unserved", "new")
            assert "serves vibration, process, parts" in sentence(alert, "en", alert["text"])
            assert len(alert["text"]) < 250
            sensor = hall.gateway.line.sensors["odd"]
            assert sensor.counters.windows == 0 and hall.gateway.vitals()["rejected"] >= 1
            await odd.hello()
            await odd.window(bytes(fan.recipe.length))
            await hall.until(lambda: sensor.counters.windows == 1 and sensor.family)
            await hall.until(lambda: not hall.gateway.parts.alarms.open())

    asyncio.run(story())


def test_a_window_before_any_hello_waits_for_the_recipe(tmp_path: Path) -> None:
    async def story() -> None:
        async with halls(tmp_path, "gw") as (hall,):
            recipe = hall.gateway.family.recipe
            early = FakeSensor(hall.broker.link(), "gw", "early", recipe)
            await early.window(bytes(recipe.length))
            await hall.until(lambda: hall.gateway.vitals()["rejected"] == 1)
            assert "early" not in hall.gateway.line.sensors, "junk makes no sensor of a name"

    asyncio.run(story())


def test_a_sensor_that_changes_its_recipe_is_learnt_anew(tmp_path: Path) -> None:
    async def story() -> None:
        async with halls(tmp_path, "gw") as (hall,):
            fan, tank, _ = await hall.line()
            await feed(fan, sounds()["train"][:LEARN])
            await hall.learnt(fan)
            known = hall.gateway.line.sensors["fan"]
            fan.recipe, fan.model = tank.recipe, None
            await fan.hello()
            await hall.until(lambda: known.family and known.family.name == "process")
            assert known.model is None and known.state == "learning" and known.length == tank.recipe.length
            await feed(fan, levels(LEARN, 3))
            await hall.learnt(fan)
            assert fan.model and fan.model.length == tank.recipe.length

    asyncio.run(story())


@pytest.mark.parametrize("secret", ["", SECRET])
def test_each_family_is_exchanged_by_itself_and_labels_stay_at_home(tmp_path: Path, secret: str) -> None:
    async def story() -> None:
        async with halls(tmp_path, "north", "south", secret=secret) as (north, south):
            fan, tank, press = await north.line()
            said: list[Message] = []

            async def overhear() -> None:
                async for message in north.broker.link("reedmesh/#").messages():
                    said.append(message)  # noqa: PERF401 - it never ends

            north.tasks.append(asyncio.create_task(overhear()))
            await feed(press, curves(60, 1))
            await feed(fan, sounds()["train"][:LEARN])
            await feed(tank, levels(LEARN, 1))
            await north.learnt(fan, tank, press)
            *_, young = await south.line()
            await feed(young, curves(20, 5))
            await south.learnt(young)
            shares = south.gateway.parts.neighbourhoods.all
            await south.until(lambda: sum(share.peers().get("north") is not None for share in shares) == 3)
            held = {share.family.name: share.peers().get("north") for share in shares if share.peers()}
            assert set(held) == set(SERVED) and all(peer and peer.told for peer in held.values())

            sensor = south.gateway.line.sensors["press"]

            def merged() -> bool:
                stored = south.gateway.parts.store.models.last("press")
                assert stored
                return bool(south.gateway.parts.passports.check(stored).merged)

            await south.until(merged)
            stored = south.gateway.parts.store.models.last("press")
            assert stored and sensor.family
            passport = south.gateway.parts.passports.check(stored)
            assert passport.family == sensor.family.id != south.gateway.family.id
            assert passport.merged[0].gateway == "north" and passport.merged[0].share > 0
            labels = {"transaction": "one", "sensor": "press", "boot": 7, "number": 3, "label": "hairline crack"}
            await north.broker.link().publish(Message("reedmesh/north/request/label", json.dumps(labels).encode(), 1))
            await north.until(lambda: any(b"labelled" in each.payload for each in said))
            updates = [each for each in said if "/update/" in each.topic]
            assert updates and not any(b"hairline" in each.payload for each in updates)
            if not secret:
                told = [each for each in north.gateway.parts.neighbourhoods.all if each.learning_state.windows]
                ids = {each.family.id for each in told}
                assert ids == {each.topic.split("/")[3] for each in updates if each.topic.endswith("/manifest")}

    asyncio.run(story())


def test_who_labelled_faults_tells_a_network_and_neither_part_nor_word(tmp_path: Path) -> None:
    async def story() -> None:
        async with halls(tmp_path, "north", "south") as (north, south):
            press, young = north.sensor("press", RECIPE), south.sensor("press", RECIPE)
            await press.hello()
            await young.hello()
            await feed(press, curves(20, 1))
            await feed(press, curves(5, 2, kind=2))
            parts = [{"boot": 7, "number": number} for number in range(21, 26)]
            labels = json.dumps({"sensor": "press", "parts": parts, "label": "hairline crack"}).encode()
            await north.broker.link().publish(Message("reedmesh/north/request/label", labels, 1))
            await feed(young, curves(20, 5))
            await south.learnt(young)
            shares = south.gateway.parts.neighbourhoods.all

            def told() -> bool:
                peers = [share.peers().get("north") for share in shares]
                return any(peer and peer.weights.any() for peer in peers)

            await south.until(told)
            knows = north.gateway.parts.neighbourhoods.all[-1].learning_state
            heard = shares[-1].peers()["north"]
            assert np.abs(heard.weights - knows.public).max() < 1e-6 and knows.windows == 19

    asyncio.run(story())


def test_the_wire_of_a_single_family_names_no_others(tmp_path: Path) -> None:
    store = Store(tmp_path)
    gateway = Gateway(Config("gw", str(tmp_path)), families.load(["vibration"]), store)
    assert "families" not in gateway.reported.info() and "families" not in gateway.reported.learning()
    assert gateway.parts.exchanged == [JOBS, gateway.family.id]
    store.close()
