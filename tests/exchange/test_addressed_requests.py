"""A request carries its addressee in the topic: a gateway of a full hall hears only those that are meant for it."""

import asyncio
from collections import Counter

import pytest

from reedmesh.config.settings import FEDERATION
from reedmesh.exchange.federation import OPEN, Federation, Sealed
from reedmesh.exchange.listener import subscriptions
from reedmesh.links.memory_link import MemoryBroker, MemoryLink
from reedmesh.links.message import Message
from tests.support.neighbours import FAMILY, Gateway, key_of, keyring, running, settle

HALL = 8
NAMES = [f"hall{i}" for i in range(HALL)]
ROUNDS = 3


def federation_of(name: str, sealed: bool) -> Federation:
    others = [other for other in NAMES if other != name]
    return Sealed(FEDERATION, bytes(32), name, [FAMILY], [key_of(name)], keyring(*others)) if sealed else OPEN


@pytest.mark.parametrize("sealed", [False, True])
def test_a_gateway_hears_at_most_two_requests_a_neighbour_and_round(sealed: bool) -> None:
    brokers = {name: MemoryBroker() for name in NAMES}
    heard: Counter[str] = Counter()

    def ear(broker: MemoryBroker, whose: str, of: str) -> MemoryLink:
        link = broker.link(*subscriptions(of, FAMILY, federation_of(whose, sealed), whose))
        offer = link.offer

        def counted(message: Message) -> None:
            before = link._inbox.qsize()
            offer(message)
            heard[whose] += link._inbox.qsize() > before and "/request/" in message.topic

        link.offer = counted  # type: ignore[method-assign]
        return link

    async def story() -> None:
        gateways = {}
        for name in NAMES:
            others = [other for other in NAMES if other != name]
            gateways[name] = Gateway(name, [brokers[name].link()], others, federation=federation_of(name, sealed))
        links = {name: [ear(brokers[of], name, of) for of in NAMES if of != name] for name in NAMES}
        async with running(*[(gateways[name], links[name]) for name in NAMES]):
            for turn in range(1, ROUNDS + 1):
                for name in NAMES:
                    await gateways[name].sender.publish(FAMILY, turn, turn, name.encode() * 100)
                await settle(lambda turn=turn: all(len(each.got) >= turn * (HALL - 1) for each in gateways.values()))  # type: ignore[misc]
                await settle(lambda turn=turn: min(heard[name] for name in NAMES) >= turn * (HALL - 1))  # type: ignore[misc]

    asyncio.run(story())
    assert all(ROUNDS * (HALL - 1) <= heard[name] <= 2 * (HALL - 1) * ROUNDS for name in NAMES), heard
