"""The chip's own converter, for slow signals: a motor's current through a clamp, transmitters of 4-20 mA over 150 ohm.

    "sensor": {"driver": "adc", "axes": 2, "rate_hz": 1, "lsb_per_g": 0, "channels": [
      {"name": "pressure", "pin": 34, "low": 7944, "high": 39719}, {"name": "flow", "pin": 35}]}

From a reading in ten minutes to 1000 readings a second over all channels. MicroPython has no timed conversion on an
ESP32, so readings are taken when their time has come. A window in which one was late by more than half a period is
discarded.
"""

import asyncio
from time import sleep_us

from board.monotonic import Microseconds

FULL = 65536  # of read_u16
SLOW_HZ = 20  # up to which a window goes on where the one before it ended: judging takes less than half a period
LONGEST_MS = 60000  # a sleep: the clock wants to be looked at


def make(settings: dict, _board: dict):
    """As drivers/__init__.py says."""
    from machine import ADC, Pin

    try:
        made = [
            Channel(ADC(Pin(each["pin"]), atten=ADC.ATTN_11DB), each.get("low", 0), each.get("high", 65536))
            for each in settings.get("channels") or [settings]
        ]
    except KeyError as error:
        raise ValueError("sensor.channels: {} is missing".format(error))
    return Adc(made, settings["rate_hz"], settings["lsb_per_g"])


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
        self._time = Microseconds()
        self._due = 0  # when the next reading is,
        self._last = 0  # when the last one was,
        self._going_on = False  # if it goes on where the last window ended

    def renew(self) -> None:
        """Begin anew: the converter has no settings to lose."""
        self._going_on = False

    async def read_into(self, samples) -> bool:
        """Fill the array('h'); False when a reading was late."""
        count, good = len(samples) // self.axes, True
        periods, first = (count, self._last) if self._going_on else (count - 1, -1)
        if not self._going_on:
            self._time.restart()
            self._due = 0
        for i in range(0, len(samples), self.axes):
            good = await self._until(self._due) and good
            self._last = self._time.now()
            first = self._last if first < 0 else first
            for axis in range(self.axes):
                samples[i + axis] = self._channels[axis].read()
            self._due += self._period_us
        self._going_on = good and self.gapless
        if periods:
            self.measured_hz = 1e6 * periods / max(1, self._last - first)
        return good

    async def _until(self, due: int) -> bool:
        """Wait; whether it was in time."""
        wait = due - self._time.now()
        while wait > 2000:
            await asyncio.sleep_ms(min(wait // 1000 - 1, LONGEST_MS))
            wait = due - self._time.now()
        if wait > 0:
            sleep_us(wait)
        return wait > -(self._period_us // 2)
