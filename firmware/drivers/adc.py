"""The chip's own converter, for slow signals: a motor's current through a clamp, transmitters of 4-20 mA over 150 ohm.

Up to some 500 Hz. MicroPython has no timed conversion on an ESP32, so readings are taken when their time has come. A
window in which one was late by more than half a period is discarded.
"""

import asyncio
from time import sleep_us, ticks_add, ticks_diff, ticks_us

FULL = 65536  # of read_u16
SLOW_HZ = 20  # up to which a window goes on where the one before it ended: judging takes less than half a period


class Channel:
    """One input. `converter` has read_u16, as machine.ADC. low, high: its steps that int16's ends shall stand for.

    So a transmitter's zero and full scale, or better the limits within which its variable is worth watching, use all of
    the range that levels are told in. Raises ValueError when they are no range.
    """

    def __init__(self, converter, low: int = 0, high: int = FULL) -> None:
        if not 0 <= low < high <= FULL:
            raise ValueError("sensor.channels: low {} and high {}: 0 to {}, low first".format(low, high, FULL))
        self._converter = converter
        self._low = low
        self._span = high - low

    def read(self) -> int:
        """A reading, int16: 65536 * (steps - low) / (high - low) - 32768, eight bits at a time to stay within 30."""
        steps = self._converter.read_u16() - self._low << 8
        upper = steps // self._span
        lower = (steps - upper * self._span << 8) // self._span
        return min(max((upper << 8) + lower - 32768, -32768), 32767)


class Adc:
    """Reads `channels` in turn, each an axis. lsb_per_g: steps for 1 of whatever a single one measures, else 0."""

    def __init__(self, channels: list, rate_hz: float, lsb_per_g: float) -> None:
        self._channels = channels
        self.axes = len(channels)
        self.rate_hz = rate_hz
        self.gapless = rate_hz <= SLOW_HZ
        self.measured_hz = 0.0
        self.lsb_per_g = lsb_per_g
        self._period_us = int(1e6 / rate_hz)
        self._due = ticks_us()  # when the next reading is,
        self._going_on = False  # if it goes on where the last window ended

    async def read_into(self, samples) -> bool:
        """Fill the array('h'); False when a reading was late."""
        began = ticks_us()
        due = self._due if self._going_on else began
        good = True
        for i in range(0, len(samples), self.axes):
            good = await self._until(due) and good
            for axis in range(self.axes):
                samples[i + axis] = self._channels[axis].read()
            due = ticks_add(due, self._period_us)
        self._due, self._going_on = due, good and self.gapless
        self.measured_hz = 1e6 * len(samples) / self.axes / max(1, ticks_diff(ticks_us(), began))
        return good

    async def _until(self, due: int) -> bool:
        """Wait; whether it was in time."""
        wait = ticks_diff(due, ticks_us())
        if wait > 2000:
            await asyncio.sleep_ms(wait // 1000 - 1)
            wait = ticks_diff(due, ticks_us())
        if wait > 0:
            sleep_us(wait)
        return wait > -(self._period_us // 2)
