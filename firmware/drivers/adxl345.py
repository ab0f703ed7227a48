"""ADXL345 (Analog Devices, data sheet rev. G): 13 bits in full resolution, up to 3200 Hz, a FIFO of 32 readings.

A read of the six data registers takes one reading out of the FIFO, so a burst is as many reads: on I2C at 400 kHz about
1600 Hz can be kept up with.

    "sensor": {"driver": "adxl345", "axes": 3, "rate_hz": 200, "range_g": 16, "lsb_per_g": 256}
"""

from drivers.fifo import Fifo, on_i2c

BW_RATE, POWER_CTL, INT_SOURCE, DATA_FORMAT, FIFO_CTL, FIFO_STATUS = 0x2C, 0x2D, 0x30, 0x31, 0x38, 0x39
MEASURE, FULL_RESOLUTION, OVERRUN = 0x08, 0x08, 0x01
BYPASS, STREAM = 0x00, 0x80


def make(settings: dict, board: dict):
    """As drivers/__init__.py says."""
    return on_i2c(Adxl345, settings, board)


class Adxl345(Fifo):
    """256 steps for 1 g in every range."""

    NAME, ADDRESS = "adxl345", 0x53
    WHO, IDS = 0x00, (0xE5,)
    DATA = 0x32
    RATES = {3200: 15, 1600: 14, 800: 13, 400: 12, 200: 11, 100: 10, 50: 9, 25: 8}
    RANGES = {2: (0, 256, 511), 4: (1, 256, 1023), 8: (2, 256, 2047), 16: (3, 256, 4095)}
    RANGE = 16
    MOST_HZ = 1600

    def start(self, rate: int, range_code: int) -> None:
        self.write(POWER_CTL, 0)
        self.write(DATA_FORMAT, FULL_RESOLUTION | range_code)
        self.write(BW_RATE, rate)
        self.write(FIFO_CTL, STREAM | self.BURST)
        self.write(POWER_CTL, MEASURE)
        self._reading = bytearray(self.RECORD)

    def empty(self) -> None:
        self.write(FIFO_CTL, BYPASS)
        self._i2c.readfrom_mem_into(self._address, self.DATA, self._reading)  # which clears the overrun
        self.write(FIFO_CTL, STREAM | self.BURST)

    def waiting(self) -> int:
        return self.read(FIFO_STATUS) & 0x3F

    def overran(self) -> bool:
        return bool(self.read(INT_SOURCE) & OVERRUN)

    def fetch(self, raw) -> None:
        for i in range(self.BURST):
            self._i2c.readfrom_mem_into(self._address, self.DATA, self._reading)
            for j in range(self.RECORD):
                raw[self.RECORD * i + j] = self._reading[j]
