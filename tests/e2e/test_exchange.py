"""Neighbours with a real broker each: updates cross, through a broker's restart and beside a neighbour that is gone."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from reedmesh.exchange.listener import subscriptions
from reedmesh.links.mqtt_link import Link
from tests.support.brokers import free_port, mosquitto
from tests.support.neighbours import FAMILY, Gateway, running, settle

NAMES = ("hall1", "hall2", "gone")


class Hall:
    """A gateway with its own broker's port, and links to all three."""

    def __init__(self, name: str, ports: dict[str, int]) -> None:
        others = [other for other in NAMES if other != name]
        self.own = Link("127.0.0.1", ports[name], name, greeting=self.greeting)
        self.links = [self.own]
        for other in others:
            heard = subscriptions(other, FAMILY)
            self.links.append(Link("127.0.0.1", ports[other], f"{other}-{name}", subscriptions=heard))
        self.gateway = Gateway(name, [self.own], others, lambda family: (9, payload(9)))

    def greeting(self):  # type: ignore[no-untyped-def]
        return self.gateway.sender.greeting()

    async def connected(self) -> None:
        await settle(lambda: sum(link.connected for link in self.links) == 2)


def payload(sequence: int) -> bytes:
    return np.random.default_rng(sequence).bytes(300_000)


def test_updates_cross_from_broker_to_broker(tmp_path: Path) -> None:
    ports = {name: free_port() for name in NAMES}  # nobody serves the last one

    async def story() -> None:
        with ExitStack() as second, ExitStack() as first:
            for name, stack in (("hall1", first), ("hall2", second)):
                (tmp_path / name).mkdir()
                stack.enter_context(mosquitto(tmp_path / name, ports[name]))
            one, two = Hall("hall1", ports), Hall("hall2", ports)
            async with running((one.gateway, one.links), (two.gateway, two.links)):
                await one.connected()
                await two.connected()
                await one.gateway.sender.publish(FAMILY, 1, 1, payload(1))
                await two.gateway.sender.publish(FAMILY, 5, 4, payload(5))  # a gap for hall1, which is new to hall2
                await two.gateway.until(lambda: bool(two.gateway.got))
                await one.gateway.until(lambda: bool(one.gateway.got))
                first.close()
                await settle(lambda: not one.own.connected)
                first.enter_context(mosquitto(tmp_path / "hall1", ports["hall1"]))
                await one.gateway.sender.publish(FAMILY, 2, 1, payload(2))
                await two.gateway.until(lambda: len(two.gateway.got) == 2)
        assert [each.data for each in two.gateway.got] == [payload(1), payload(2)]
        assert [(each.manifest.sequence, each.manifest.base) for each in one.gateway.got] == [(9, 9)]
        assert one.gateway.got[0].data == payload(9)

    asyncio.run(story())
