"""The link to an MQTT broker: `Link` for real ones, `MemoryBroker` and its links for tests. Nothing else imports MQTT.

A link stays up by itself: it reconnects with backoff, subscribes again and repeats its greeting. Outages are seen only
in that `publish` says False and that no messages come.
"""

import asyncio
import logging
import random
import secrets
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Protocol, TypeVar

import aiomqtt

from reedmesh.errors import ConfigError
from reedmesh.json_object import read_json as read_json

log = logging.getLogger(__name__)

T = TypeVar("T")

NODELAY = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]  # a QoS 1 round trip takes 1 ms with it, 44 ms without
LONGEST_WAIT = 30.0  # seconds between two attempts to connect
QUEUE = 10_000  # messages that may wait on either side; more are dropped rather than kept in memory
AT_ONCE = 200  # topic filters in one packet


@dataclass(frozen=True)
class Message:
    """One MQTT message."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


def end_if_cancelled() -> None:
    """Raise CancelledError in a task that was cancelled: Python 3.11's wait_for, under aiomqtt, may forget it."""
    task = asyncio.current_task()
    if task and task.cancelling():
        raise asyncio.CancelledError


class Publisher(Protocol):
    """What the rest of the gateway needs to speak."""

    async def publish(self, message: Message) -> bool:
        """Send; at QoS 1, wait for the broker's word. False: not sent, the link is down."""
        ...


class Channel(Publisher, Protocol):
    """A link one can also listen to."""

    @property
    def connected(self) -> bool:
        """Whether something could be heard now."""
        ...

    def messages(self) -> AsyncIterator[Message]:
        """Every message of the subscriptions, for as long as the caller listens."""
        ...


class Subscriber(Channel, Protocol):
    """A channel whose topics change with time."""

    async def follow(self) -> None:
        """Subscribe to what it should hear by now, and no longer to what it should have heard before."""
        ...


Greeting = Callable[[], list[Message]]
Saying = Callable[[], Message]  # asked for at every connect, or when we leave
Topics = Callable[[], dict[str, int]]  # topic filters with their QoS, as of now
Admission = Callable[[str], bool]  # whether to listen to a message on this topic


class Link:
    """A client of one broker.

    subscriptions: topic filters with their QoS, or what tells them as of now, for `follow`. will: what the broker says
    when we vanish; farewell: what we say when we leave. greeting: called after every connect for the messages to
    publish first (retained state that the broker may have lost). admit: asked of each message before it is queued.
    """

    def __init__(
        self,
        host: str,
        port: int,
        name: str,
        *,
        subscriptions: dict[str, int] | Topics | None = None,
        will: Message | Saying | None = None,
        farewell: Message | Saying | None = None,
        greeting: Greeting = list,
        admit: Admission | None = None,
        keepalive: int = 15,
        login: tuple[str, str] | None = None,
        ca: str = "",
    ) -> None:
        self.place = f"{host}:{port}"
        self.connected = False
        self.reconnects = -1
        self.attempts = 0  # to connect
        self.failures = 0  # attempts that came to nothing, and connections that broke off
        self._topics: Topics = subscriptions if callable(subscriptions) else lambda: subscriptions or {}
        self._subscribed: dict[str, int] = {}
        self._greeting = greeting
        self._will, self._farewell = will, farewell
        self._client: aiomqtt.Client | None = None
        self._options = {
            "hostname": host,
            "port": port,
            "identifier": f"{name}-{secrets.token_hex(8)}",  # not to be guessed: who comes by the same pushes us off
            "keepalive": keepalive,
            "username": login and login[0],
            "password": login and login[1],
            "tls_context": _tls(ca) if ca else None,
            "socket_options": NODELAY,
            "max_queued_incoming_messages": QUEUE,
            "queue_type": partial(_Inbox, admit) if admit else None,
            "max_queued_outgoing_messages": QUEUE,
            "max_inflight_messages": 100,
        }

    async def messages(self) -> AsyncIterator[Message]:
        """Connect, and connect again, for ever; yields what arrives meanwhile."""
        wait = 0.0
        while True:
            self.attempts += 1
            try:
                async with self._new_client() as client:
                    try:
                        end_if_cancelled()
                        await self._greet(client)
                        end_if_cancelled()
                        wait = 0.0
                        async for message in client.messages:
                            yield _ours(message)
                    except (asyncio.CancelledError, GeneratorExit):
                        await self._leave()
                        raise
            except aiomqtt.MqttError as error:
                end_if_cancelled()
                self.failures += 1
                wait = min(LONGEST_WAIT, 2 * wait + 0.25)
                log.warning("broker %s: %s; trying again in %.2g s", self.place, error, wait)
            finally:
                self.connected, self._client = False, None
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - keeps nothing secret

    async def publish(self, message: Message) -> bool:
        """Send; at QoS 1, wait for the broker's word. False: not sent, the link is down."""
        if self._client is None:
            return False
        try:
            await self._client.publish(message.topic, message.payload, message.qos, message.retain)
            sent = True
        except aiomqtt.MqttError as error:
            log.warning("broker %s: %s: %s", self.place, message.topic, error)
            sent = False
        end_if_cancelled()
        return sent

    async def follow(self) -> None:
        """As in Subscriber; a link that is down does so when it is up again."""
        client, before = self._client, self._subscribed
        if not client:
            return
        self._subscribed = self._topics()
        try:
            await _subscribe(client, {topic: qos for topic, qos in self._subscribed.items() if topic not in before})
            for part in _parts(before.keys() - self._subscribed):
                await client.unsubscribe(part)
        except aiomqtt.MqttError as error:
            log.warning("broker %s: %s", self.place, error)
        end_if_cancelled()

    def _new_client(self) -> aiomqtt.Client:
        said = _said(self._will)
        will = said and aiomqtt.Will(said.topic, said.payload, said.qos, said.retain)
        return aiomqtt.Client(**self._options, will=will)  # type: ignore[arg-type]

    async def _greet(self, client: aiomqtt.Client) -> None:
        self._subscribed = self._topics()
        await _subscribe(client, self._subscribed)
        self._client, self.connected = client, True
        await self.follow()  # what changed meanwhile
        self.reconnects += 1
        for message in self._greeting():
            await client.publish(message.topic, message.payload, message.qos, message.retain)

    async def _leave(self) -> None:
        if farewell := _said(self._farewell):
            await self.publish(farewell)


