"""Receipts for late windows: a sensor forgets a window only when its gateway has it on disk.

QoS 1 says that a broker took a message. A gateway that starts after its broker would never hear of it. A receipt has a
tag under the sensor's key: a forged one would have it forget an alarm.
"""

import asyncio
import logging
import time

from reedmesh.errors import ConfigError
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.links.message import Message, Publisher
from reedmesh.protocol import late_frame, wire
from reedmesh.protocol.wire import Window
from reedmesh.store.writer import Disk
from reedmesh.token_bucket import TokenBucket

log = logging.getLogger(__name__)

MOST = 1000  # receipts that wait; a sensor that gets none asks again
FLUSH_RATE, FLUSH_BURST = 1 / 10, 20  # commits for late windows: a second, and at once; more wait for each other


class Receipts:
    """Receipts of the gateway `name`, given once `disk` has what they are for."""

    def __init__(self, name: str, disk: Disk, keys: SensorKeys) -> None:
        self._name = name
        self._keys = keys
        self._disk = disk
        self._commits = TokenBucket(FLUSH_RATE, FLUSH_BURST)
        self._queue: asyncio.Queue[tuple[str, Window]] = asyncio.Queue()

    def put(self, sensor: str, window: Window) -> None:
        """A late window of `sensor` was heard, be it for the first time or again."""
        if self._queue.qsize() < MOST:
            self._queue.put_nowait((sensor, window))

    async def run(self, publisher: Publisher) -> None:
        """Give them, until cancelled."""
        while True:
            due = [await self._queue.get()]
            await asyncio.sleep(self._commits.wait(1.0, time.monotonic()))
            while not self._queue.empty():  # one commit for all that came meanwhile
                due.append(self._queue.get_nowait())
            await self._disk.flush()
            for sensor, window in due:
                topic = wire.topic(self._name, sensor, "late", "taken")
                await publisher.publish(Message(topic, self._receipt(sensor, window), qos=1))

    def _receipt(self, sensor: str, window: Window) -> bytes:
        try:
            key = self._keys.of(sensor)
        except ConfigError as error:
            log.error("%s: %s", sensor, error)
            key = None
        return late_frame.pack_taken(window.boot, window.number, key)
