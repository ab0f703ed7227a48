"""LIS3DH (STMicroelectronics, data sheet DocID17530 rev. 2): 12 bits, up to 1344 Hz, a FIFO of 32 readings.

"sensor": {"driver": "lis3dh", "axes": 3, "rate_hz": 200, "range_g": 4, "lsb_per_g": 500}
"""

from drivers.fifo import Fifo, on_i2c

CTRL_REG1, CTRL_REG4, CTRL_REG5, FIFO_CTRL, FIFO_SRC = 0x20, 0x23, 0x24, 0x2E, 0x2F
XYZ, BDU_HIGH_RESOLUTION, FIFO_EN = 0x07, 0x88, 0x40
BYPASS, STREAM, OVERRUN = 0x00, 0x80, 0x40
AUTO_INCREMENT = 0x80  # of the register's number, wrapping from the last data register to the first


def make(settings: dict, board: dict):
    """As drivers/__init__.py says."""
    return on_i2c(Lis3dh, settings, board)


class Lis3dh(Fifo):
    """1, 2, 4 or 12 mg a step."""

    NAME, ADDRESS = "lis3dh", 0x18
    WHO, IDS = 0x0F, (0x33,)
    DATA = 0x28 | AUTO_INCREMENT
    SHIFT = 4
    RATES = {1344: 9, 400: 7, 200: 6, 100: 5, 50: 4, 25: 3, 10: 2, 1: 1}
    RANGES = {2: (0x00, 1000, 2047), 4: (0x10, 500, 2047), 8: (0x20, 250, 2047), 16: (0x30, 83, 2047)}

    def start(self, rate: int, range_code: int) -> None:
        self.write(CTRL_REG4, BDU_HIGH_RESOLUTION | range_code)
        self.write(CTRL_REG5, FIFO_EN)
        self.write(CTRL_REG1, rate << 4 | XYZ)
        self._source = 0
        self.empty()

    def empty(self) -> None:
        self.write(FIFO_CTRL, BYPASS)
        self.write(FIFO_CTRL, STREAM | self.BURST)

    def waiting(self) -> int:
        self._source = self.read(FIFO_SRC)
        return self._source & 0x1F

    def overran(self) -> bool:
        return bool(self._source & OVERRUN)  # full: the next reading replaces the oldest
