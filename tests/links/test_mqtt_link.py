"""Links to real brokers stay up by themselves; the broker in memory behaves as they do."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from pathlib import Path

import aiomqtt
import pytest
from amqtt.mqtt import packet
from amqtt.mqtt.protocol import handler

from reedmesh.backoff import Backoff
from reedmesh.broker import amqtt_patches, embedded
from reedmesh.broker.accounts import Users
from reedmesh.config.settings import Broker as Settings
from reedmesh.config.settings import Config
from reedmesh.errors import ConfigError
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.links import mqtt_link
from reedmesh.links.memory_link import MemoryBroker
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from tests.support.brokers import free_port, mosquitto
from tests.support.timeouts import PATIENCE

Story = Callable[[], Awaitable[None]]


def told(story: Story) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await story()

    asyncio.run(bounded())


class Ear:
    """Listens to a link in the background."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.inbox: asyncio.Queue[Message] = asyncio.Queue()

    async def listen(self) -> None:
        async with aclosing(self.link.messages()) as messages:  # type: ignore[type-var]
            async for message in messages:
                self.inbox.put_nowait(message)


@asynccontextmanager
async def hearing(link: Link) -> AsyncIterator[Ear]:
    """An ear on `link`, once it is connected."""
    ear = Ear(link)
    task = asyncio.create_task(ear.listen())
    try:
        yield ear
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.001)


def link(port: int, name: str, topic: str = "t/#", **more: object) -> Link:
    return Link("127.0.0.1", port, name, subscriptions={topic: 1}, **more)  # type: ignore[arg-type]


def greeting(text: bytes) -> Callable[[], list[Message]]:
    """What a link says first and hears itself: the sign that it is up."""
    return lambda: [Message("t/greeting", text, 1)]


@pytest.mark.parametrize("kind", ["embedded", "mosquitto"])
def test_what_is_published_arrives_and_what_is_retained_waits(tmp_path: Path, kind: str) -> None:
    async def story(port: int) -> None:
        async with hearing(link(port, "a", greeting=greeting(b"a"))) as a:
            assert (await a.inbox.get()).payload == b"a"
            assert await a.link.publish(Message("t/kept", b"1", qos=1, retain=True))
            assert await a.link.publish(Message("t/gone", b"2", qos=1))
            assert {(await a.inbox.get()).payload for _ in range(2)} == {b"1", b"2"}
            async with hearing(link(port, "b", "t/+")) as b:
                kept = await b.inbox.get()
                assert (kept.topic, kept.payload, kept.retain) == ("t/kept", b"1", True)

    port = free_port()
    if kind == "mosquitto":
        with mosquitto(tmp_path, port):
            told(lambda: story(port))
    else:

        async def inside() -> None:
            async with embedded.broker(Settings(port=port)):
                await story(port)

        told(inside)


def test_the_embedded_broker_loses_nothing_while_others_come(tmp_path: Path) -> None:
    """amqtt by itself drops a message when somebody subscribes or leaves while it looks who should get it."""
    port, count = free_port(), 600
    users = Users(Config("hall", str(tmp_path)))
    login = "gateway.hall", users.password("gateway.hall") or ""

    async def say(ear: Ear) -> None:
        for number in range(count):
            assert await ear.link.publish(Message("t/n", b"%d" % number, qos=1))

    async def come(number: int) -> None:
        topics, up = {f"c/{number}/{i}": 0 for i in range(100)}, Message(f"c/{number}/0", b"")
        client = Link("127.0.0.1", port, f"c{number}", subscriptions=topics, greeting=lambda: [up], login=login)
        async with hearing(client) as ear:
            await ear.inbox.get()

    async def story() -> None:
        async with (
            embedded.broker(Settings(port=port), users),
            hearing(link(port, "a", "t/n", login=login)),
            hearing(link(port, "b", "t/+", greeting=greeting(b"b"), login=login)) as b,
        ):
            await b.inbox.get()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(say(b))
                for number in range(20):
                    tasks.create_task(come(number))
            assert [int((await b.inbox.get()).payload) for _ in range(count)] == list(range(count))

    told(story)


class Forgetting:
    """asyncio as amqtt sees it, where a task's first cancellation comes together with a PINGREQ, and is forgotten."""

    def __init__(self) -> None:
        self._forgot: set[object] = set()

    def __getattr__(self, name: str) -> object:
        return getattr(asyncio, name)

    async def wait_for(self, awaitable: Awaitable[object], timeout: float | None) -> object:
        try:
            return await asyncio.wait_for(awaitable, timeout)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) in self._forgot:
                raise
            self._forgot.add(task)
            return packet.MQTTFixedHeader(packet.PINGREQ, 0, 0)


