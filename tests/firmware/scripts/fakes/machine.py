"""MicroPython's module machine as on a board: a chip on I2C, a watchdog that tells, a reset that ends the program.

What happens is printed, for the test that started it. FAKE_GLITCHES="3800 5000+300" makes the 3800th transfer on the
bus fail, and 300 from the 5000th on; FAKE_STUCK=1000: all from the 1000th on, until the bus gets nine clocks.
FAKE_CLOCK: file in which libfaketime reads what time it is, which the board's clock sets.
"""

import os
import sys

from fakes import chips

PWRON_RESET, SOFT_RESET, WDT_RESET = 1, 5, 3
cause = WDT_RESET
lines = []  # levels that pins were set to, by number


def reset_cause():
    return cause


def freq(hz):
    print("machine.freq", hz)


def reset():
    print("machine.reset")
    sys.exit(3)


class Pin:
    OPEN_DRAIN = 2

    def __init__(self, number, mode=None, value=None):
        self.number = number

    def __call__(self, level):
        lines.append((self.number, level))


class RTC:
    kept = b""

    def datetime(self, then):
        print("machine.RTC", then)
        if os.getenv("FAKE_CLOCK"):
            year, month, day, _, hour, minute, second, _ = then
            with open(os.getenv("FAKE_CLOCK"), "w") as file:
                file.write("@{}-{:02}-{:02} {:02}:{:02}:{:02}\n".format(year, month, day, hour, minute, second))

    def memory(self, content=None):
        if content is None:
            return RTC.kept
        RTC.kept = content
        return None


class WDT:
    def __init__(self, timeout):
        print("machine.WDT", timeout)

    def feed(self):
        print("machine.WDT.feed")


def failing():
    """Numbers of the transfers that fail."""
    parts = [part.split("+") for part in (os.getenv("FAKE_GLITCHES") or "").split()]
    return [range(int(part[0]), int(part[0]) + int((part + ["1"])[1])) for part in parts]


class I2C(chips.Bus):
    transfers = 0
    glitches = failing()
    stuck = int(os.getenv("FAKE_STUCK") or 0)

    def _chip(self, address):
        I2C.transfers += 1
        if I2C.stuck and I2C.transfers == I2C.stuck:
            lines.clear()
        freed = sum(1 for number, level in lines if level == 0) > 9  # nine clocks, and the stop's data line
        if any(I2C.transfers in some for some in I2C.glitches) or (
            I2C.stuck and I2C.transfers >= I2C.stuck and not freed
        ):
            raise OSError(116)  # ETIMEDOUT
        return super()._chip(address)

    def __init__(self, number, scl, sda, freq):
        print("machine.I2C", number, scl.number, sda.number, freq)
        super().__init__({0x53: chips.Adxl345(pace=8, gravity=(0.1, -0.2, 1), step=1e-6, hum=0.3)})
