"""How much an MQTT client reads at once: paho-mqtt takes a broker's word for a packet's length, up to 256 MB.

The broker of a neighbour belongs to the neighbour. What it announces is checked before anything is read, and what waits
to be read by us is bounded in bytes. paho has no setting for that; the one private method we replace is named here, and
a test with a broker that announces too much fails if another version of paho no longer calls it.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import aiomqtt

LARGEST = 1 << 18  # bytes of a packet: twice what our brokers let through as a message
MOST_WAITING = 32 << 20  # bytes of messages that wait to be read


def limit(client: aiomqtt.Client, largest: int = LARGEST) -> None:
    """Have `client` hang up on a broker that announces a packet of more than `largest` bytes."""
    inner: Any = client._client
    receive: Callable[[int], bytes] = inner._sock_recv

    def checked(size: int) -> bytes:
        if size > largest:
            raise ConnectionError(f"a packet of {size} bytes was announced, {largest} are the most")
        return receive(size)

    inner._sock_recv = checked


class Inbox(asyncio.Queue[aiomqtt.Message]):
    """Messages that wait to be read. admit: whether to keep one on this topic; what is not kept takes no room."""

    def __init__(self, admit: Callable[[str], bool] | None, maxsize: int) -> None:
        super().__init__(maxsize)
        self._admit = admit
        self._waiting = 0

    def put_nowait(self, item: aiomqtt.Message) -> None:
        """Keep or drop `item`; raises QueueFull, after which aiomqtt drops it too."""
        if self._admit and not self._admit(item.topic.value):
            return
        if self._waiting + _size(item) > MOST_WAITING:
            raise asyncio.QueueFull
        super().put_nowait(item)

    def _put(self, item: aiomqtt.Message) -> None:
        self._waiting += _size(item)
        super()._put(item)

    def _get(self) -> aiomqtt.Message:
        item: aiomqtt.Message = super()._get()
        self._waiting -= _size(item)
        return item


def _size(item: aiomqtt.Message) -> int:
    return len(item.payload) + len(item.topic.value) if isinstance(item.payload, bytes | bytearray) else 0
