"""One link to a neighbour: the archive hears it always, the exchange in the epochs in which the neighbour is heard."""

import asyncio

from reedmesh.archive import frames
from reedmesh.archive.link import ArchiveLink
from reedmesh.links.memory_link import MemoryBroker
from reedmesh.links.message import Message
from tests.support.neighbours import settle
from tests.support.timeouts import PATIENCE

UPDATE, OFFER = "reedmesh/g1/update/f/manifest", frames.topic("g1", "")
MINE, OTHERS = frames.topic("g1", "g0"), frames.topic("g1", "g2")


def test_each_hears_what_is_its_own() -> None:
    heard = [True]
    broker, updates, archive = MemoryBroker(), list[str](), list[str]()

    def topics() -> dict[str, int]:
        return frames.subscriptions("g1", "g0") | ({UPDATE: 1} if heard[0] else {})

    async def listen() -> None:
        link = ArchiveLink(
            broker.link(topics=topics), lambda it: archive.append(it.topic), lambda: heard[0], look=0.001
        )
        async for message in link.messages():
            updates.append(message.topic)

    async def say(count: int) -> None:
        for topic in (UPDATE, OTHERS, MINE, OFFER):
            broker.deliver(Message(topic, b"x"))
        await settle(lambda: archive == [MINE, OFFER] * count)

    async def story() -> None:
        task = asyncio.create_task(listen())
        async with asyncio.timeout(PATIENCE):
            await settle(lambda: bool(broker._links))
            await say(1)
            heard[0] = False
            await settle(lambda: UPDATE not in broker._links[0]._filters)
            await say(2)
            heard[0] = True
            await settle(lambda: UPDATE in broker._links[0]._filters)
            await say(3)
        assert updates == [UPDATE] * 2
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(story())