def test_the_embedded_broker_leaves_nothing_behind_that_would_keep_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "asyncio", Forgetting())
    monkeypatch.setattr(embedded, "SHUTDOWN_SECONDS", 0.1)
    port = free_port()

    async def story() -> None:
        async with AsyncExitStack() as ears, embedded.broker(Settings(port=port)):
            ear = await ears.enter_async_context(hearing(link(port, "a", greeting=greeting(b"up"))))
            await ear.inbox.get()
            reading = [task for task in asyncio.all_tasks() if "_reader_loop" in repr(task.get_coro())]
            assert reading
            ears_after = ears.pop_all()
        async with ears_after:
            assert all(task.done() for task in reading)

    told(story)


def test_a_link_comes_back_subscribes_again_and_repeats_its_greeting(tmp_path: Path) -> None:
    port = free_port()

    async def story() -> None:
        async with hearing(link(port, "a", greeting=greeting(b"hello again"))) as ear:
            for _ in range(2):
                with mosquitto(tmp_path, port):
                    assert (await ear.inbox.get()).payload == b"hello again"
                    assert ear.link.connected
                await until(lambda: not ear.link.connected)
                assert not await ear.link.publish(Message("t/x", b"into the void", qos=1))
            assert ear.link.reconnects == 1

    told(story)


def test_a_link_counts_what_came_to_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_link, "Backoff", lambda: Backoff(most=0.01))
    port = free_port()

    async def story() -> None:
        async with hearing(link(port, "a", greeting=greeting(b"up"))) as ear:
            await until(lambda: ear.link.failures >= 2)
            with mosquitto(tmp_path, port):
                await ear.inbox.get()
                in_vain = ear.link.failures
                assert ear.link.attempts == in_vain + 1
            await until(lambda: ear.link.failures > in_vain)  # it broke off
            assert not ear.link.connected

    told(story)


class Forgetful:
    """A client as aiomqtt's under Python 3.11: a cancellation that comes together with something else is forgotten.

    There, asyncio.wait_for gives that instead: here an error, unless it `succeeds`. It forgets one.
    """

    def __init__(self, succeeds: bool) -> None:
        self.messages = self
        self._succeeds, self._forgot = succeeds, False

    async def publish(self, *_: object) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if self._forgot:
                raise
            self._forgot = True
        if not self._succeeds:
            raise aiomqtt.MqttError("gone")

    async def __aenter__(self) -> "Forgetful":
        await self.publish()
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def __aiter__(self) -> "Forgetful":
        return self

    async def __anext__(self) -> Message:
        return await asyncio.Event().wait()  # type: ignore[return-value]


class Open(Forgetful):
    """It forgets while it greets."""

    async def __aenter__(self) -> Forgetful:
        return self


@pytest.mark.parametrize("succeeds", [False, True])
def test_a_cancellation_that_aiomqtt_forgets_ends_who_speaks_and_who_listens(succeeds: bool) -> None:
    async def speak(speaking: Link) -> None:
        speaking._client = Forgetful(succeeds)  # type: ignore[assignment]
        while True:
            await speaking.publish(Message("t", b""))
            await asyncio.sleep(0)

    async def listen(listening: Link) -> None:
        listening._new_client = lambda: Forgetful(succeeds)  # type: ignore[method-assign,assignment,return-value]
        async for _ in listening.messages():
            pass

    async def greet(listening: Link) -> None:
        listening._new_client = lambda: Open(succeeds)  # type: ignore[method-assign,assignment,return-value]
        async for _ in listening.messages():
            pass

    async def story() -> None:
        for act in (speak, listen, greet):
            task = asyncio.create_task(act(Link("127.0.0.1", 1, "a", greeting=greeting(b"up"))))
            await asyncio.sleep(0)
            task.cancel()
            for _ in range(10):
                await asyncio.sleep(0)
            assert task.cancelled(), act

    told(story)


def test_what_is_not_admitted_takes_nobodys_place_and_a_link_follows_its_topics(tmp_path: Path) -> None:
    topics = {"t/a": 1, "t/b": 1}
    port = free_port()

    async def story() -> None:
        ear_link = Link("127.0.0.1", port, "a", subscriptions=lambda: dict(topics), admit=lambda topic: topic != "t/a")
        async with hearing(ear_link) as ear:
            while not ear.link.connected:
                await asyncio.sleep(0)
            for name in ("a", "b", "c"):
                assert await ear.link.publish(Message(f"t/{name}", b"", qos=1))
            assert (await ear.inbox.get()).topic == "t/b"
            del topics["t/b"]
            topics.update({f"t/{i}": 1 for i in range(1000)}, **{"t/c": 1})
            await ear.link.follow()
            for name in ("a", "b", "999", "c"):
                assert await ear.link.publish(Message(f"t/{name}", b"", qos=1))
            assert [(await ear.inbox.get()).topic for _ in range(2)] == ["t/999", "t/c"]

    with mosquitto(tmp_path, port):
        told(story)


