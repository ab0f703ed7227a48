"""A real gateway is fed hostile messages on every topic that anybody may write: nothing ends, all is judged.

Sensors and programs say changed copies of what they should; a neighbour with a key that counts signs anything. After
each handful the gateway must judge a true sensor, answer, export and show as before; and it must start again with
whatever of it was stored.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from reedmesh.coding.bundle import Bundle
from reedmesh.config.settings import Alerts, Config, Learning, Neighbour
from reedmesh.config.settings import Store as StoreSettings
from reedmesh.dashboard.model.reducer import fold
from reedmesh.dashboard.model.view import View
from reedmesh.exchange import checkpoints, seen
from reedmesh.exchange.listener import subscriptions
from reedmesh.exchange.private.round import LEAVES as PRIVATE
from reedmesh.exchange.seen import Held
from reedmesh.identity import revocation, succession
from reedmesh.identity.keys import Key
from reedmesh.identity.succession import Succession
from reedmesh.inference.families import Families
from reedmesh.inference.family import find_family, load_family
from reedmesh.inference.features import extract
from reedmesh.learning import delta, told
from reedmesh.learning.delta import Delta
from reedmesh.links.memory_link import MemoryBroker
from reedmesh.links.message import Message
from reedmesh.outputs.home_assistant import sensor_device
from reedmesh.outputs.modbus import Modbus
from reedmesh.outputs.sparkplug import device
from reedmesh.outputs.sparkplug_payload import pack as sparkplug_pack
from reedmesh.protocol import late_frame, wire
from reedmesh.protocol import part as parts
from reedmesh.provenance import credit, ledger
from reedmesh.provenance.credit import Statement
from reedmesh.provenance.ledger import Checkpoint
from reedmesh.service import prometheus, state_publisher
from reedmesh.service.gateway import Gateway
from reedmesh.service.requests.verbs import VERBS
from reedmesh.store.store import Store
from tests.service.test_gateway import FAMILY, LEARN, feed, sounds
from tests.support import hostile
from tests.support.parts import RECIPE, strokes
from tests.support.sensor import FakeSensor
from tests.support.timeouts import PATIENCE

SEEDS, ROUNDS, HANDFUL = range(4), 40, 25  # four thousand messages in all
EVIL = Key(bytes(range(32)))
SENSORS = ("press", "fan", "stolen", "stranger")
HELLO = {
    "v": 1,
    "room": 2048,
    "shard": 1024,
    "features": FAMILY.recipe.table(),
    "model": None,
    "sequence": 3,
    "board": "esp32",
    "firmware": "1.2",
    "micropython": "1.29",
    "measured_hz": 200.5,
    "rssi": -60,
    "starts": 3,
    "error": "",
    "relapse": "",
    "safe_mode": False,
    "memory": {"free": 40000, "used": 50000},
    "sensor": {"driver": "adxl345", "rate_hz": 200, "lsb_per_g": 256, "axes": 3, "channels": [{"name": "x"}]},
    "tree": {"code": "xtensawin-6-3", "sequence": 1, "newest": 1, "proved": True, "relapse": ""},
}
STATION = HELLO | {"features": RECIPE.table()}
REQUEST = {
    "sensor": "press",
    "alert": "press-1",
    "by": "Ana",
    "text": "why",
    "cause": "bearing",
    "tags": "a",
    "answer": "helped",
    "minutes": 5,
    "since": 0,
    "until": 1e10,
    "points": 50,
    "limit": 5,
    "label": "OK",
    "part": "A-1",
    "boot": 7,
    "number": 3,
    "parts": [{"boot": 7, "number": 3}],
    "period": "8h",
    "language": "en",
    "envelope": "{}",
    "key": "ab" * 32,
    "transaction": "7",
}


class Stage:
    """The gateway, a true sensor, and everybody who says something hostile. It may be started again."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.dice = folder, Random(seed)
        self.broker, self.theirs = MemoryBroker(), MemoryBroker()
        self.view = View()
        self.answers: list[dict[str, Any]] = []
        self.true: FakeSensor | None = None
        self.sequence = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Gateway]:
        config = Config(
            "gw",
            str(self.folder),
            alerts=Alerts(off_seconds=0.0),
            learning=Learning(windows=LEARN),
            store=StoreSettings(flush_seconds=0.05),
            neighbours=(Neighbour("evil", "127.0.0.1", EVIL.public.hex()),),
            sensors=20,
        )
        gateway = Gateway(config, Families([FAMILY, load_family(find_family("parts"))]), Store(self.folder))
        leaves = ("window", "part", "late", "hello", "availability", "model/status", "firmware/status")
        topics = [f"reedmesh/gw/+/{leaf}" for leaf in leaves] + ["reedmesh/gw/request/+"]
        link = self.broker.link(*topics, farewell=gateway.status("stopped"), greeting=gateway.greeting)
        ear = self.theirs.link(*subscriptions("evil", FAMILY.id))
        work = [asyncio.create_task(gateway.run(link, [ear])), asyncio.create_task(self._onlook())]
        try:
            async with asyncio.timeout(PATIENCE):
                while not self._is_online():
                    await asyncio.sleep(0)
                yield gateway
                assert not any(task.done() for task in work)
        finally:
            for task in work:
                task.cancel()
            for ended in await asyncio.gather(*work, return_exceptions=True):
                assert isinstance(ended, asyncio.CancelledError), ended

    def _is_online(self) -> bool:
        said = self.broker.retained.get("reedmesh/gw/status")
        return said is not None and b'"online"' in said.payload

    async def _onlook(self) -> None:
        """A dashboard: it hears what sensors and gateway say alike."""
        async for message in self.broker.link("reedmesh/#").messages():
            self.view = fold(self.view, "here", message, 0.0)
            if message.topic.startswith("reedmesh/gw/response/"):
                self.answers.append(json.loads(message.payload))

    async def say(self, topic: str, payload: bytes, retain: bool = False) -> None:
        await self.broker.link().publish(Message(topic, payload, 1, retain))

    async def teach(self, gateway: Gateway) -> None:
        """The true sensor's machine is learnt, and the sensor runs the model."""
        self.true = FakeSensor(self.broker.link(), "gw", "true", FAMILY.recipe)
        await self.true.hello()
        ear = self.broker.link(*(self.true.topic(f"model/{leaf}") for leaf in ("manifest", "shard")))
        taking = asyncio.create_task(self.true.receive(ear.messages()))
        await feed(self.true, sounds()["train"][:LEARN])
        while self.true.model is None:
            await asyncio.sleep(0.01)
        taking.cancel()

    async def hostile_sensor(self) -> None:
        name, dice = self.dice.choice(SENSORS), self.dice
        good = dice.choice((HELLO, STATION))
        window = wire.Window(sounds()["normal"][0].tobytes() if good is HELLO else STROKE, 7, dice.randrange(1 << 32))
        window.score = 5
        packed = bytearray(wire.WINDOW_HEADER + len(window.features))
        wire.pack_window(window, packed)
        part = parts.Part(7, window.number)
        part.name = b"A-1"
        told = bytearray(parts.SIZE)
        parts.pack(part, told)
        said: dict[str, Callable[[], bytes]] = {
            "hello": lambda: json.dumps(good).encode() if dice.random() < 0.25 else hostile.said(good, dice),
            "availability": lambda: hostile.said({"state": "sleeping", "seconds": 5}, dice),
            "model/status": lambda: hostile.said({"code": 206, "block": 0, "missing": 3, "reason": "no"}, dice),
            "firmware/status": lambda: hostile.said({"code": 206, "block": 0, "missing": 3, "reason": "no"}, dice),
            "window": lambda: dice.choice((bytes(packed), hostile.frame(packed, dice))),
            "late": lambda: hostile.frame(late_frame.pack_late(5, packed), dice),
            "part": lambda: hostile.frame(told, dice),
        }
        leaf = dice.choice(("hello", *said))
        await self.say(f"reedmesh/gw/{name}/{leaf}", said[leaf](), retain=leaf in ("hello", "availability"))

    async def hostile_request(self) -> None:
        verbs = [*VERBS, "config", "status", "learning", "ask", "why", "report", "no-such", "x" * 200]
        table = REQUEST | {"sensor": self.dice.choice((*SENSORS, "true"))}
        for verb in ("forget", "relearn", "rollback"):
            verbs.remove(verb)  # of the true sensor they are no attack; of others they are tried below
        verb = self.dice.choice(verbs)
        if self.dice.random() < 0.2:
            verb, table = self.dice.choice(("forget", "relearn", "rollback")), REQUEST | {"sensor": "stolen"}
        changed = hostile.table(table, self.dice)
        if isinstance(changed, dict) and changed.get("sensor") == "true" and verb in ("shelve", "not-a-fault", "fault"):
            return
        await self.say(f"reedmesh/gw/request/{verb}", json.dumps(changed).encode("utf-8", "surrogatepass"))

    async def hostile_neighbour(self) -> None:
        dice, base = self.dice, f"reedmesh/evil/update/{FAMILY.id}"
        leaf = dice.choice(
            (
                "head",
                "seen",
                "key",
                "owed",
                "proof",
                "credential",
                "revoked",
                *PRIVATE,
                "request/need",
                "request/snapshot",
                "update",
                "update",
                "status",
            )
        )
        if leaf == "update":
            await self._update(base)
            return
        need = {"to": "gw", "bundle": "00" * 8, "need": {"0": 3}, "received": 5, "lost": 1}
        said: dict[str, Callable[[], bytes]] = {
            "head": lambda: self._head(dice.choice(hostile.INTEGERS) % 2**64),
            "seen": lambda: hostile.frame(seen.pack([], {"gw": Held(2**32 - 1, "ab" * 32)}), dice),
            "key": lambda: self._succession(dice.choice(hostile.INTEGERS) % 2**64),
            "owed": lambda: self._statement(dice.choice(hostile.INTEGERS) % 2**64),
            "proof": lambda: hostile.frame(EVIL.sign(Bundle(b"x", FAMILY.id, "evil", 7, 7).manifest), dice),
            "credential": lambda: dice.randbytes(dice.randrange(300)),
            "revoked": lambda: hostile.frame(revocation.pack(EVIL.public, EVIL) * dice.choice((1, 2, 64, 65)), dice),
            **dict.fromkeys(PRIVATE, lambda: dice.randbytes(dice.choice((0, 4, 68, 69, 300, 4096, 4097)))),
            "request/need": lambda: hostile.said(need, dice),
            "request/snapshot": lambda: hostile.said({"to": "gw"}, dice),
            "status": lambda: hostile.said({"state": "online", "federation": "reedmesh"}, dice),
        }
        topic = "reedmesh/evil/status" if leaf == "status" else f"{base}/{leaf}"
        payload = said[leaf]()
        if leaf in ("head", "key", "owed") and dice.random() < 0.3:
            payload = hostile.frame(payload, dice)
        await self.theirs.link().publish(Message(topic, payload, 1, leaf in ("head", "seen", "key", "owed", "status")))

    async def _update(self, base: str) -> None:
        """A bundle that is signed as it should be; what is in it, and what its manifest says, is not."""
        dice, self.sequence = self.dice, self.sequence + 1
        extremes = [each for each in hostile.INTEGERS if 0 <= each < 2**32]
        number = dice.choice(extremes) if dice.random() < 0.05 else self.sequence
        payload = self._payload()
        made = Bundle(payload, FAMILY.id, "evil", number, dice.choice((number, max(0, number - 1))))
        manifest = made.manifest
        if dice.random() < 0.2:
            manifest.sequence, manifest.base = dice.randrange(2**32), dice.randrange(2**32)
        frames = made.wave(dict.fromkeys(range(made.shape.blocks), made.shape.k))
        signed = EVIL.sign(manifest)
        link = self.theirs.link()
        await link.publish(Message(f"{base}/manifest", signed, 1, True))
        for each in frames:
            await link.publish(Message(f"{base}/shard", hostile.frame(each, dice) if dice.random() < 0.05 else each))

    def _payload(self) -> bytes:
        dice = self.dice
        if dice.random() < 0.4:
            return GOOD
        step = np.random.default_rng(dice.randrange(99)).normal(0, 0.1, sum(FAMILY.tensors)).astype(np.float32)
        if dice.random() < 0.3:
            step[dice.randrange(len(step))] = dice.choice((np.nan, np.inf, -np.inf, 1e38))
        squares = np.full(FAMILY.recipe.length, dice.choice((0.0, 1.0, 1e30, np.nan)), np.float32)
        windows, quantile = dice.choice((0, 1, 100, 2**32 - 1)), dice.choice((0.0, 1.0, 1e30, float("nan"), -1.0))
        sums = told.pack(told.nothing(FAMILY.recipe.length), told.nothing(FAMILY.recipe.length))
        told_sums = dice.choice((b"", sums))
        with np.errstate(all="ignore"):
            evil = Delta(step, windows, quantile, squares, told_sums)
            good, _ = delta.pack(evil, FAMILY.tensors, delta.PROFILES["full"])
        return dice.choice((good, good, hostile.frame(good, dice), dice.randbytes(dice.randrange(1, 400))))

    def _head(self, number: int) -> bytes:
        hashed = sha256(self.dice.randbytes(4)).digest()
        signature = EVIL.signature(ledger.signed_text("evil", number, hashed))
        return ledger.pack_checkpoint(Checkpoint("evil", number, hashed, signature, hashed))

    def _statement(self, points: int) -> bytes:
        said = Statement("evil", points % 2**32, {"gw": (points, self.dice.choice((0, points)))})
        return credit.pack(said, EVIL.signature(said.text()))

    def _succession(self, until: int) -> bytes:
        said = Succession("evil", until, EVIL.public, NEXT.public)
        return succession.pack(said, EVIL.signature(said.text()), NEXT.signature(said.text()))

    async def attack(self, gateway: Gateway) -> None:
        for _ in range(HANDFUL):
            await self.dice.choice((self.hostile_sensor, self.hostile_request, self.hostile_neighbour))()
            await asyncio.sleep(0)

    async def check(self, gateway: Gateway) -> None:
        """All is as it should be: judged, answered, exported, shown; and no fault of ours was tripped over."""
        rejects = (gateway._events.rejects, gateway.parts.neighbourhoods.first.rejects)
        assert not any(each.unforeseen for each in rejects)
        assert self.true
        before = gateway.line.sensors["true"].arrivals.counters.windows
        await self.true.window(sounds()["normal"][self.dice.randrange(60)].tobytes())
        while gateway.line.sensors["true"].arrivals.counters.windows == before:
            await asyncio.sleep(0.001)
        transaction = str(len(self.answers))
        await self.say("reedmesh/gw/request/status", json.dumps({"transaction": transaction}).encode())
        while not any(each.get("transaction") == transaction and each["status"] == "ok" for each in self.answers[-60:]):
            await asyncio.sleep(0.001)
        assert not gateway.supervisor.failures
        strictly(gateway.vitals())
        vitals = gateway.vitals() | {"link": LINK, "stuck": [], "judged": 1, "began": 0.0, "judging_seconds": TIMES}
        assert prometheus.text(vitals).encode().count(b"\nreedmesh_windows_total{") == len(gateway.line.sensors)
        for sensor in gateway.line.sensors.values():
            strictly(sensor_device("gw", sensor))
            strictly(sensor.summary())
            sparkplug_pack(device(sensor), 0)
            Modbus(gateway.config, gateway.line, self.broker.link()).registers(sensor.name)


