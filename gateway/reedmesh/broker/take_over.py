"""A client that comes again under its client id: what amqtt 0.12 gets wrong, put right (MQTT 3.1.1, 3.1.4-2).

amqtt leaves the old connection open, publishes its will when that breaks at last, over what its successor said since,
and gives the session to the newcomer before it showed its password. Here the newcomer logs in first, then the old
connection is closed without its will: the client is there. Every session begins anew, for none is kept over a restart.
"""

import contextlib
from typing import Any
from weakref import WeakSet

from amqtt import broker
from amqtt.errors import AMQTTError, MQTTError
from amqtt.session import Session


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
        await self._close(client_session.client_id)
        await super()._handle_client_session(reader, writer, client_session, handler, server, listener_name)

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
