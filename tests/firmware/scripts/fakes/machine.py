"""MicroPython's module machine as on a board: a chip on I2C, a watchdog that tells, a reset that ends the program.

What happens is printed, for the test that started it.
"""

import sys

from fakes import chips

PWRON_RESET, SOFT_RESET, WDT_RESET = 1, 5, 3
cause = WDT_RESET


def reset_cause():
    return cause


def freq(hz):
    print("machine.freq", hz)


def reset():
    print("machine.reset")
    sys.exit(3)


class Pin:
    def __init__(self, number):
        self.number = number


class WDT:
    def __init__(self, timeout):
        print("machine.WDT", timeout)

    def feed(self):
        print("machine.WDT.feed")


class I2C(chips.Bus):
    def __init__(self, number, scl, sda, freq):
        print("machine.I2C", number, scl.number, sda.number, freq)
        super().__init__({0x53: chips.Adxl345(pace=8, gravity=(0.1, -0.2, 1), step=1e-6, hum=0.3)})
