"""The embedded broker's door: amqtt plugins by which it keeps the rules of `broker/acl.py`, as mosquitto does.

A will is checked when it is deposited: amqtt itself would publish it unchecked. And who connects is not told what is
retained for others: amqtt 0.12 sends it all that anybody subscribed to. Who says too much, or what it may not, is read
slowly: its messages wait in its own socket and take nobody's place.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.contexts import Action
from amqtt.events import MQTTEvents
from amqtt.mqtt.publish import PublishPacket
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from reedmesh.broker import acl
from reedmesh.broker.accounts import Users
from reedmesh.broker.take_over import TakeOver
from reedmesh.links.message import end_if_cancelled
from reedmesh.links.packet_limit import LARGEST
from reedmesh.protocol.wire import BASE

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0  # between two looks for who was revoked
PAUSE = 0.05  # seconds in which nothing more is read from a client that said too much


class Reader(StreamReaderAdapter):  # type: ignore[misc]
    """What a client sends, packet by packet, none of them too long; before the login, too."""

    over = False

    async def read(self, n: int = -1) -> bytes:
        """As amqtt's; from a packet that is too long on as if the client had hung up."""
        if n > LARGEST:
            log.warning("broker: a client announced %d bytes, %d are the most: hung up on", n, LARGEST)
            self.over = True
        if self.over:
            raise asyncio.IncompleteReadError(b"", n)
        data: bytes = await super().read(n)
        return data


class Broker(TakeOver):
    """amqtt's, without its indiscretion and its haste. admit: whether a message on a topic is one too many: False."""

    def __init__(self, config: dict[str, object], users: Users | None, admit: Callable[[str], bool]) -> None:
        super().__init__(config)
        self._users, self._admit = users, admit
        # The one thing that amqtt's reader of a client waits for between two packets.
        self._fire, self.plugins_manager.fire_event = self.plugins_manager.fire_event, self._fire_in_time

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        """As amqtt's, which would read whatever length a client announces."""
        await self.external_connected(Reader(reader), StreamWriterAdapter(writer), listener_name)

    async def hang_up_on_revoked(self) -> None:
        """End connections of users whose login counts no longer, again and again; amqtt asks only when one begins."""
        while self._users:
            await asyncio.sleep(LOOK_SECONDS)
            for session, handler in list(self._sessions.values()):
                if handler.writer and not self._users.admits(session.username or "", session.password or ""):
                    log.warning("broker: %s is hung up on: its login counts no longer", session.username)
                    await handler.writer.close()

    async def _fire_in_time(self, event: Any, *, wait: bool = False, **said: Any) -> None:
        packet = said.get("packet")
        if event == MQTTEvents.PACKET_RECEIVED:
            end_if_cancelled()  # else a gateway that is told to end would read on for ever
        if event == MQTTEvents.PACKET_RECEIVED and isinstance(packet, PublishPacket):
            user, topic = said["session"].username or "", packet.topic_name or ""
            allowed = self._users is None or self._users.may(user, acl.WRITE, topic)
            if not (allowed and self._admit(topic)):
                await asyncio.sleep(PAUSE)
        await self._fire(event, wait=wait, **said)

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        """Only of what the session itself has subscribed to, which `Rules` let it."""
        if any(each is session for each, _ in self._subscriptions.get(subscription[0], ())):
            await super()._publish_retained_messages_for_subscription(subscription, session)


class Login(BaseAuthPlugin):  # type: ignore[misc]
    """Lets in whom the users' passwords let in."""

    @dataclass
    class Config:
        """users: a `Users`."""

        users: Any

    async def authenticate(self, *, session: Session) -> bool | None:
        """Whether the session may begin."""
        users: Users = self.config.users
        user, will = session.username or "", session.will_topic if session.will_flag else None
        if not users.admits(user, session.password or ""):
            return False
        return will is None or users.may(user, acl.WRITE, will)


class Rules(BaseTopicPlugin):  # type: ignore[misc]
    """Lets through what a session's user may read or write."""

    @dataclass
    class Config:
        """users: a `Users`."""

        users: Any

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool | None:
        """Whether a message, or a subscription, may pass."""
        users: Users = self.config.users
        act = acl.WRITE if action == Action.PUBLISH else acl.READ
        if topic and action == Action.SUBSCRIBE:  # this broker carries one gateway: `+` in its place means that one
            topic = topic.replace(f"{BASE}/+/", f"{BASE}/{users.gateway}/", 1)
        return bool(session and topic and users.may(session.username or "", act, topic))
