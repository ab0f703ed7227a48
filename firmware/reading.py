"""THE PATH OF A READING on the sensor: sample -> features -> model -> score -> publish, while there is power."""

import os
from array import array

import micropython
from protocol import wire


def room(made_of):
    """An array for the readings of a window; made_of: what has samples and axes."""
    return array("h", bytes(2 * made_of.samples * made_of.axes))


class Reporter:
    """Turns each window of a transducer into a frame for the gateway, in buffers that are allocated once.

    made_of: the Extractor that makes its features. backlog: keeps windows that matter and may not arrive. tried, done:
    called after each attempt at a window, and functions called after each good one. clipped: good windows so far in
    which a reading stood at an end of the range. Where windows overlap, readings they share stay; only new ones are
    fetched. A transducer with `judged`, a station, is told each verdict at once.
    """

    def __init__(
        self, settings: dict, made_of, slots, client, transducer, backlog, tried, done=(), samples=None
    ) -> None:
        self._driver = transducer
        self._overlap = made_of.hop < made_of.samples
        self._samples = samples or room(made_of)
        new = made_of.hop * made_of.axes
        self._whole = self._wanted = memoryview(self._samples)  # wanted: what the driver fills next
        self._new = self._whole[len(self._samples) - new :]
        self._kept = self._whole[: len(self._samples) - new], self._whole[new:]  # where to, where from
        self._features = bytearray(made_of.length)
        self._window = wire.Window(self._features, int.from_bytes(os.urandom(4), "little") >> 2, 0)
        self._extractor = made_of
        self._frame = bytearray(wire.WINDOW_HEADER + made_of.length + wire.WINDOW_CLIPPED)
        self._topic = wire.topic(settings["gateway"], settings["name"], "window")
        self._slots = slots
        self._client = client
        self._backlog = backlog
        self._tried = tried
        self._done = done
        self._judged = getattr(transducer, "judged", None)
        self.clipped = 0
        backlog.boot = self._window.boot

    async def watch(self, measured) -> None:
        """Judge window after window. measured: a coroutine function, awaited once the driver knows its true rate."""
        while True:
            good = await self._sampled()
            self._tried()
            if not good:
                self._window.lost += 1
                continue
            self._judge()
            await self._publish()
            for tell in self._done:
                tell()
            if self._window.number == 1 and self._driver.measured_hz:
                await measured()

    async def _sampled(self) -> bool:
        """Whether the window is filled; after an overrun or an error the next one is new from end to end."""
        if self._wanted is self._new:
            to, readings = self._kept
            to[:] = readings
        good = await self._driver.read_into(self._wanted)
        self._wanted = self._new if good and self._overlap else self._whole
        return good

    def _judge(self) -> None:
        """Features of the window at hand, and its score when there is a model."""
        window, judge = self._window, self._slots.judge
        window.number += 1
        window.clipped = self._clipped(self._samples)
        self.clipped += window.clipped > 0
        self._extractor.extract(self._samples, self._features)
        if judge:
            window.score = judge.score(self._features)
            window.model = self._slots.key
            self._slots.judged()
        if self._judged:
            self._judged(window, judge)

    def _clipped(self, samples) -> int:
        limit = self._driver.limit
        return clipped(samples, len(samples), limit) if limit else 0

    async def _publish(self) -> None:
        """Send the window at QoS 0: one that is lost is not worth a wait."""
        size = wire.pack_window(self._window, self._frame)
        await self._client.publish(self._topic, memoryview(self._frame)[:size])
        judge = self._slots.judge
        if judge and self._window.model == self._slots.key and self._window.score > judge.threshold:
            self._backlog.note(wire.without_clipped(self._frame, len(self._features)))


@micropython.viper
def clipped(samples: ptr16, n: int, limit: int) -> int:
    """How many of `n` int16 readings stand at an end of the range, `limit` either way."""
    found = 0
    i = 0
    while i < n:
        value = int(samples[i])
        if value & 32768:
            value = 65535 - value
        if value >= limit:
            found += 1
        i += 1
    return found
