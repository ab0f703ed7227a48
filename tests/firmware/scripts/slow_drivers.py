"""The drivers without a FIFO chip, microphone and converter: prints a JSON line. `slow_drivers.py CASE`."""

import asyncio
import json
import sys
from array import array
from struct import pack

from drivers import adc, inmp441
from drivers.adc import Adc, Channel
from drivers.inmp441 import Inmp441
from still_clock import Clock

clock = Clock()
clock.put_into(adc)
clock.put_into(inmp441)


class Stream:
    """A microphone that counts: reading n is n, in the upper 16 of 32 bits. stall_ms: before its fifth answer."""

    def __init__(self, stall_ms=0):
        self.n = 0
        self.answers = 0
        self.stall_ms = stall_ms

    async def readinto(self, buffer):
        self.answers += 1
        if self.answers == 5:
            clock.sleep_us(1000 * self.stall_ms)
        count = len(buffer) // 4
        for i in range(count):
            buffer[4 * i : 4 * i + 4] = pack("<i", (self.n - 100) << 16 | 0xABCD)
            self.n += 1
        return 4 * count


def window(driver, length):
    samples = array("h", bytes(2 * length))
    return asyncio.run(driver.read_into(samples)), list(samples)


def microphone():
    driver = Inmp441(Stream(), 16000, ring=1024)
    good, samples = window(driver, 700)
    return [good, samples == list(range(samples[0], samples[0] + 700)), samples[0] < 0 or samples[0] >= 28]


def microphone_stalls():
    driver = Inmp441(Stream(50), 16000, ring=1024)  # which holds 8 ms
    return [window(driver, 4000)[0], window(driver, 4000)[0]]


class Converter:
    def __init__(self, stall_at=-1):
        self.n = 0
        self.stall_at = stall_at

    def read_u16(self):
        self.n += 1
        if self.n == self.stall_at:
            clock.sleep_us(30000)
        return 32768 + (self.n if self.n & 1 else -self.n)


def converter():
    driver = Adc([Channel(Converter())], 500, 10)
    good, samples = window(driver, 40)
    return [good, samples[:4], abs(driver.measured_hz - 500) < 100]


def converter_late():
    driver = Adc([Channel(Converter(stall_at=10))], 500, 10)
    return [window(driver, 40)[0], window(driver, 40)[0]]


class Fixed:
    """A converter that always gives the same."""

    def __init__(self, steps):
        self.steps = steps

    def read_u16(self):
        return self.steps


def ranges():
    """What becomes of the ends, the middle and what is beyond them, for several ranges; and ranges that are none."""
    found = []
    for low, high in ((0, 65536), (13107, 65536), (30000, 30100), (65535, 65536)):
        for steps in (0, low, (low + high) // 2, high - 1, 65535):
            expected = min(max((steps - low) * 65536 // (high - low) - 32768, -32768), 32767)
            found.append(Channel(Fixed(steps), low, high).read() == expected)
    for low, high in ((5, 5), (-1, 9), (0, 65537)):
        try:
            Channel(Fixed(0), low, high)
        except ValueError as error:
            found.append(str(error))
    return found


def eight_channels():
    """Windows that overlap go on where the last ended; the readings of the axes stand side by side."""
    driver = Adc([Channel(Fixed(4096 * i)) for i in range(8)], 10, 0)
    first, second = window(driver, 40), window(driver, 8)
    going_on = driver._going_on
    clock.sleep_us(200000)
    late = window(driver, 8)
    return [driver.axes, driver.gapless, first[1][:8] == second[1], going_on, late[0], window(driver, 8)[0]]


print(json.dumps(globals()[sys.argv[1]]()))
