"""The sensor's program: reads its settings, joins its gateway's broker, judges every window and takes new models.

Started by MicroPython at boot, or on a desktop as `micropython main.py FOLDER < recording`, where FOLDER holds
config.json and the models.
"""

import asyncio
import gc
import json
import sys

import sensors
import settings as stored
import wire
from slots import Slots
from updates import Updates
from watch import Reporter

FIRMWARE = "0.1.0"


class Node:
    """This sensor as its gateway sees it."""

    def __init__(self, settings: dict, folder: str) -> None:
        self._settings = settings
        self._driver = sensors.make(settings["sensor"], settings.get("i2c"))
        self._slots = Slots(folder, settings["model_bytes"], settings["recipe"].length)
        self._slots.boot()
        self._longest_shard = wire.MODEL_SHARD
        self._client = self._join()
        self._updates = Updates(self._slots, self._client, self._topic("model"), self._say_hello, settings.get("key"))
        self._announce()
        print("hello", json.dumps(self.hello()))  # for whoever flashed us and now waits on the serial line

    async def run(self) -> None:
        """Watch the machine until the recording ends (a board's never does)."""
        tasks = [asyncio.create_task(self._client.run()), asyncio.create_task(self._updates.run())]
        try:
            await Reporter(self._settings, self._slots, self._client).watch(self._driver, self._say_hello)
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
            "measured_hz": self._driver.measured_hz,
            "features": self._settings["features"],
            "shard": self._longest_shard,
            "model": self._slots.digest,
            "sequence": self._slots.sequence,
            "relapse": self._slots.relapse,
            "memory": {"free": gc.mem_free(), "used": gc.mem_alloc()},
        }

    def _join(self):
        """A client that announces us at every connect, over the network or on a wire."""
        if "serial" in self._settings:
            return self._join_wire()
        import mqtt  # 12 KiB that a sensor on a wire does without

        broker, name = self._settings["broker"], self._settings["gateway"] + "-" + self._settings["name"]
        will = (self._topic("availability"), b'{"state": "offline"}', 1, True)
        return mqtt.Client(broker["host"], broker["port"], name, will=will)

    def _join_wire(self):
        import serial_port
        from serial_message import LONGEST_SHARD

        self._longest_shard = LONGEST_SHARD
        return serial_port.client(self._settings["serial"], self._take_shard)

    def _take_shard(self, body: bytes) -> None:
        self._updates.collect_compact(body)

    def _announce(self) -> None:
        """What a gateway must know of us, at every connect."""
        self._client.announcements[self._topic("availability")] = b'{"state": "online"}'
        self._client.announcements[self._topic("hello")] = json.dumps(self.hello()).encode()

    async def _say_hello(self) -> None:
        """Something changed that the gateway should know, now and at every connect."""
        self._announce()
        topic = self._topic("hello")
        await self._client.publish(topic, self._client.announcements[topic], 1, True)

    def _topic(self, *leaf: str) -> str:
        return wire.topic(self._settings["gateway"], self._settings["name"], *leaf)


def main(folder: str) -> None:
    """Run the sensor whose settings are in `folder`."""
    node = Node(stored.load(folder + "/config.json"), folder)
    try:
        asyncio.run(node.run())
    except EOFError as end:
        print(end)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "/")
