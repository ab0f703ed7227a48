"""ICM-42688-P and its family (TDK InvenSense, DS-000347 rev. 1.6): 16 bits, up to 8000 Hz, a FIFO of 2 KiB.

"sensor": {"driver": "icm42688", "axes": 3, "rate_hz": 1000, "range_g": 16, "lsb_per_g": 2048}
"""

from drivers.fifo import Fifo, on_i2c

FIFO_CONFIG, INT_STATUS, FIFO_COUNT, SIGNAL_PATH_RESET = 0x16, 0x2D, 0x2E, 0x4B
INTF_CONFIG0, PWR_MGMT0, ACCEL_CONFIG0, FIFO_CONFIG1 = 0x4C, 0x4E, 0x50, 0x5F
COUNT_RECORDS_BIG_ENDIAN, ACCEL_LOW_NOISE, ACCEL_EN = 0x70, 0x03, 0x01
STREAM, FLUSH, FULL = 0x40, 0x02, 0x02


def make(settings: dict, board: dict):
    """As drivers/__init__.py says."""
    return on_i2c(Icm42688, settings, board)


class Icm42688(Fifo):
    """2048 steps for 1 g in the range of 16 g. Also the ICM-42605 and the IIM-42352."""

    NAME, ADDRESS = "icm42688", 0x68
    WHO, IDS = 0x75, (0x47, 0x42, 0x6D)
    DATA = 0x30
    RECORD, FIRST, BIG_ENDIAN = 8, 1, True  # packet 1: header, x, y, z, temperature
    DEPTH, BURST = 256, 16
    RATES = {8000: 3, 4000: 4, 2000: 5, 1000: 6, 500: 15, 200: 7, 100: 8, 50: 9}
    RANGES = {16: (0x00, 2048, 32767), 8: (0x20, 4096, 32767), 4: (0x40, 8192, 32767), 2: (0x60, 16384, 32767)}
    RANGE = 16

    def start(self, rate: int, range_code: int) -> None:
        self.write(INTF_CONFIG0, COUNT_RECORDS_BIG_ENDIAN)
        self.write(ACCEL_CONFIG0, range_code | rate)
        self.write(FIFO_CONFIG1, ACCEL_EN)
        self.write(FIFO_CONFIG, STREAM)
        self.write(PWR_MGMT0, ACCEL_LOW_NOISE)

    def empty(self) -> None:
        self.write(SIGNAL_PATH_RESET, FLUSH)
        self.read(INT_STATUS)  # which clears it

    def waiting(self) -> int:
        return self.read_two(FIFO_COUNT)

    def overran(self) -> bool:
        return bool(self.read(INT_STATUS) & FULL)