GOOD, _ = delta.pack(
    Delta(np.full(sum(FAMILY.tensors), 0.1, np.float32), 100, 1.0, np.ones(FAMILY.recipe.length, np.float32)),
    FAMILY.tensors,
    delta.PROFILES["full"],
)
STROKE = extract(strokes(1, 0, np.random.default_rng(0)), RECIPE)[0].tobytes()
NEXT = Key(bytes(32))
LINK = {"connected": True, "reconnects": 0, "offline": 0.0}
TIMES = prometheus.Histogram().table()


def strictly(value: Any) -> None:
    """It is JSON as every reader knows it, without NaN, and of bounded size."""
    assert len(json.dumps(value, allow_nan=False).encode()) < wire.MAX_PAYLOAD


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_that_anybody_says_ends_anything(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(state_publisher, "STATE_SECONDS", 0.02)
    monkeypatch.setattr(checkpoints, "LOOK_SECONDS", 0.01)

    async def story() -> None:
        stage = Stage(tmp_path, seed)
        async with stage.running() as gateway:
            await stage.teach(gateway)
            for _ in range(ROUNDS):
                await stage.attack(gateway)
                await stage.check(gateway)
        async with stage.running() as gateway:  # with what was stored, and what brokers retained
            await stage.check(gateway)

    asyncio.run(story())
    assert not [each.getMessage() for each in caplog.records if each.exc_info], "faults that nobody foresaw"


def test_the_attacks_reach_what_they_attack(tmp_path: Path) -> None:
    """Not all of them are refused at the door: sensors are made, alerts answered, updates and heads kept."""

    async def story() -> None:
        stage = Stage(tmp_path, 1)
        async with stage.running() as gateway:
            await stage.teach(gateway)
            for _ in range(12):
                await stage.attack(gateway)
                await stage.check(gateway)
            assert len(gateway.line.sensors) > 3 and any(each.station for each in gateway.line.sensors.values())
            assert gateway.parts.neighbourhoods.first.heard()["evil"]
            assert any(each["status"] == "ok" for each in stage.answers)

    asyncio.run(story())
