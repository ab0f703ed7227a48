"""One of a gateway's links with its own pace and its own queue, and the waves of messages that go out on it."""

import asyncio
from collections import deque
from dataclasses import dataclass

from reedmesh.links.message import Message, Publisher, end_if_cancelled
from reedmesh.token_bucket import TokenBucket

MOST_WAVES = 4  # that wait for one link; the oldest gives way: who lacks its shards asks again


@dataclass(frozen=True)
class Pace:
    """How fast a gateway speaks. A broker drops what a slow receiver leaves in its queue: 1000 messages of each."""

    rate: float = 1e6  # bytes a second on each link: what the slowest receiver takes
    burst: float = 262_144  # bytes at once
    merge: float = 0.25  # seconds that requests are collected before they are answered
    snapshot: float = 10.0  # seconds between two snapshots of a family
    again: float = 0.25  # seconds between two attempts on a link that is down


PACE = Pace()


async def say(link: Publisher, message: Message) -> bool:
    """`link.publish`, after which a cancelled task ends, whatever the link made of that."""
    sent = await link.publish(message)
    end_if_cancelled()
    return sent


@dataclass
class Wave:
    """Frames on their way: retained ones go to every link, each other frame to one that is ready."""

    family: str
    retained: dict[str, bytes]  # by leaf
    frames: deque[bytes]
    worn: int | None = None  # the day under whose names `retained` stands, not today's


class Lane:
    """A link with its own pace and its own queue."""

    def __init__(self, link: Publisher, pace: Pace) -> None:
        self.link = link
        self.bucket = TokenBucket(pace.rate, pace.burst)
        self._waves: asyncio.Queue[Wave] = asyncio.Queue(MOST_WAVES)

    def put(self, wave: Wave) -> None:
        """Queue a wave; the oldest gives way."""
        if self._waves.full():
            self._waves.get_nowait()
        self._waves.put_nowait(wave)

    async def next(self) -> Wave:
        """The oldest wave that waits."""
        return await self._waves.get()
