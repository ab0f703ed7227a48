"""Accelerometers with a FIFO: the chip keeps time, and readings are fetched in bursts before it is full.

A driver derives from Fifo and says in class attributes and four small methods what its data sheet says. Between windows
the FIFO is emptied, so each window is one stretch of time; one during which the chip had to drop readings is discarded.
A chip that lost its supply for a moment forgets its settings and sends no more readings: that is an OSError here.
"""

import asyncio

import micropython
from board.monotonic import Microseconds
from micropython import const

from drivers import i2c

_MS = const(1000)  # ticks


class Fifo:
    """A chip on the I2C bus `i2c` at `address`. rate_hz: one of RATES; the nearest is taken, and `measured_hz` counted.

    range_g: one of RANGES, in g either way; None: RANGE. Raises ValueError for another range and when another chip
    answers, OSError when none does.
    """

    AXES = axes = 3
    # What a driver must say: numbers of registers and bytes, from its data sheet.
    NAME = ""
    ADDRESS = 0
    WHO = 0  # the register that tells the chip's number, and
    IDS: "tuple" = ()  # the numbers that are right
    DATA = 0  # the register a burst is read from
    RECORD, FIRST, BIG_ENDIAN, SHIFT = 6, 0, False, 0  # of a reading: bytes, where x begins, order, unused low bits
    DEPTH, BURST = 32, 8  # readings the FIFO holds, and how many are fetched at a time
    RATES: "dict[float, int]" = {}  # readings a second -> what the chip calls that
    RANGES: "dict[int, tuple]" = {}  # g either way -> what the chip calls that, steps for 1 g, magnitude at the end
    RANGE = 2  # g, where the settings of an older version name none

    def __init__(self, i2c, rate_hz: float, address: int = 0, range_g: "int | None" = None) -> None:
        self._i2c = i2c
        self._address = address or self.ADDRESS
        self._one = bytearray(1)
        self._two = bytearray(2)
        self._raw = bytearray(self.BURST * self.RECORD)
        self._time = Microseconds()
        try:
            self._range, self.lsb_per_g, self.limit = self.RANGES[range_g or self.RANGE]
        except KeyError:
            raise ValueError("sensor.range_g: {} has no range of {} g".format(self.NAME, range_g))
        self.rate_hz = min(self.RATES, key=lambda rate: abs(rate - rate_hz))
        self.measured_hz = 0.0
        self.renew()

    def renew(self) -> None:
        """Set the chip up, at first and after errors."""
        self._check()
        self.start(self.RATES[self.rate_hz], self._range)

    async def read_into(self, samples) -> bool:
        """Fill the array('h') with readings x, y, z; False when the chip dropped some; OSError when none come."""
        wanted, got = len(samples) // self.axes, 0
        patience = int(2e6 * (wanted + self.BURST) / self.rate_hz) + 1000 * _MS
        self.empty()
        self._time.restart()
        while got < wanted:
            waiting, looked = self.waiting(), self._time.now()
            if self.overran() or waiting >= self.DEPTH:
                return False
            if looked > patience:
                raise OSError("{}: {} of {} readings came in time".format(self.NAME, got, wanted))
            taken = got + waiting  # by the chip, until it was looked at
            while waiting >= self.BURST and got < wanted:
                got += self._burst(samples, got, wanted - got)
                waiting -= self.BURST
            await asyncio.sleep_ms(int(self.BURST * _MS / self.rate_hz / 2))
        self.measured_hz = 1e6 * taken / max(1, looked)
        return True

    def start(self, rate: int, range_code: int) -> None:
        """Make the chip measure at the rate and in the range that it calls so."""
        raise NotImplementedError

    def empty(self) -> None:
        """Forget what is in the FIFO, and that it overran."""
        raise NotImplementedError

    def waiting(self) -> int:
        """Readings in the FIFO."""
        raise NotImplementedError

    def overran(self) -> bool:
        """Whether readings were dropped since `empty`."""
        raise NotImplementedError

    def read(self, register: int) -> int:
        """One register."""
        self._i2c.readfrom_mem_into(self._address, register, self._one)
        return self._one[0]

    def read_two(self, register: int) -> int:
        """Two registers, the high byte in the first."""
        self._i2c.readfrom_mem_into(self._address, register, self._two)
        return self._two[0] << 8 | self._two[1]

    def write(self, register: int, value: int) -> None:
        """Set one register."""
        self._one[0] = value
        self._i2c.writeto_mem(self._address, register, self._one)

    def _burst(self, samples, at: int, most: int) -> int:
        """Fetch readings to place `at` in the window; what is over is dropped with them."""
        self.fetch(self._raw)
        count = min(self.BURST, most)
        unpack(self._raw, samples, 3 * at, count, self.RECORD, self.FIRST, int(self.BIG_ENDIAN), self.SHIFT)
        return count

    def fetch(self, raw) -> None:
        """The next BURST readings, as the chip has them."""
        self._i2c.readfrom_mem_into(self._address, self.DATA, raw)

    def _check(self) -> None:
        try:
            number = self.read(self.WHO)
        except OSError as error:
            raise OSError("{}: nothing answers at 0x{:02x} on I2C: {}".format(self.NAME, self._address, error))
        if number not in self.IDS:
            raise ValueError("{}: the chip at 0x{:02x} is number 0x{:02x}".format(self.NAME, self._address, number))


def on_i2c(driver, settings: dict, board: dict):
    """A driver of this class, a Fifo, as the settings of a sensor say."""
    bus = i2c.bus(settings, board)
    return driver(bus, settings["rate_hz"], settings.get("address", 0), settings.get("range_g"))


@micropython.viper
def unpack(raw: ptr8, samples: ptr16, at: int, count: int, record: int, first: int, big: int, shift: int):
    """Readings of three int16 as a chip sends them -> samples[at ...], shifted right by `shift` with their sign."""
    raw = ptr8(int(raw) + first)
    samples = ptr16(int(samples) + 2 * at)
    while count:
        axis = 0
        while axis < 6:
            value = raw[axis + 1 - big] << 8 | raw[axis + big]
            if value & 32768:
                value -= 65536
            samples[0] = value >> shift
            samples = ptr16(int(samples) + 2)
            axis += 2
        raw = ptr8(int(raw) + record)
        count -= 1