class _Inbox(asyncio.Queue[aiomqtt.Message]):
    """What is not admitted takes nobody's place."""

    def __init__(self, admit: Admission, maxsize: int) -> None:
        super().__init__(maxsize)
        self._admit = admit

    def put_nowait(self, item: aiomqtt.Message) -> None:
        """Keep or drop `item`."""
        if self._admit(item.topic.value):
            super().put_nowait(item)


async def _subscribe(client: aiomqtt.Client, topics: dict[str, int]) -> None:
    for part in _parts(topics.items()):
        await client.subscribe(part)


def _parts(whole: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(whole)
    while part := list(islice(rest, AT_ONCE)):
        yield part


def _said(message: Message | Saying | None) -> Message | None:
    return message() if callable(message) else message


def _tls(ca: str) -> ssl.SSLContext:
    """TLS 1.2 or newer, with a broker that proves to be the host we meant, by `ca` and nobody else."""
    try:
        context = ssl.create_default_context(cafile=ca)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(f"ca = {ca}: {error.strerror or error}: a file with certificates in PEM is needed") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _ours(message: aiomqtt.Message) -> Message:
    payload = message.payload if isinstance(message.payload, bytes | bytearray) else b""
    return Message(str(message.topic), bytes(payload), message.qos, bool(message.retain))


class MemoryBroker:
    """A broker without a network: retained messages and wildcards, in order and at once."""

    def __init__(self) -> None:
        self.retained: dict[str, Message] = {}
        self._links: list[MemoryLink] = []

    def link(
        self, *filters: str, farewell: Message | None = None, greeting: Greeting = list, topics: Topics | None = None
    ) -> "MemoryLink":
        """A client that listens to `filters`, or to what `topics` tells."""
        return MemoryLink(self, topics or (lambda: dict.fromkeys(filters, 1)), farewell, greeting)

    def join(self, link: "MemoryLink") -> None:
        """Let `link` hear: first what is retained, then what comes."""
        self._links.append(link)
        self.repeat(link)

    def repeat(self, link: "MemoryLink") -> None:
        """Let `link` hear what is retained."""
        for message in list(self.retained.values()):
            link.offer(message)

    def leave(self, link: "MemoryLink") -> None:
        """Forget `link`."""
        self._links.remove(link)

    def deliver(self, message: Message) -> None:
        """Hand `message` to everyone who listens."""
        if message.retain and message.payload:
            self.retained[message.topic] = message
        elif message.retain:
            self.retained.pop(message.topic, None)
        for link in self._links:
            link.offer(Message(message.topic, message.payload, message.qos))


class MemoryLink:
    """A client of a MemoryBroker."""

    connected = True

    def __init__(self, broker: MemoryBroker, topics: Topics, farewell: Message | None, greeting: Greeting) -> None:
        self._farewell = farewell
        self._broker = broker
        self._topics = topics
        self._filters = list(topics())
        self._greeting = greeting
        self._inbox: asyncio.Queue[Message] = asyncio.Queue(QUEUE)

    async def messages(self) -> AsyncIterator[Message]:
        """Everything that matches the filters, until the caller stops."""
        self._broker.join(self)
        try:
            for message in self._greeting():
                self._broker.deliver(message)
            while True:
                yield await self._inbox.get()
        finally:
            self._broker.leave(self)
            if self._farewell:
                self._broker.deliver(self._farewell)

    async def publish(self, message: Message) -> bool:
        """Deliver at once."""
        self._broker.deliver(message)
        return True

    async def follow(self) -> None:
        """As in Subscriber; what is retained comes again."""
        self._filters = list(self._topics())
        self._broker.repeat(self)

    def offer(self, message: Message) -> None:
        """Take `message` if a filter matches."""
        if any(aiomqtt.Topic(message.topic).matches(filter_) for filter_ in self._filters):
            self._inbox.put_nowait(message)
