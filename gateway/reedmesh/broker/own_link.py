"""A link of the gateway to its own broker, under its own login."""

from typing import Any

from reedmesh.broker import acl
from reedmesh.broker.accounts import Users
from reedmesh.config.settings import Config
from reedmesh.links.message import Topics
from reedmesh.links.mqtt_link import Link


def own_link(config: Config, suffix: str, subscriptions: dict[str, int] | Topics, **more: Any) -> Link:
    """A link to our own broker by our own name; suffix: of the client's name, which a broker knows once."""
    user, nodes = acl.gateway_user(config.name), config.broker.nodes
    return Link(
        *nodes[0],
        f"gateway-{config.name}{suffix}",
        subscriptions=subscriptions,
        keepalive=config.broker.keepalive,
        login=(user, Users(config).password(user) or ""),
        ca=config.broker.ca,
        others=nodes[1:],
        **more,
    )
