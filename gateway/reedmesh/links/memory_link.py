"""A broker without a network, and its links: for tests, benchmarks and simulations of many gateways in one process."""

import asyncio
from collections.abc import AsyncIterator

from reedmesh.links.message import QUEUE, Greeting, Message, Topics


class MemoryBroker:
    """A broker without a network: retained messages and wildcards, in order and at once."""

    def __init__(self) -> None:
        self.retained: dict[str, Message] = {}
        self.heard = 0  # messages that links took
        self._links: list[MemoryLink] = []

    def link(
        self, *filters: str, farewell: Message | None = None, greeting: Greeting = list, topics: Topics | None = None
    ) -> "MemoryLink":
        """A client that listens to `filters`, or to what `topics` tells."""
        return MemoryLink(self, topics or (lambda: dict.fromkeys(filters, 1)), farewell, greeting)

    def join(self, link: "MemoryLink") -> None:
        """Let `link` hear: first what is retained, then what comes."""
        self._links.append(link)
        self.repeat(link)

    def repeat(self, link: "MemoryLink") -> None:
        """Let `link` hear what is retained."""
        for message in list(self.retained.values()):
            link.offer(message)

    def leave(self, link: "MemoryLink") -> None:
        """Forget `link`."""
        self._links.remove(link)

    def deliver(self, message: Message) -> None:
        """Hand `message` to everyone who listens."""
        if message.retain and message.payload:
            self.retained[message.topic] = message
        elif message.retain:
            self.retained.pop(message.topic, None)
        for link in self._links:
            link.offer(Message(message.topic, message.payload, message.qos))


class MemoryLink:
    """A client of a MemoryBroker."""

    connected = True

    def __init__(self, broker: MemoryBroker, topics: Topics, farewell: Message | None, greeting: Greeting) -> None:
        self._farewell = farewell
        self._broker = broker
        self._topics = topics
        self._filters = list(topics())
        self._known: dict[str, bool] = {}  # whether a filter matches a topic
        self._greeting = greeting
        self._inbox: asyncio.Queue[Message] = asyncio.Queue(QUEUE)

    async def messages(self) -> AsyncIterator[Message]:
        """Everything that matches the filters, until the caller stops."""
        self._broker.join(self)
        try:
            for message in self._greeting():
                self._broker.deliver(message)
            while True:
                yield await self._inbox.get()
        finally:
            self._broker.leave(self)
            if self._farewell:
                self._broker.deliver(self._farewell)

    async def publish(self, message: Message) -> bool:
        """Deliver at once."""
        self._broker.deliver(message)
        return True

    async def follow(self) -> None:
        """As in Subscriber; what is retained comes again."""
        self._filters, self._known = list(self._topics()), {}
        self._broker.repeat(self)

    def offer(self, message: Message) -> None:
        """Take `message` if a filter matches."""
        if message.topic not in self._known:
            levels = message.topic.split("/")
            self._known[message.topic] = any(_matches(each.split("/"), levels) for each in self._filters)
        if self._known[message.topic]:
            self._broker.heard += 1
            self._inbox.put_nowait(message)


def _matches(allowed: list[str], levels: list[str]) -> bool:
    """Whether a topic filter matches a topic, both by their levels (MQTT 3.1.1, 4.7)."""
    for i, level in enumerate(allowed):
        if level == "#":
            return True
        if i >= len(levels) or level not in ("+", levels[i]):
            return False
    return len(allowed) == len(levels)
