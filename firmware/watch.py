"""THE PATH OF A READING on the sensor: sample -> features -> model -> score -> publish, while there is power."""

import os
from array import array

import wire
from features import Extractor


class Reporter:
    """Turns each window of a driver into a frame for the gateway, allocating nothing on the way but the publication."""

    def __init__(self, settings, slots, client):
        made_of = settings["recipe"]
        self.samples = array("h", bytes(2 * made_of.samples * made_of.axes))
        self.window = wire.Window(bytearray(made_of.length), int.from_bytes(os.urandom(4), "little") >> 2, 0)
        self._extractor = Extractor(made_of)
        self._frame = bytearray(wire.WINDOW_HEADER + made_of.length)
        self._topic = wire.topic(settings["gateway"], settings["name"], "window")
        self._slots = slots
        self._client = client

    async def watch(self, driver):
        """Judge window after window."""
        while True:
            if await driver.read_into(self.samples):
                self.judge()
                await self.publish()
            else:
                self.window.lost += 1

    def judge(self):
        """Features of the window at hand, and its score when there is a model."""
        window, judge = self.window, self._slots.judge
        window.number += 1
        self._extractor.extract(self.samples, window.features)
        if judge:
            window.score = judge.score(window.features)
            window.model = self._slots.key

    async def publish(self):
        """Send the window at QoS 0: one that is lost is not worth a wait."""
        wire.pack_window(self.window, self._frame)
        await self._client.publish(self._topic, self._frame)
