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
from slots import Refused, Slots
from watch import Reporter

FIRMWARE = "0.1.0"


class Node:
    """This sensor as its gateway sees it."""

    def __init__(self, settings, folder, bus):
        self._settings = settings
        self._driver = sensors.make(settings["sensor"], bus)
        self._slots = Slots(folder, settings["model_bytes"], settings["recipe"].length)
        self._slots.boot()
        self._offered = 0
        self._arrival = asyncio.Event()
        gone = (self._topic("availability"), b'{"state": "offline"}', 1, True)
        self._client = mqtt.Client(
            settings["broker"]["host"], settings["broker"]["port"], settings["gateway"] + "-" + settings["name"], will=gone
        )
        self._client.subscribe(self._topic("model", "offer"), 1, self._slots.incoming, self._on_offer)
        self._client.greeting = self._greeting

    async def run(self):
        """Watch the machine until the recording ends (a board's never does)."""
        link = asyncio.create_task(self._client.run())
        asyncio.create_task(self._take_models())
        try:
            await Reporter(self._settings, self._slots, self._client).watch(self._driver)
        finally:
            await self._client.close()
            link.cancel()

    def hello(self):
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

    def _greeting(self):
        """Said after every connect, both retained."""
        yield self._topic("availability"), b'{"state": "online"}', 1, True
        yield self._topic("hello"), json.dumps(self.hello()).encode(), 1, True

    def _on_offer(self, size):
        self._offered = size
        self._arrival.set()

    async def _take_models(self):
        """Try each model that arrives, and say what became of it."""
        while True:
            await self._arrival.wait()
            self._arrival.clear()
            status = self._install()
            await self._client.publish(self._topic("model", "status"), json.dumps(status).encode(), 1, False)
            if status["code"] == 200:
                await self._client.publish(self._topic("hello"), json.dumps(self.hello()).encode(), 1, True)

    def _install(self):
        try:
            self._slots.install(self._offered)
        except Refused as refusal:
            return {"code": refusal.code, "reason": str(refusal), "sequence": self._slots.sequence}
        return {"code": 200, "sequence": self._slots.sequence, "model": self._slots.digest}

    def _topic(self, *leaf):
        return wire.topic(self._settings["gateway"], self._settings["name"], *leaf)


def main(folder):
    """Run the sensor whose settings are in `folder`."""
    bus = asyncio.StreamReader(sys.stdin.buffer)
    node = Node(stored.load(folder + "/config.json"), folder, bus)
    try:
        asyncio.run(node.run())
    except EOFError as end:
        print(end)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "/")
