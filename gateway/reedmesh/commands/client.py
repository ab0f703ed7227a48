"""Asks a running gateway over MQTT: one request, one answer. The other side is `service/requests/server.py`."""

import asyncio
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reedmesh.broker.accounts import derived
from reedmesh.broker.acl import DASHBOARD
from reedmesh.config.hosts import Address
from reedmesh.config.settings import Config
from reedmesh.errors import RefusedError
from reedmesh.json_object import read_json
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from reedmesh.protocol import wire
from reedmesh.protocol.wire import WireError

PATIENCE = 10.0  # seconds


@dataclass(frozen=True)
class Place:
    """Where a gateway is asked: its name, its broker's nodes, the login there, and the file of its certificate."""

    gateway: str
    nodes: Sequence[Address]
    login: tuple[str, str]
    ca: str = ""


def ask(config: Config, verb: str, arguments: dict[str, Any], patience: float = PATIENCE) -> dict[str, Any]:
    """The answer of the gateway of `config`; raises RefusedError with its reason, or when there is no answer."""
    login = DASHBOARD, derived(Path(config.state), DASHBOARD)
    place = Place(config.name, config.broker.nodes, login, config.broker.ca)
    return ask_at(place, verb, arguments, patience)


def ask_at(place: Place, verb: str, arguments: dict[str, Any], patience: float = PATIENCE) -> dict[str, Any]:
    """The answer of the gateway at a place; raises RefusedError as `ask` does."""
    return asyncio.run(_ask(place, verb, arguments, patience))


async def _ask(place: Place, verb: str, arguments: dict[str, Any], patience: float) -> dict[str, Any]:
    mine = secrets.token_hex(8)
    payload = json.dumps({**arguments, "transaction": mine}).encode()
    request = Message(wire.topic(place.gateway, "request", verb), payload, qos=1)
    link = Link(
        *place.nodes[0],
        f"ask-{mine}",
        subscriptions={wire.topic(place.gateway, "response", verb): 1},
        greeting=lambda: [request],
        login=place.login,
        ca=place.ca,
        others=place.nodes[1:],
    )
    try:
        async with asyncio.timeout(patience):
            return _data(await _answer(link, mine))
    except TimeoutError as error:
        where = f"gateway {place.gateway} at {link.place}"
        raise RefusedError(f"{where} did not answer within {patience:g} s: is `reedmesh run` running?") from error


async def _answer(link: Link, mine: str) -> dict[str, Any]:
    messages = link.messages()
    try:
        async for message in messages:
            try:
                answer = read_json(message.payload, wire.MAX_PAYLOAD)
            except WireError:
                continue
            if answer.get("transaction") == mine:
                return answer
    finally:
        await messages.aclose()  # type: ignore[attr-defined]
    raise AssertionError("a link's messages do not end")


def _data(answer: dict[str, Any]) -> dict[str, Any]:
    data = answer.get("data")
    if answer.get("status") != "ok" or not isinstance(data, dict):
        raise RefusedError(str(answer.get("error", "the gateway's answer makes no sense")))
    return data
