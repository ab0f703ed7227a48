"""Retained messages of a gateway: they are published again only when they changed."""

import json
from typing import Any

from reedmesh.links.message import Message, Publisher
from reedmesh.protocol import wire


class Retained:
    """The retained messages of the gateway `name`, as far as a broker took them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._published: dict[str, bytes] = {}

    def topic(self, *parts: str) -> str:
        """Return the topic of the gateway that ends in `parts`."""
        return wire.topic(self._name, *parts)

    def message(self, leaf: str, value: dict[str, Any]) -> Message:
        """Return `value` as a retained message under `leaf`, such as "info" or "press/state"."""
        return Message(self.topic(*leaf.split("/")), json.dumps(value).encode(), qos=1, retain=True)

    def noted(self, leaf: str, value: dict[str, Any]) -> Message:
        """As `message`, for a caller that publishes it: an equal value is not published again."""
        message = self.message(leaf, value)
        self._published[leaf] = message.payload
        return message

    async def publish(self, publisher: Publisher, leaf: str, value: dict[str, Any]) -> None:
        """Publish `value` unless the broker has it already."""
        message = self.message(leaf, value)
        if self._published.get(leaf) != message.payload and await publisher.publish(message):
            self._published[leaf] = message.payload

    async def take_back(self, publisher: Publisher, *leaves: str) -> bool:
        """Delete what is retained under `leaves`; returns whether the broker took that."""
        topics = [self.topic(*leaf.split("/")) for leaf in leaves]
        if not all([await publisher.publish(Message(topic, b"", qos=1, retain=True)) for topic in topics]):
            return False
        for leaf in leaves:
            self._published.pop(leaf, None)
        return True

    def clear(self) -> None:
        """Publish everything again from now on, for the broker may have lost it."""
        self._published.clear()
