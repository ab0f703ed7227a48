"""Feeds the watchdog while windows come to an end; asks for a reset when the gateway was not heard of for too long.

A program that hangs is reset by the chip. A link that stays away is no hang: the firmware chooses that reset itself and
says why, so that it does not count as a start in vain.
"""

import asyncio

from board.monotonic import ms

WATCHDOG_MS = 60000
BEAT_MS = 1000
SAMPLING_MS = 30000  # the longest time between two windows, or three times one of them
LINK_MS = 900000  # the longest time without the gateway, or three windows: a reset is tried before somebody has to come


class Watchdog:
    """feed: of machine.WDT. link: has `up`, an Event. window_ms: how long one takes; 0 in safe mode, which has none.

    reset(reason): asks for a reset.
    """

    def __init__(self, feed, link, window_ms: int, reset) -> None:
        self._feed = feed
        self._link = link
        self._sampling = max(SAMPLING_MS, 3 * window_ms) if window_ms else 0
        self._away = max(LINK_MS, 3 * window_ms)
        self._reset = reset
        self._sampled = self._linked = ms()

    def sampled(self) -> None:
        """A window came to its end, be it a good one, a discarded one or an error of the transducer."""
        self._sampled = ms()

    async def beat(self) -> None:
        """Feed the watchdog until something hangs."""
        while True:
            if self.well(ms()):
                self._feed()
            await asyncio.sleep_ms(BEAT_MS)

    def well(self, now: int) -> bool:
        """Whether sampling went on lately; asks for a reset when the link did not."""
        if self._link.up.is_set():
            self._linked = now
        if now - self._linked >= self._away:
            self._linked = now
            self._reset("no link for {} min".format(self._away // 60000))
        return not self._sampling or now - self._sampled < self._sampling
