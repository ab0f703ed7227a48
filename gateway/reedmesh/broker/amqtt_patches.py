"""All private parts of amqtt that we patch, in one file, for the version named here; nothing else touches them.

- `Broker._handle_client_session`, `_delete_session`, `_handle_disconnect`, `_sessions`: a client that comes again
  under its client id (MQTT 3.1.1, 3.1.4-2). amqtt leaves the old connection open, publishes its will when that breaks
  at last, and gives the session to the newcomer before it showed its password. Here the newcomer logs in first, then
  the old connection is closed without its will. Every session begins anew, for none is kept over a restart.
- `Broker._subscriptions`: amqtt waits while it walks through the table; a subscription meanwhile would end the walk.
- `Broker._publish_retained_messages_for_subscription`: amqtt sends a new client what is retained for others, too.
- `Broker.stream_connected`, `external_connected`: amqtt reads whatever length a client announces, and waits for a login
  without end.
- `Broker.plugins_manager.fire_event`: the one thing that amqtt waits for between two packets of a client, so a client
  that sends too much is read slowly: its messages wait in its own socket.
- `Broker._servers`: amqtt's end may hang and leave ports open.

Each has a test in tests/broker/, by a client that does what amqtt gets wrong.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from importlib.metadata import version
from typing import Any
from weakref import WeakSet

from amqtt import broker
from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.errors import AMQTTError, MQTTError
from amqtt.events import MQTTEvents
from amqtt.mqtt.publish import PublishPacket
from amqtt.session import Session

from reedmesh.broker import acl
from reedmesh.broker.accounts import Users
from reedmesh.broker.strangers import Strangers
from reedmesh.errors import ConfigError
from reedmesh.links.message import end_if_cancelled
from reedmesh.links.packet_limit import LARGEST

log = logging.getLogger(__name__)

SERIES = "0.12."  # of amqtt, whose private parts are known here
LOOK_SECONDS = 1.0  # between two looks for who was revoked
PAUSE = 0.05  # seconds in which nothing more is read from a client that said too much


def check_version() -> None:
    """Raise ConfigError for another amqtt than the one that the patches were made and tested for."""
    if not (found := version("amqtt")).startswith(SERIES):
        raise ConfigError(
            f"broker.embedded needs amqtt {SERIES}x, not {found}: pip install 'amqtt~={SERIES}0', or run mosquitto"
        )


class Subscriptions(dict[str, list[Any]]):
    """amqtt's table of subscriptions, as it was when somebody began to walk through it.

    amqtt 0.12 waits while it walks; who subscribes meanwhile would end the walk, and nobody get the message.
    """

    def items(self) -> Any:
        """Copies, also of the lists."""
        return [(topic, list(sessions)) for topic, sessions in super().items()]


class Sessions(dict[str, Any]):
    """amqtt's table of sessions, in which a newcomer finds no earlier session to go on with."""

    def __contains__(self, client_id: object) -> bool:
        """amqtt asks before it hands the session of a client id to whoever names that id."""
        return False


class TakeOver(broker.Broker):  # type: ignore[misc]
    """amqtt's broker with an order of its own when a client takes over."""

    def __init__(self, config: dict[str, object]) -> None:
        super().__init__(config)
        self._sessions = Sessions()
        self._superseded: WeakSet[Any] = WeakSet()  # connections that were taken over

    async def _delete_session(self, client_id: str) -> None:
        """Not when somebody names a client id: only once it showed its password."""

    async def _handle_client_session(
        self, reader: Any, writer: Any, client_session: Session, handler: Any, server: Any, listener_name: str
    ) -> None:
        """Log in, take over, and go on as amqtt does."""
        if not await self._authenticate(client_session, self.listeners_config[listener_name]):
            handler.attach(client_session, reader, writer)
            await handler.mqtt_connack_authorize(False)
            await writer.close()
            return
        self._logged_in(writer)
        await self._close(client_session.client_id)
        await super()._handle_client_session(reader, writer, client_session, handler, server, listener_name)

    def _logged_in(self, writer: Any) -> None:
        """Somebody showed a password that counts."""

    async def _close(self, client_id: str) -> None:
        """Close the connection that has that client id, if there is one, and forget its session."""
        session, handler = self._sessions.get(client_id, (None, None))
        if session is None:
            return
        if session.transitions.is_connected():
            self._superseded.add(handler)
            with contextlib.suppress(AMQTTError, MQTTError, OSError):
                await handler.handle_connection_closed()
                await handler.stop()
        await super()._delete_session(client_id)

    async def _handle_disconnect(self, client_session: Session, handler: Any, disconnect_waiter: Any) -> None:
        """As amqtt's; of a connection that was taken over nobody is told."""
        if handler not in self._superseded:
            await super()._handle_disconnect(client_session, handler, disconnect_waiter)
            return
        self._superseded.discard(handler)
        client_session.transitions.disconnect()


class Reader(StreamReaderAdapter):  # type: ignore[misc]
    """A client's packets, none of them too long, also before the login."""

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
    """amqtt's broker with all patches. users: None for everybody. admit: False for a message that is one too many."""

    def __init__(self, config: dict[str, object], users: Users | None, admit: Callable[[str], bool]) -> None:
        check_version()
        super().__init__(config)
        self._subscriptions, self._strangers = Subscriptions(), Strangers()
        self._users, self._admit = users, admit
        # The one thing that amqtt's reader of a client waits for between two packets.
        self._fire, self.plugins_manager.fire_event = self.plugins_manager.fire_event, self._fire_in_time

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        """As amqtt's, which would wait for a login without end, and read whatever length a client announces."""
        self._strangers.come(writer)
        try:
            await self.external_connected(Reader(reader), StreamWriterAdapter(writer), listener_name)
        finally:
            self._strangers.leave(writer)
            writer.transport.abort()  # amqtt leaves it open when it is told to end

    def _logged_in(self, writer: Any) -> None:
        self._strangers.leave(writer._writer)

    async def hang_up_on_revoked(self) -> None:
        """End connections of users whose login counts no longer, again and again; amqtt asks only when one begins."""
        while self._users:
            await asyncio.sleep(LOOK_SECONDS)
            for session, handler in list(self._sessions.values()):
                if handler.writer and not self._users.admits(session.username or "", session.password or ""):
                    log.warning("broker: %s is hung up on: its login counts no longer", session.username)
                    await handler.writer.close()

    def close_listeners(self) -> None:
        """Close the ports that amqtt's own end left open."""
        for each in self._servers.values():
            if each.instance:
                each.instance.close()
        self._strangers.close()

    async def _fire_in_time(self, event: Any, *, wait: bool = False, **said: Any) -> None:
        packet = said.get("packet")
        if event == MQTTEvents.PACKET_RECEIVED:
            end_if_cancelled()  # else a gateway that is told to end would read on without end
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
