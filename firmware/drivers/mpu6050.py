"""MPU-6050 (InvenSense, register map RM-MPU-6000A-00 rev. 4.2): 16 bits, up to 1000 Hz, a FIFO of 1024 bytes.

"sensor": {"driver": "mpu6050", "axes": 3, "rate_hz": 200, "range_g": 8, "lsb_per_g": 4096}
"""

from drivers.fifo import Fifo, on_i2c

SMPLRT_DIV, CONFIG, ACCEL_CONFIG, FIFO_EN, INT_STATUS = 0x19, 0x1A, 0x1C, 0x23, 0x3A
USER_CTRL, PWR_MGMT_1, FIFO_COUNT = 0x6A, 0x6B, 0x72
GYRO_CLOCK, LOW_PASS_184_HZ, ACCEL, OVERFLOW = 0x01, 0x01, 0x08, 0x10
FIFO_ON, FIFO_RESET = 0x40, 0x04


def make(settings: dict, board: dict):
    """As drivers/__init__.py says."""
    return on_i2c(Mpu6050, settings, board)


class Mpu6050(Fifo):
    """16384 steps for 1 g in the range of 2 g; the chip filters at 184 Hz."""

    NAME, ADDRESS = "mpu6050", 0x68
    WHO, IDS = 0x75, (0x68,)
    DATA = 0x74
    BIG_ENDIAN = True
    DEPTH = 170
    RATES = {1000: 0, 500: 1, 250: 3, 200: 4, 125: 7, 100: 9, 50: 19}
    RANGES = {2: (0, 16384, 32767), 4: (8, 8192, 32767), 8: (16, 4096, 32767), 16: (24, 2048, 32767)}

    def start(self, rate: int, range_code: int) -> None:
        self.write(PWR_MGMT_1, GYRO_CLOCK)
        self.write(CONFIG, LOW_PASS_184_HZ)
        self.write(SMPLRT_DIV, rate)
        self.write(ACCEL_CONFIG, range_code)
        self.write(FIFO_EN, ACCEL)
        self.empty()

    def empty(self) -> None:
        self.write(USER_CTRL, 0)
        self.write(USER_CTRL, FIFO_RESET)
        self.write(USER_CTRL, FIFO_ON)
        self.read(INT_STATUS)  # which clears it

    def waiting(self) -> int:
        return self.read_two(FIFO_COUNT) // self.RECORD

    def overran(self) -> bool:
        return bool(self.read(INT_STATUS) & OVERFLOW)
