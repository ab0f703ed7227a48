"""Waits at the gateway's broker until a sensor speaks and the gateway counts it as online."""

import asyncio
from pathlib import Path

from reedmesh.broker.accounts import derived
from reedmesh.broker.acl import DASHBOARD
from reedmesh.config.settings import Config
from reedmesh.errors import RefusedError
from reedmesh.json_object import read_json
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from reedmesh.protocol import wire
from reedmesh.protocol.wire import WireError

PATIENCE = 120.0  # seconds: the file system is mounted, modules load, Wi-Fi comes up, TLS is negotiated


def wait(config: Config, sensor: str, patience: float = PATIENCE) -> None:
    """Return when the gateway has heard the sensor; raises RefusedError when that does not come about."""
    asyncio.run(_wait(config, sensor, patience))


async def _wait(config: Config, sensor: str, patience: float) -> None:
    state, *spoken = (wire.topic(config.name, sensor, leaf) for leaf in ("state", "hello", "window"))
    link = Link(
        *config.broker.nodes[0], "hello",
        subscriptions=dict.fromkeys([state, *spoken], 1),
        login=(DASHBOARD, derived(Path(config.state), DASHBOARD)),
        ca=config.broker.ca,
        others=config.broker.nodes[1:],
    )  # fmt: skip
    speaks = online = False
    try:
        async with asyncio.timeout(patience):
            async for message in link.messages():
                speaks |= message.topic in spoken and not message.retain
                online = _is_online(message) if message.topic == state else online
                if speaks and online:
                    return
    except TimeoutError as error:
        where = "heard by the broker, and not by the gateway" if speaks else "not heard"
        remedy = "`reedmesh sensor monitor` shows what it prints: Wi-Fi's name or password, the broker's address?"
        raise RefusedError(f"{sensor}: {where} within {patience:g} s. {remedy}") from error


def _is_online(state: Message) -> bool:
    try:
        return bool(read_json(state.payload, wire.MAX_PAYLOAD).get("online"))
    except WireError:
        return False
