"""What a hall does to a gateway: a broker that restarts or is gone, a full disk, a clock set back, a flood of junk.

Real gateways on a real mosquitto. Where time is shortened the test says how; docs/reliability.md has what came out.
"""

import asyncio
import contextlib
import json
import resource
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiomqtt
import paho.mqtt.client as paho
import pytest

from reedmesh.alerts.rate_guard import MOST
from reedmesh.backoff import Backoff
from reedmesh.commands.client import ask
from reedmesh.config.settings import Alerts, Config, load_config
from reedmesh.inference.family import find_family, load_family
from reedmesh.links import mqtt_link
from reedmesh.links.combined_link import Wired
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from reedmesh.readings import sensor_alerts
from reedmesh.service import state_publisher
from reedmesh.service.gateway import Gateway
from reedmesh.store import database
from reedmesh.store.store import Store
from tests.support.brokers import free_port, mosquitto
from tests.support.sensor import numbered
from tests.support.timeouts import PATIENCE
from tools.bench.latency import prepare

BASE = "reedmesh/gw/"
HEARD = [f"{BASE}{leaf}" for leaf in ("status", "info", "alert", "alerts", "+/state")] + ["homeassistant/#"]
FIVE_MINUTES, HOUR = 300.0, 3600.0
LOOKS = 2  # at the clock that nobody sets, of a gateway that sees to the time


