"""A queue in which each sensor waits at most once, with the newest of its messages: never longer than the line."""

import asyncio
from typing import Generic, TypeVar

from reedmesh.readings.sensor import Sensor

T = TypeVar("T")


class LatestQueue(Generic[T]):
    """Sensors in the order in which they first spoke; who speaks again while it waits keeps its place."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[Sensor, T]] = {}
        self._waiting = asyncio.Event()

    def __len__(self) -> int:
        return len(self._said)

    def put(self, said: tuple[Sensor, T]) -> None:
        """Let a sensor wait with what it said."""
        self._said[said[0].name] = said
        self._waiting.set()

    async def get(self) -> tuple[Sensor, T]:
        """Whose turn it is, and what it said last."""
        while not self._said:
            self._waiting.clear()
            await self._waiting.wait()
        return self._said.pop(next(iter(self._said)))
