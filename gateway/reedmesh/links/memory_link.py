"""A broker without a network, and its links: for tests, benchmarks and simulations of many gateways in one process."""

import asyncio
from collections.abc import AsyncIterator

import aiomqtt

from reedmesh.links.message import QUEUE, Greeting, Message, Topics


class MemoryBroker:
    """A broker without a network: retained messages and wildcards, in order and at once."""

    def __init__(self) -> None:
        self.retained: dict[str, Message] = {}
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
        self._filters = list(self._topics())
        self._broker.repeat(self)

    def offer(self, message: Message) -> None:
        """Take `message` if a filter matches."""
        if any(aiomqtt.Topic(message.topic).matches(filter_) for filter_ in self._filters):
            self._inbox.put_nowait(message)
