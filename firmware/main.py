"""The sensor's program: reads its settings, joins its gateway's broker, judges every window and takes new models.

Started by MicroPython at boot, or on a desktop as `micropython main.py FOLDER < recording`, where FOLDER holds
config.json and the models.
"""

import asyncio
import gc
import json
import sys

import mqtt
import sensors
import settings as stored
import wire
from slots import Slots
from updates import Updates
from watch import Reporter

FIRMWARE = "0.1.0"


class Node:
    """This sensor as its gateway sees it."""

    def __init__(self, settings: dict, folder: str, bus: asyncio.StreamReader) -> None:
        self._settings = settings
        self._driver = sensors.make(settings["sensor"], bus)
        self._slots = Slots(folder, settings["model_bytes"], settings["recipe"].length)
        self._slots.boot()
        self._client = self._join(settings["broker"])
        self._updates = Updates(self._slots, self._client, self._topic("model"), self._say_hello)

    async def run(self) -> None:
        """Watch the machine until the recording ends (a board's never does)."""
        tasks = [asyncio.create_task(self._client.run()), asyncio.create_task(self._updates.run())]
        try:
            await Reporter(self._settings, self._slots, self._client).watch(self._driver)
        finally:
            await self._client.close()
            for task in tasks:
                task.cancel()

    def hello(self) -> dict:
        """What the gateway is told, so that nobody configures a sensor twice."""
        return {
            "v": wire.VERSION,
            "firmware": FIRMWARE,
            "micropython": ".".join(str(part) for part in sys.implementation.version[:3]),
            "board": self._settings["board"],
            "sensor": self._settings["sensor"],
            "features": self._settings["features"],
            "model": self._slots.digest,
            "sequence": self._slots.sequence,
            "memory": {"free": gc.mem_free(), "used": gc.mem_alloc()},
        }

    def _join(self, broker: dict) -> mqtt.Client:
        """A client that announces us at every connect."""
        availability = self._topic("availability")
        name = self._settings["gateway"] + "-" + self._settings["name"]
        client = mqtt.Client(
            broker["host"], broker["port"], name, will=(availability, b'{"state": "offline"}', 1, True)
        )
        client.announcements[availability] = b'{"state": "online"}'
        client.announcements[self._topic("hello")] = json.dumps(self.hello()).encode()
        return client

    async def _say_hello(self) -> None:
        """Something changed that the gateway should know, now and at every connect."""
        topic, hello = self._topic("hello"), json.dumps(self.hello()).encode()
        self._client.announcements[topic] = hello
        await self._client.publish(topic, hello, 1, True)

    def _topic(self, *leaf: str) -> str:
        return wire.topic(self._settings["gateway"], self._settings["name"], *leaf)


def main(folder: str) -> None:
    """Run the sensor whose settings are in `folder`."""
    bus = asyncio.StreamReader(sys.stdin.buffer)
    node = Node(stored.load(folder + "/config.json"), folder, bus)
    try:
        asyncio.run(node.run())
    except EOFError as end:
        print(end)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "/")
