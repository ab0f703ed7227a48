"""The drivers without a FIFO chip, microphone and converter: prints a JSON line. `slow_drivers.py CASE`."""

import asyncio
import json
import sys
from array import array
from struct import pack
from time import sleep_ms

from sensors.adc import Adc
from sensors.inmp441 import Inmp441


class Stream:
    """A microphone that counts: reading n is n, in the upper 16 of 32 bits. stall_ms: before its fifth answer."""

    def __init__(self, stall_ms=0):
        self.n = 0
        self.answers = 0
        self.stall_ms = stall_ms

    async def readinto(self, buffer):
        self.answers += 1
        if self.answers == 5:
            sleep_ms(self.stall_ms)
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
            sleep_ms(30)
        return 32768 + (self.n if self.n & 1 else -self.n)


def converter():
    driver = Adc(Converter(), 500, 10)
    good, samples = window(driver, 40)
    return [good, samples[:4], abs(driver.measured_hz - 500) < 100]


def converter_late():
    driver = Adc(Converter(stall_at=10), 500, 10)
    return [window(driver, 40)[0], window(driver, 40)[0]]


print(json.dumps(globals()[sys.argv[1]]()))
