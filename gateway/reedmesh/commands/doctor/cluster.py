"""Checks of each node of a broker cluster: what the gateway needs of it, tried by messages of its own."""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Iterable
from pathlib import Path

from reedmesh.broker import acl
from reedmesh.broker.accounts import derived
from reedmesh.commands.doctor.finding import Case, Finding, error, good, warning
from reedmesh.config.hosts import Address
from reedmesh.config.settings import Config
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from reedmesh.protocol import wire

PATIENCE = 30.0  # seconds for all probes of a node: a cluster that just began takes 10 to 20 for its first client
REACHED = 3.0  # seconds for a connection
SUBSCRIBED = 3  # times, until a node hands out no retained message
LARGE = 130_000  # bytes of a payload: models and lists of alerts have up to 131 072 with their topic
MAJORITY = "are most of its nodes on? docs/cluster.md"
NO_WILDCARD = 'set broker.cluster = "rabbitmq", or use NATS: a dashboard sees a sensor once its state changes'


def nodes(case: Case) -> Iterable[Finding]:
    """Whether each node keeps and hands out what a gateway publishes."""
    broker = case.config.broker
    if not broker.hosts and not broker.cluster:
        return
    for node in broker.nodes:
        try:
            socket.create_connection(node, REACHED).close()
        except OSError as fault:
            yield error(f"broker {node}: no connection: {fault.strerror or fault}", MAJORITY)
            continue
        yield from asyncio.run(_probe(case.config, node))


async def _probe(config: Config, node: Address) -> list[Finding]:
    """Publish what is retained at QoS 1, hear it by wildcard, and a large payload."""
    mine = f"probe-{secrets.token_hex(4)}"
    kept, large = (wire.topic(config.name, mine, leaf) for leaf in ("kept", "large"))
    wildcard = {f"reedmesh/{config.name}/{mine}/+": 0}
    found: list[Finding] = []
    try:
        async with asyncio.timeout(PATIENCE):
            said = [Message(kept, b"1", 1, True), Message(large, bytes(LARGE), 1)]
            sizes = await _heard(_link(config, node, wildcard), said, 2)
            found += [] if LARGE in sizes else [_lacks(node, f"a payload of {LARGE} bytes", "raise max_payload")]
    except TimeoutError:
        return [error(f"broker {node}: takes nothing at QoS 1 within {PATIENCE:.0f} s", MAJORITY)]
    if not await _is_handed_out(config, node, wildcard):
        found.append(_lacks(node, "a retained message by wildcard", NO_WILDCARD))
    await _clear(config, node, kept)
    return found or [good(f"broker {node}: keeps and hands out what is published")]


async def _is_handed_out(config: Config, node: Address, wildcard: dict[str, int]) -> bool:
    """Whether somebody who subscribes hears what is retained.

    A node of a cluster that just lost another one keeps a message before it can hand it out: subscribe again.
    """
    for _ in range(SUBSCRIBED):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE / 2 / SUBSCRIBED):
                await _heard(_link(config, node, wildcard), [], 1)
                return True
    return False


def _lacks(node: Address, what: str, remedy: str) -> Finding:
    return warning(f"broker {node}: does not hand out {what}", remedy)


async def _heard(link: Link, said: list[Message], count: int) -> set[int]:
    """Return the sizes of the first `count` messages that `link` hears; it says `said` first."""
    link._greeting = lambda: said
    sizes: set[int] = set()
    messages = link.messages()
    try:
        async for message in messages:
            sizes.add(len(message.payload))
            if len(sizes) == count:
                break
    finally:
        await messages.aclose()  # type: ignore[attr-defined]
    return sizes


async def _clear(config: Config, node: Address, topic: str) -> None:
    async def listen(link: Link) -> None:
        async for _ in link.messages():
            pass

    link = _link(config, node, {})
    task = asyncio.create_task(listen(link))
    for _ in range(50):
        if link.connected and await link.publish(Message(topic, b"", 1, True)):
            break
        await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.wait([task])


def _link(config: Config, node: Address, topics: dict[str, int]) -> Link:
    user = acl.gateway_user(config.name)
    login = user, derived(Path(config.state), user)
    return Link(*node, f"doctor-{config.name}", subscriptions=topics, login=login, ca=config.broker.ca)


CHECKS = (nodes,)
