"""What tells others of this gateway in their own words: Home Assistant, Sparkplug B.

Each has a link of its own, so that none holds up what people are called for.
"""

from collections.abc import Coroutine
from typing import Any

from reedmesh.broker import acl
from reedmesh.broker.accounts import Users
from reedmesh.config.settings import Config
from reedmesh.errors import ConfigError
from reedmesh.links.mqtt_link import Link, Topics
from reedmesh.outputs.home_assistant import HomeAssistant
from reedmesh.service.gateway import Gateway

Work = Coroutine[Any, Any, None]


def exporters(config: Config, gateway: Gateway) -> list[Work]:
    """The work of those that the settings want."""
    found: list[Work] = []
    if config.home_assistant.enabled:
        told = HomeAssistant(config.name, gateway.line, config.home_assistant.prefix)
        found.append(told.run(own_link(config, "-home-assistant", {told.birth: 1}, greeting=told.greeting)))
    if config.sparkplug.group:
        found.append(_sparkplug(config, gateway))
    return found


def _sparkplug(config: Config, gateway: Gateway) -> Work:
    try:
        from reedmesh.outputs.sparkplug import EdgeNode, Sparkplug
    except ImportError as error:
        raise ConfigError(f"[sparkplug] needs protobuf: pip install 'reedmesh[sparkplug]' ({error})") from error
    node, there = EdgeNode(config.sparkplug.group, config.name, gateway.line), config.sparkplug
    told = Sparkplug(node)
    listen: dict[str, int] = {node.commands: 1}
    said: dict[str, Any] = {"will": node.will, "farewell": node.death, "greeting": told.greeting}
    if not there.host:
        return told.run(own_link(config, "-sparkplug", listen, **said))
    login = (there.user, there.password) if there.user else None
    name = f"reedmesh-{config.name}-sparkplug"
    return told.run(Link(there.host, there.port, name, subscriptions=listen, login=login, ca=there.ca, **said))


def own_link(config: Config, suffix: str, subscriptions: dict[str, int] | Topics, **more: Any) -> Link:
    """A link to our own broker by our own name; suffix: of the client's name, which a broker knows once."""
    user = acl.gateway_user(config.name)
    return Link(
        config.broker.host,
        config.broker.port,
        f"gateway-{config.name}{suffix}",
        subscriptions=subscriptions,
        keepalive=config.broker.keepalive,
        login=(user, Users(config).password(user) or ""),
        ca=config.broker.ca,
        **more,
    )