class Observer:
    """Hears all a gateway says, over all lives of its broker; and speaks as its sensors."""

    def __init__(self, port: int) -> None:
        self.said: list[tuple[str, Any]] = []
        self.retained: dict[str, Any] = {}
        self._number = 0
        self.sent: Counter[str] = Counter()  # windows
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(1, 1)
        self.listening = threading.Event()
        self._client.on_connect = lambda client, *_: client.subscribe([(topic, 1) for topic in HEARD])
        self._client.on_subscribe = lambda *_: self.listening.set()
        self._client.on_disconnect = lambda *_: self.listening.clear()
        self._client.on_message = self._hear
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()

    def _hear(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        topic = message.topic.removeprefix(BASE)
        with contextlib.suppress(ValueError):
            value = json.loads(message.payload) if message.payload else None
            self.said.append((topic, value))
            if message.retain:
                self.retained[topic] = value

    def alerts(self) -> list[dict[str, Any]]:
        return [value for topic, value in list(self.said) if topic == "alert"]

    def window(self, name: str, frame: bytes) -> None:
        self._number += 1
        self.sent[name] += 1
        self._client.publish(f"{BASE}{name}/window", numbered(frame, self._number))

    def hello(self, name: str) -> None:
        self._client.publish(f"{BASE}{name}/hello", '{"v": 1}', 1, retain=True)

    def until(self, holds: Callable[[], Any], meanwhile: Callable[[], None] = lambda: None) -> None:
        """Wait for it; `meanwhile` is done again and again."""
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, self.said[-20:]
            meanwhile()
            time.sleep(0.02)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Hall:
    """A gateway process, on a broker that a test may take away. good, bad: frames of a normal window and a fault."""

    def __init__(self, folder: Path, sensors: int, stack: ExitStack) -> None:
        self.folder = folder
        self.good, self.bad = prepare(folder / "state", sensors)
        self.port = free_port()
        self.broker = ExitStack()
        stack.callback(self.broker.close)
        self.start_broker()
        self.observer = Observer(self.port)
        stack.callback(self.observer.close)
        self.config = folder / "reedmesh.toml"
        self.config.write_text(
            f'name = "gw"\nstate = "{folder}/state"\n[broker]\nport = {self.port}\nanonymous = true\n'
            "[alerts]\non = 1\nof = 1\noff = 1\noff_seconds = 0\n"
        )
        command = [sys.executable, "-m", "reedmesh", "run", str(self.config)]
        self.process = stack.enter_context(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        stack.callback(self.process.kill)
        self.observer.until(lambda: ("status", "online") in self.states())

    def start_broker(self) -> None:
        self.broker.enter_context(mosquitto(self.folder, self.port, "max_queued_messages 10000"))

    def states(self) -> list[tuple[str, str]]:
        return [(topic, value["state"]) for topic, value in list(self.observer.said) if topic == "status"]

    def journal(self) -> list[tuple[str, str]]:
        with contextlib.closing(sqlite3.connect(self.folder / "state" / database.NAME)) as db:
            return list(db.execute("select alert, what from journal"))

    def nothing_waits(self) -> bool:
        """Whether all that was told is struck off: what is not is told again to the next broker, word for word."""
        with contextlib.closing(sqlite3.connect(self.folder / "state" / database.NAME)) as db:
            return not db.execute("select count(*) from outbox").fetchone()[0]

    def alarm(self, name: str) -> dict[str, Any]:
        """Raise an alert and wait until it is told."""
        told = lambda: [each for each in self.observer.alerts() if each["sensor"] == name and each["type"] == "new"]  # noqa: E731
        before = len(told())
        self.observer.until(lambda: len(told()) > before, lambda: self.observer.window(name, self.bad))
        return told()[-1]


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    with ExitStack() as stack:
        yield Hall(tmp_path, 4, stack)


def test_a_broker_that_restarts_with_nothing_is_told_everything_again(hall: Hall) -> None:
    alert = hall.alarm("s0")
    hall.observer.until(hall.nothing_waits)
    hall.broker.close()
    hall.observer.until(lambda: not hall.observer.listening.is_set())
    hall.observer.said.clear()
    hall.start_broker()
    hall.observer.until(lambda: ("status", "online") in hall.states())
    late = Observer(hall.port)
    wanted = {"status", "info", "alerts", "s0/state", "s3/state", "homeassistant/device/reedmesh_gw/config"}
    late.until(lambda: wanted <= set(late.retained))
    assert [each["id"] for each in late.retained["alerts"]["alerts"]] == [alert["id"]]
    late.close()
    again = hall.alarm("s1")
    assert [each["id"] for each in hall.observer.alerts()] == [again["id"]]  # the old one is not repeated


def test_on_a_disk_that_takes_nothing_alerts_are_told_and_kept_once_it_does(hall: Hall) -> None:
    """The process may write no file beyond a page (RLIMIT_FSIZE), as if there was no room; then there is again."""
    first = hall.alarm("s0")
    resource.prlimit(hall.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    told = [hall.alarm(name) for name in ("s1", "s2", "s3")]
    assert {alert for alert, _ in hall.journal()} == {first["id"]}
    resource.prlimit(hall.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    ids = {first["id"], *(each["id"] for each in told)}
    hall.observer.until(lambda: {alert for alert, what in hall.journal() if what == "raised"} == ids)
    heard = Counter(each["id"] for each in hall.observer.alerts() if each["type"] == "new")
    assert heard == dict.fromkeys(ids, 1) and hall.process.poll() is None


def test_started_on_a_disk_that_takes_nothing_it_judges_on_and_stores_all_once_there_is_room(hall: Hall) -> None:
    first = hall.alarm("s0")
    hall.process.kill()
    hall.process.wait()
    hall.observer.until(lambda: hall.states()[-1] == ("status", "offline"))

    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    command = [sys.executable, "-m", "reedmesh", "run", str(hall.config)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, preexec_fn=no_room) as process:
        try:
            hall.observer.until(lambda: hall.states()[-1] == ("status", "online"))
            second = hall.alarm("s1")  # with the model that is there
            told = lambda: [each for each in hall.observer.alerts() if each["kind"] == "disk"]  # noqa: E731
            hall.observer.until(told)
            assert process.poll() is None and {alert for alert, _ in hall.journal()} == {first["id"]}
            unlimited = resource.RLIM_INFINITY
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
            hall.observer.until(lambda: (second["id"], "raised") in hall.journal())
            third = hall.alarm("s2")
            assert process.poll() is None
            hall.observer.until(lambda: (third["id"], "raised") in hall.journal())
        finally:
            process.kill()
    heard = Counter(each["id"] for each in hall.observer.alerts() if each["type"] == "new")
    assert {first["id"], second["id"], third["id"]} <= heard.keys() and set(heard.values()) == {1}


class Cable:
    """A wire with sensors on it that the test speaks for: they are heard while the broker is away."""

    connected = True

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[Message] = asyncio.Queue()

    async def messages(self) -> AsyncIterator[Message]:
        while True:
            yield await self.inbox.get()

    async def publish(self, message: Message) -> bool:
        return True

    async def publish_shard(self, shard: object, topic: str = "") -> bool:
        return True


class Clocks:
    """One that tells the time and may be set, and one that nobody sets."""

    def __init__(self) -> None:
        self.wall, self.steady = 1.7e9, 100.0
        self._looks = 0

    def look(self) -> float:
        """The clock that nobody sets, as the gateway reads it."""
        self._looks += 1
        return self.steady

    async def go(self, seconds: float, step: float = 2.0) -> None:
        """Time goes by, looked at every `step` seconds as ever."""
        for _ in range(int(seconds / step)):
            self.wall += step
            self.steady += step
            await self.seen()

    async def seen(self) -> None:
        """Wait until the gateway has looked at what time it is now, and has seen to it."""
        enough = self._looks + 2 * LOOKS
        async with asyncio.timeout(PATIENCE):
            while self._looks < enough:
                await asyncio.sleep(0.001)


class Reachable(Link):
    """A link whose broker is out of reach for as long as the test says."""

    cut = False

    def _new_client(self) -> aiomqtt.Client:
        if self.cut:
            raise aiomqtt.MqttError("out of reach")
        return super()._new_client()


class Inside:
    """A gateway in this process, so that its clocks are ours, on a real broker; s0 is on a wire, s1 on the network."""

    def __init__(self, folder: Path, port: int) -> None:
        self.good, self.bad = prepare(folder / "state", 2)
        self.clocks, self.cable, self.port = Clocks(), Cable(), port
        config = Config("gw", str(folder / "state"), alerts=Alerts(on=1, of=1, off=1, off_seconds=0))
        family = load_family(find_family("vibration"))
        store = Store(folder / "state")
        self.gateway = Gateway(config, family, store, lambda: self.clocks.wall, self.clocks.look)
        topics, greeting = self.gateway.subscriptions.topics, self.gateway.greeting
        self.link = Reachable("127.0.0.1", port, "gateway-gw", subscriptions=topics, greeting=greeting)
        self.observer = Observer(port)
        self._number = 0

    async def by_wire(self, frame: bytes) -> None:
        self._number += 1
        await self.cable.inbox.put(Message(BASE + "s0/window", numbered(frame, self._number)))

    async def until(self, holds: Callable[[], Any]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():
                await asyncio.sleep(0.02)

    async def run(self) -> None:
        await self.gateway.run(Wired("gw", self.link, [self.cable]))  # type: ignore[list-item]


def inside(folder: Path, story: Callable[["Inside", ExitStack], Any]) -> None:
    """Tell a story of such a gateway; the stack holds its broker."""

    async def told() -> None:
        port, broker = free_port(), ExitStack()
        broker.enter_context(mosquitto(folder, port))
        it = Inside(folder, port)
        work = asyncio.create_task(it.run())
        try:
            await it.until(lambda: it.link.connected and it.observer.listening.is_set())
            await story(it, broker)
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            it.observer.close()
            broker.close()

    asyncio.run(told())


def test_a_broker_gone_for_five_minutes_costs_no_alert_and_blames_no_sensor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five minutes of the gateway's own clocks, which go faster; the links, the outbox and the store are real."""
    monkeypatch.setattr(mqtt_link, "Backoff", lambda: Backoff(most=0.2))
    monkeypatch.setattr(state_publisher, "STATE_SECONDS", 0.01)

    async def story(it: Inside, broker: ExitStack) -> None:
        it.observer.window("s1", it.good)
        await it.until(lambda: any(topic == "s1/state" and value["windows"] for topic, value in it.observer.said))
        broker.close()
        await it.until(lambda: not it.link.connected)
        it.link.cut = True
        for _ in range(3):
            await it.by_wire(it.bad)
            await it.until(lambda: it.gateway.line.sensors["s0"].watcher.alert)
            await it.by_wire(it.good)
            await it.until(lambda: not it.gateway.line.sensors["s0"].watcher.alert)
            await it.clocks.go(FIVE_MINUTES / 3, step=1.0)
        assert it.observer.alerts() == []
        failed = it.link.failures
        await it.until(lambda: it.link.failures > failed)
        broker.enter_context(mosquitto(tmp_path, it.port))
        await it.until(it.observer.listening.is_set)
        it.link.cut = False
        await it.until(lambda: len(it.observer.alerts()) >= 6)
        await it.clocks.go(30)
        steps = [(each["sensor"], each["kind"], each["type"]) for each in it.observer.alerts()]
        assert steps == [("s0", "anomaly", "new"), ("s0", "anomaly", "end")] * 3

    inside(tmp_path, story)


def test_a_clock_set_back_an_hour_changes_nothing_that_lasts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway's own clock is set, with what looks at it as in service."""
    monkeypatch.setattr(state_publisher, "STATE_SECONDS", 0.01)

    async def story(it: Inside, _: ExitStack) -> None:
        now = it.clocks.wall
        assert sensor_alerts.shelve(it.gateway.line.sensors["s1"], now + 600, now, "Ana", "") == []
        await it.clocks.go(60)
        it.clocks.wall -= HOUR
        await it.clocks.go(4)
        assert it.gateway.line.sensors["s1"].watcher.shelved_until == now - HOUR + 600
        await it.by_wire(it.bad)
        told = lambda: [each for each in it.observer.alerts() if each["kind"] == "anomaly"]  # noqa: E731
        await it.until(told)
        alert = told()[0]
        assert alert["type"] == "new" and now - HOUR < alert["since"] < now - HOUR + 120
        await it.clocks.go(600)
        assert it.gateway.line.sensors["s1"].watcher.shelved_until is None
        await it.by_wire(it.good)
        await it.until(lambda: told()[-1]["type"] == "end")

    inside(tmp_path, story)


@pytest.mark.parametrize("kind", ["windows", "hellos"])
def test_a_sensor_that_floods_costs_the_others_no_window_is_an_alert_and_keeps_nobody_out(
    hall: Hall, kind: str
) -> None:
    """Ten thousand messages a second, for some seconds; tools/bench/flood.py has the figures."""
    from tools.bench.flood import Flood

    def refused() -> int:
        return int(ask(load_config(hall.config), "status", {}, PATIENCE)["refused"])

    before, look = rss(hall.process.pid), hall.observer
    with Flood(hall.port, 10_000, name="s3", kind=kind, frame=hall.good) as flood:
        look.until(lambda: [each for each in look.alerts() if each["kind"] == "babbling"])
        alert = next(each for each in look.alerts() if each["kind"] == "babbling")
        assert (alert["sensor"], alert["type"]) == ("s3", "new") and alert["value"] > alert["limit"] == MOST
        sent = flood.sent
        for _ in range(60):
            for name in ("s0", "s1", "s2"):
                look.window(name, hall.good)
        for name in ("s0", "s1", "s2"):
            hall.alarm(name)
        look.until(lambda: flood.sent > sent + 30_000)
        first = refused()
        look.until(lambda: flood.sent > sent + 50_000)
        assert refused() - first < 10_000  # the broker has nothing of it for us
        look.hello("new")
        look.until(lambda: any(topic == "new/state" for topic, _ in list(look.said)))
    assert rss(hall.process.pid) - before < 60e6 and hall.process.poll() is None
    states = lambda: {topic: value.get("windows") for topic, value in list(look.said) if topic.endswith("/state")}  # noqa: E731
    look.until(lambda: all(states()[f"{name}/state"] == sent for name, sent in look.sent.items()))


def rss(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096.0
