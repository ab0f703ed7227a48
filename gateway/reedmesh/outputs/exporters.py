"""What tells others of this gateway in their own words: Home Assistant, Sparkplug B.

Each has a link of its own, so that none holds up what people are called for.
"""

from collections.abc import Coroutine
from typing import Any

from reedmesh.broker.own_link import own_link
from reedmesh.config.settings import Config
from reedmesh.errors import ConfigError
from reedmesh.links.mqtt_link import Link
from reedmesh.outputs.home_assistant import HomeAssistant
from reedmesh.readings.sensor import Line

Work = Coroutine[Any, Any, None]


def exporters(config: Config, line: Line) -> list[Work]:
    """The work of those that the settings want."""
    found: list[Work] = []
    if config.home_assistant.enabled:
        told = HomeAssistant(config.name, line, config.home_assistant.prefix)
        found.append(told.run(own_link(config, "-home-assistant", {told.birth: 1}, greeting=told.greeting)))
    if config.sparkplug.group:
        found.append(_sparkplug(config, line))
    return found


def _sparkplug(config: Config, line: Line) -> Work:
    try:
        from reedmesh.outputs.sparkplug import EdgeNode, Sparkplug
    except ImportError as error:
        raise ConfigError(f"[sparkplug] needs protobuf: pip install 'reedmesh[sparkplug]' ({error})") from error
    node, there = EdgeNode(config.sparkplug.group, config.name, line), config.sparkplug
    told = Sparkplug(node)
    listen: dict[str, int] = {node.commands: 1}
    said: dict[str, Any] = {"will": node.will, "farewell": node.death, "greeting": told.greeting}
    if not there.host:
        return told.run(own_link(config, "-sparkplug", listen, **said))
    login = (there.user, there.password) if there.user else None
    name = f"reedmesh-{config.name}-sparkplug"
    return told.run(Link(there.host, there.port, name, subscriptions=listen, login=login, ca=there.ca, **said))
