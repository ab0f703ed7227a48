"""A message and the protocols of links, whatever carries them. Pure but for tasks."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

QUEUE = 10_000  # messages that may wait on either side; more are dropped rather than kept in memory


@dataclass(frozen=True)
class Message:
    """One MQTT message."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


def end_if_cancelled() -> None:
    """Raise CancelledError in a task that was cancelled: Python 3.11's wait_for, under aiomqtt, may forget it."""
    task = asyncio.current_task()
    if task and task.cancelling():
        raise asyncio.CancelledError


class Publisher(Protocol):
    """A link that the rest of the gateway can publish on."""

    async def publish(self, message: Message) -> bool:
        """Send; at QoS 1, wait for the broker's word. False: not sent, the link is down."""
        ...


class Channel(Publisher, Protocol):
    """A link one can also listen to."""

    @property
    def connected(self) -> bool:
        """Whether something could be heard now."""
        ...

    def messages(self) -> AsyncIterator[Message]:
        """Every message of the subscriptions, for as long as the caller listens."""
        ...


class Subscriber(Channel, Protocol):
    """A channel whose topics change with time."""

    async def follow(self) -> None:
        """Subscribe to what it should hear by now, and no longer to what it should have heard before."""
        ...


Greeting = Callable[[], list[Message]]
Saying = Callable[[], Message]  # asked for at every connect, or when we leave
Topics = Callable[[], dict[str, int]]  # topic filters with their QoS, as of now
Admission = Callable[[str], bool]  # whether to listen to a message on this topic


async def beside(channel: Channel, work: Coroutine[Any, Any, None]) -> None:
    """Do `work` while `channel`, by which it only speaks, is kept up."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_heard(channel))
        tasks.create_task(work)


async def _heard(channel: Channel) -> None:
    async for _ in channel.messages():
        pass
