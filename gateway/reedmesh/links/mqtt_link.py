"""The link to an MQTT broker. Nothing else in the gateway imports an MQTT client.

A link stays up by itself: it reconnects with backoff, subscribes again and repeats its greeting. Outages are seen only
in that `publish` says False and that no messages come.
"""

import asyncio
import logging
import math
import secrets
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import aiomqtt

from reedmesh.backoff import Backoff
from reedmesh.config.hosts import Address, Rotation
from reedmesh.errors import ConfigError
from reedmesh.links import packet_limit
from reedmesh.links.message import QUEUE, Admission, Greeting, Message, Saying, Topics, end_if_cancelled
from reedmesh.links.packet_limit import Inbox

log = logging.getLogger(__name__)

T = TypeVar("T")

NODELAY = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]  # a QoS 1 round trip takes 1 ms with it, 44 ms without
AT_ONCE = 200  # topic filters in one packet
PATIENCE, PATIENCE_OF_NODE = 10.0, 3.0  # seconds for a broker's word; for that of one node of several
MOST_OF_NODE = 2.0  # seconds between two attempts where there are several nodes
GREET_AGAIN = 1.0  # seconds between two attempts to have what a broker must hold acknowledged


class Link:
    """A client of one broker, or of a cluster: `others` are its nodes beside the one at host and port.

    With several nodes it starts at the one that a hash of its name picks, and after a failure tries the next one. It is
    new to them at each connect: RabbitMQ keeps a queue by the client id, which nobody can use while its node is down.

    subscriptions: topic filters with their QoS, or what tells them as of now, for `follow`. will: what the broker says
    when we vanish; farewell: what we say when we leave. greeting: called after every connect for the messages to
    publish first (retained state that the broker may have lost); what is not acknowledged, because a cluster has no
    majority at that moment, is repeated until it is. admit: asked of each message before it is queued.
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
        others: Sequence[Address] = (),
    ) -> None:
        first = Address(host, port)
        self.place = str(first)
        self._name = name
        self._rotation, self._node = Rotation([first, *others], name), first
        self._one_id = "" if others else _client_id(name)
        self.connected = False
        self.reconnects = -1
        self.attempts = 0  # to connect
        self.failures = 0  # attempts that came to nothing, and connections that broke off
        self._topics: Topics = subscriptions if callable(subscriptions) else lambda: subscriptions or {}
        self._subscribed: dict[str, int] = {}
        self._greeting = greeting
        self._will, self._farewell = will, farewell
        self._client: aiomqtt.Client | None = None
        self._backoff = Backoff(most=MOST_OF_NODE) if others else Backoff()
        self._greet_anew = asyncio.Event()
        self._options = _options(keepalive, login) | {
            "timeout": PATIENCE_OF_NODE if others else PATIENCE,
            "tls_context": _tls(ca) if ca else None,
            "queue_type": partial(Inbox, admit),
        }

    async def messages(self) -> AsyncIterator[Message]:
        """Connect, and connect again, until cancelled; yields what arrives meanwhile."""
        while True:
            self.attempts += 1
            began, greeting = math.inf, None
            self._node = self._rotation.choose(time.monotonic())
            try:
                async with self._new_client() as client:
                    try:
                        end_if_cancelled()
                        await self._join(client)
                        end_if_cancelled()
                        greeting = asyncio.create_task(self._greet(client))
                        began = time.monotonic()
                        async for message in client.messages:
                            yield _ours(message)
                    except (asyncio.CancelledError, GeneratorExit):
                        await _ended(greeting)
                        await self._leave()
                        raise
            except aiomqtt.MqttError as error:
                end_if_cancelled()
                self.failures += 1
                self._rotation.failed(self._node, time.monotonic())
                wait = self._backoff.failed(time.monotonic() - began)
                log.warning("broker %s: %s; trying again in %.2g s", self._node, error, wait)
            finally:
                self.connected, self._client = False, None
                await _ended(greeting)
            await asyncio.sleep(wait)

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

    def greet_anew(self) -> None:
        """Say the greeting once more, for a broker that does not keep what is retained."""
        self._greet_anew.set()

    def _new_client(self) -> aiomqtt.Client:
        said = _said(self._will)
        will = said and aiomqtt.Will(said.topic, said.payload, said.qos, said.retain)
        place = {
            "hostname": self._node.host,
            "port": self._node.port,
            "identifier": self._one_id or _client_id(self._name),
        }
        client = aiomqtt.Client(**place, **self._options, will=will)  # type: ignore[arg-type]
        packet_limit.limit(client)
        client._client.connect_timeout = client.timeout
        return client

    async def _join(self, client: aiomqtt.Client) -> None:
        self._subscribed = self._topics()
        await _subscribe(client, self._subscribed)
        self._client, self.connected = client, True
        await self.follow()  # what changed meanwhile
        self.reconnects += 1

    async def _greet(self, client: aiomqtt.Client) -> None:
        """Say the greeting, and once more whenever `greet_anew` was called, as long as `client` is the one we are."""
        try:
            while self._client is client:
                self._greet_anew.clear()
                await self._have_acknowledged(client)
                await self._greet_anew.wait()
        except Exception as error:
            log.error("broker %s: the greeting failed", self.place, exc_info=error)

    async def _have_acknowledged(self, client: aiomqtt.Client) -> None:
        """Publish the greeting; what is not acknowledged in time is made anew and repeated."""
        done: set[str] = set()
        while True:
            wanted = self._greeting()
            for message in [each for each in wanted if each.topic not in done]:
                if self._client is not client:
                    return
                if await self.publish(message):
                    done.add(message.topic)
            if done.issuperset(each.topic for each in wanted):
                return
            await asyncio.sleep(GREET_AGAIN)

    async def _leave(self) -> None:
        if farewell := _said(self._farewell):
            await self.publish(farewell)


def _client_id(name: str) -> str:
    """Return a client id that ends in random digits: a client of the same id would replace us."""
    return f"{name}-{secrets.token_hex(8)}"


async def _ended(task: "asyncio.Task[None] | None") -> None:
    """End what greets, before something else is said."""
    if task and not task.done():
        task.cancel()
        await asyncio.wait([task])


async def _subscribe(client: aiomqtt.Client, topics: dict[str, int]) -> None:
    for part in _parts(topics.items()):
        await client.subscribe(part)


def _parts(whole: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(whole)
    while part := list(islice(rest, AT_ONCE)):
        yield part


def _said(message: Message | Saying | None) -> Message | None:
    return message() if callable(message) else message


def _options(keepalive: int, login: tuple[str, str] | None) -> dict[str, Any]:
    """Arguments of aiomqtt.Client that are the same for each node."""
    return {
        "keepalive": keepalive,
        "username": login and login[0],
        "password": login and login[1],
        "socket_options": NODELAY,
        "max_queued_incoming_messages": QUEUE,
        "max_queued_outgoing_messages": QUEUE,
        "max_inflight_messages": 100,
    }


def _tls(ca: str) -> ssl.SSLContext:
    """TLS 1.2 or newer, with a broker that proves to be the host we meant, by `ca` and nobody else."""
    try:
        context = ssl.create_default_context(cafile=ca)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(f"ca = {ca}: {error.strerror or error}: a file with certificates in PEM is needed") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a certificate of an authority may be pinned by itself
    return context


def _ours(message: aiomqtt.Message) -> Message:
    payload = message.payload if isinstance(message.payload, bytes | bytearray) else b""
    return Message(str(message.topic), bytes(payload), message.qos, bool(message.retain))
