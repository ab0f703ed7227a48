"""THE PATH OF A READING on the sensor: sample -> features -> model -> score -> publish, while there is power."""

import os
from array import array

import wire
from features import Extractor


class Reporter:
    """Turns each window of a driver into a frame for the gateway, in buffers that are allocated once.

    done: functions called after each window.
    """

    def __init__(self, settings: dict, slots, client, done=()) -> None:
        made_of = settings["recipe"]
        self._samples = array("h", bytes(2 * made_of.samples * made_of.axes))
        self._features = bytearray(made_of.length)
        self._window = wire.Window(self._features, int.from_bytes(os.urandom(4), "little") >> 2, 0)
        self._extractor = Extractor(made_of)
        self._frame = bytearray(wire.WINDOW_HEADER + made_of.length)
        self._topic = wire.topic(settings["gateway"], settings["name"], "window")
        self._slots = slots
        self._client = client
        self._done = done

    async def watch(self, driver, measured) -> None:
        """Judge window after window. measured: a coroutine function, awaited once the driver knows its true rate."""
        while True:
            if await driver.read_into(self._samples):
                self._judge()
                await self._publish()
                for tell in self._done:
                    tell()
                if self._window.number == 1 and driver.measured_hz:
                    await measured()
            else:
                self._window.lost += 1

    def _judge(self) -> None:
        """Features of the window at hand, and its score when there is a model."""
        window, judge = self._window, self._slots.judge
        window.number += 1
        self._extractor.extract(self._samples, self._features)
        if judge:
            window.score = judge.score(self._features)
            window.model = self._slots.key
            self._slots.judged()

    async def _publish(self) -> None:
        """Send the window at QoS 0: one that is lost is not worth a wait."""
        wire.pack_window(self._window, self._frame)
        await self._client.publish(self._topic, self._frame)
