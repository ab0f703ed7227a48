"""amqtt's own kind of plugins, by which the embedded broker keeps the rules of `broker/acl.py`, as mosquitto does.

A will is checked when it is deposited: amqtt itself would publish it unchecked.
"""

from dataclasses import dataclass
from typing import Any

from amqtt.contexts import Action
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from reedmesh.broker import acl
from reedmesh.broker.accounts import Users
from reedmesh.protocol.wire import BASE


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
