"""The chip's own converter, for slow signals such as a motor's current through a clamp: up to some 500 Hz.

MicroPython has no timed conversion on an ESP32, so readings are taken when their time has come. A window in which one
was late by more than half a period is discarded.
"""

import asyncio
from time import sleep_us, ticks_add, ticks_diff, ticks_us

MIDDLE = 32768  # of read_u16


class Adc:
    """`converter` has read_u16, as machine.ADC. lsb_per_g: steps for 1 of whatever the clamp measures."""

    axes = 1

    def __init__(self, converter, rate_hz: float, lsb_per_g: float) -> None:
        self._converter = converter
        self.rate_hz = rate_hz
        self.measured_hz = 0.0
        self.lsb_per_g = lsb_per_g
        self._period_us = int(1e6 / rate_hz)

    async def read_into(self, samples) -> bool:
        """Fill the array('h'); False when a reading was late."""
        began = due = ticks_us()
        good = True
        for i in range(len(samples)):
            wait = ticks_diff(due, ticks_us())
            if wait > 2000:
                await asyncio.sleep_ms(wait // 1000 - 1)
                wait = ticks_diff(due, ticks_us())
            good = good and wait > -(self._period_us // 2)
            if wait > 0:
                sleep_us(wait)
            samples[i] = self._converter.read_u16() - MIDDLE
            due = ticks_add(due, self._period_us)
        self.measured_hz = 1e6 * len(samples) / max(1, ticks_diff(ticks_us(), began))
        return good
