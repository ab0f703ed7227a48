"""The link to an MQTT broker. Nothing else in the gateway imports an MQTT client, but for `memory_link.py`'s matching.

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
from collections.abc import AsyncIterator, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import aiomqtt

from reedmesh.backoff import Backoff
from reedmesh.errors import ConfigError
from reedmesh.links import packet_limit
from reedmesh.links.message import QUEUE, Admission, Greeting, Message, Saying, Topics, end_if_cancelled
from reedmesh.links.packet_limit import Inbox

log = logging.getLogger(__name__)

T = TypeVar("T")

NODELAY = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]  # a QoS 1 round trip takes 1 ms with it, 44 ms without
AT_ONCE = 200  # topic filters in one packet


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
        self._backoff = Backoff()
        self._options = _options(host, port, name, keepalive, login) | {
            "tls_context": _tls(ca) if ca else None,
            "queue_type": partial(Inbox, admit),
        }

    async def messages(self) -> AsyncIterator[Message]:
        """Connect, and connect again, until cancelled; yields what arrives meanwhile."""
        while True:
            self.attempts += 1
            began = math.inf
            try:
                async with self._new_client() as client:
                    try:
                        end_if_cancelled()
                        await self._greet(client)
                        end_if_cancelled()
                        began = time.monotonic()
                        async for message in client.messages:
                            yield _ours(message)
                    except (asyncio.CancelledError, GeneratorExit):
                        await self._leave()
                        raise
            except aiomqtt.MqttError as error:
                end_if_cancelled()
                self.failures += 1
                wait = self._backoff.failed(time.monotonic() - began)
                log.warning("broker %s: %s; trying again in %.2g s", self.place, error, wait)
            finally:
                self.connected, self._client = False, None
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

    def _new_client(self) -> aiomqtt.Client:
        said = _said(self._will)
        will = said and aiomqtt.Will(said.topic, said.payload, said.qos, said.retain)
        client = aiomqtt.Client(**self._options, will=will)  # type: ignore[arg-type]
        packet_limit.limit(client)
        return client

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


async def _subscribe(client: aiomqtt.Client, topics: dict[str, int]) -> None:
    for part in _parts(topics.items()):
        await client.subscribe(part)


def _parts(whole: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(whole)
    while part := list(islice(rest, AT_ONCE)):
        yield part


def _said(message: Message | Saying | None) -> Message | None:
    return message() if callable(message) else message


def _options(host: str, port: int, name: str, keepalive: int, login: tuple[str, str] | None) -> dict[str, Any]:
    """Arguments of aiomqtt.Client. The client id ends in random digits: a client of the same id would replace us."""
    return {
        "hostname": host,
        "port": port,
        "identifier": f"{name}-{secrets.token_hex(8)}",
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
    return context


def _ours(message: aiomqtt.Message) -> Message:
    payload = message.payload if isinstance(message.payload, bytes | bytearray) else b""
    return Message(str(message.topic), bytes(payload), message.qos, bool(message.retain))