def test_leaving_says_farewell_and_vanishing_leaves_the_will_to_the_broker(tmp_path: Path) -> None:
    port = free_port()
    words = {"will": Message("t/state", b"offline", 1, True), "farewell": Message("t/state", b"stopped", 1, True)}

    async def story() -> None:
        with mosquitto(tmp_path, port):
            async with hearing(link(port, "watcher", greeting=greeting(b"up"))) as watcher:
                await watcher.inbox.get()
                async with hearing(link(port, "a", "none", **words, greeting=greeting(b"a"))):
                    assert (await watcher.inbox.get()).payload == b"a"
                assert (await watcher.inbox.get()).payload == b"stopped"
                async with hearing(link(port, "a", "none", **words, greeting=greeting(b"a"))) as again:
                    assert (await watcher.inbox.get()).payload == b"a"
                    vanish(again.link)
                    assert (await watcher.inbox.get()).payload == b"offline"

    told(story)


def vanish(it: Link) -> None:
    """Cut the connection under a link, as a power cut would."""
    client = it._client._client  # type: ignore[union-attr]
    client.socket().shutdown(socket.SHUT_RDWR)


def test_a_port_that_is_taken_is_named_with_the_remedy() -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(ConfigError, match=f"broker.port = {port}.*choose another"):
                async with embedded.broker(Settings(port=port)):
                    pass

    told(story)


def test_the_broker_in_memory_retains_filters_and_forgets() -> None:
    async def story() -> None:
        broker = MemoryBroker()
        await broker.link().publish(Message("a/kept", b"1", retain=True))
        await broker.link().publish(Message("b/kept", b"2", retain=True))
        async with aclosing(broker.link("a/+").messages()) as messages:  # type: ignore[type-var]
            assert (await anext(messages)).payload == b"1"
            await broker.link().publish(Message("b/x", b"not for us"))
            await broker.link().publish(Message("a/x", b"3"))
            assert (await anext(messages)).payload == b"3"
        await broker.link().publish(Message("a/kept", b"", retain=True))
        assert list(broker.retained) == ["b/kept"]

    told(story)


def test_the_embedded_broker_reads_slowly_who_says_too_much_and_blames_nobody_for_anothers_words(
    tmp_path: Path,
) -> None:
    port, count = free_port(), 200  # messages: ten seconds of one that is read slowly
    users = Users(Config("hall", str(tmp_path)))
    SensorKeys(tmp_path).made_for("press")
    login, asked = {}, Counter[str]()
    for user in ("gateway.hall", "sensor.press"):
        login[user] = user, users.password(user) or ""

    def admit(topic: str) -> bool:
        asked[topic] += 1
        return "press" not in topic

    async def story() -> None:
        async with (
            embedded.broker(Settings(port=port), users, admit=admit),
            hearing(link(port, "press", "reedmesh/hall/press/model/#", login=login["sensor.press"])) as press,
            hearing(link(port, "b", "reedmesh/hall/fan/+", login=login["gateway.hall"])) as b,
        ):
            while not (press.link.connected and b.link.connected):
                await asyncio.sleep(0)
            for name in ("fan", "press"):  # the first is not for it to say
                for _ in range(count // 2):
                    await press.link.publish(Message(f"reedmesh/hall/{name}/window", b"", qos=0))
            for _ in range(count):
                assert await b.link.publish(Message("reedmesh/hall/fan/state", b"", qos=1))
                assert (await b.inbox.get()).topic == "reedmesh/hall/fan/state"
            assert asked["reedmesh/hall/fan/state"] == count
            assert asked["reedmesh/hall/fan/window"] == 0 and asked["reedmesh/hall/press/window"] < count / 2

    told(story)


def test_the_embedded_brokers_readers_end_also_when_a_cancellation_was_forgotten() -> None:
    """As amqtt's do by Python 3.11's wait_for, when data comes in the same moment; the gateway then never ended."""
    from amqtt.events import MQTTEvents

    async def read(server: amqtt_patches.Broker) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await server.plugins_manager.fire_event(MQTTEvents.PACKET_RECEIVED, packet=None, session=None)

    async def story() -> None:
        server = amqtt_patches.Broker(embedded._amqtt_config(Settings(), None, None), None, bool)
        reader = asyncio.create_task(read(server))
        await asyncio.sleep(0)
        reader.cancel()
        await asyncio.wait([reader])
        assert reader.cancelled()

    told(story)
