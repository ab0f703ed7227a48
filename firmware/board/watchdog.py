"""Feeds the watchdog, but only while windows are judged and the gateway was heard of not too long ago."""

import asyncio
from time import ticks_diff, ticks_ms

WATCHDOG_MS = 60000
BEAT_MS = 1000
SAMPLING_MS = 30000  # the longest time between two windows, or three times one of them
LINK_MS = 900000  # the longest time without the gateway: a reset is tried before somebody has to come


class Watchdog:
    """feed: of machine.WDT. link: has `up`, an Event. window_ms: how long one takes; 0 in safe mode, which has none."""

    def __init__(self, feed, link, window_ms: int) -> None:
        self._feed = feed
        self._link = link
        self._sampling = max(SAMPLING_MS, 3 * window_ms) if window_ms else 0
        self._window = self._linked = ticks_ms()

    def judged(self) -> None:
        """A window came to its end."""
        self._window = ticks_ms()

    async def beat(self) -> None:
        """Feed the watchdog for as long as all is well; for ever."""
        while True:
            if self.well(ticks_ms()):
                self._feed()
            await asyncio.sleep_ms(BEAT_MS)

    def well(self, now) -> bool:
        """Whether sampling and link both went on lately."""
        if self._link.up.is_set():
            self._linked = now
        sampled = not self._sampling or ticks_diff(now, self._window) < self._sampling
        return sampled and ticks_diff(now, self._linked) < LINK_MS
