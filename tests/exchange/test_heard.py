"""A link to a neighbour is open in the epochs in which the neighbour is heard."""

import asyncio

from reedmesh.exchange.fanout import EPOCH
from reedmesh.exchange.heard import EpochLink, HeardNow
from reedmesh.links.memory_link import MemoryBroker
from reedmesh.links.message import Message
from tests.support.neighbours import settle
from tests.support.timeouts import PATIENCE

NAMES = [f"hall{i}" for i in range(12)]


def test_a_link_is_open_in_the_epochs_of_its_neighbour_only() -> None:
    now = [0.0]
    heard = HeardNow("hall0", NAMES, 2, lambda: now[0])
    epochs = {number: "hall1" in HeardNow("hall0", NAMES, 2, lambda n=number: n * EPOCH) for number in range(20)}  # type: ignore[misc]
    assert len(set(epochs.values())) == 2, "in some it is heard, in others not"
    broker, got = MemoryBroker(), list[str]()

    async def listen() -> None:
        async for message in EpochLink(broker.link("t"), "hall1", heard, look=0.001).messages():
            got.append(message.topic)

    async def story() -> None:
        task = asyncio.create_task(listen())
        async with asyncio.timeout(PATIENCE):
            for number, open_ in epochs.items():
                now[0] = number * EPOCH
                await settle(lambda open_=open_: bool(broker._links) == open_)  # type: ignore[misc]
                broker.deliver(Message("t", b""))
                await settle(lambda number=number: len(got) == sum(list(epochs.values())[: number + 1]))  # type: ignore[misc]
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(story())


def test_all_are_heard_where_they_are_few() -> None:
    assert list(HeardNow("hall0", NAMES[:7], 6)) == NAMES[1:7] and len(HeardNow("hall0", NAMES, 0)) == 11
