"""ICM-42688-P and its family (TDK InvenSense, DS-000347 rev. 1.6): 16 bits, up to 8000 Hz, a FIFO of 2 KiB."""

from drivers.fifo import Fifo

FIFO_CONFIG, INT_STATUS, FIFO_COUNT, SIGNAL_PATH_RESET = 0x16, 0x2D, 0x2E, 0x4B
INTF_CONFIG0, PWR_MGMT0, ACCEL_CONFIG0, FIFO_CONFIG1 = 0x4C, 0x4E, 0x50, 0x5F
COUNT_RECORDS_BIG_ENDIAN, ACCEL_LOW_NOISE, FS_16G, ACCEL_EN = 0x70, 0x03, 0x00, 0x01
STREAM, FLUSH, FULL = 0x40, 0x02, 0x02


class Icm42688(Fifo):
    """2048 steps for 1 g, to 16 g either way. Also the ICM-42605 and the IIM-42352."""

    NAME, ADDRESS = "icm42688", 0x68
    WHO, IDS = 0x75, (0x47, 0x42, 0x6D)
    DATA = 0x30
    RECORD, FIRST, BIG_ENDIAN = 8, 1, True  # packet 1: header, x, y, z, temperature
    DEPTH, BURST = 256, 16
    RATES = {8000: 3, 4000: 4, 2000: 5, 1000: 6, 500: 15, 200: 7, 100: 8, 50: 9}
    lsb_per_g = 2048

    def start(self, rate: int) -> None:
        self.write(INTF_CONFIG0, COUNT_RECORDS_BIG_ENDIAN)
        self.write(ACCEL_CONFIG0, FS_16G | rate)
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
