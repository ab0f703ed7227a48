"""Accelerometers as their data sheets describe them, register by register, on an I2C bus in memory.

A chip takes readings when its count of waiting ones is asked for: `pace` of them each time, so tests need no clock.
`gravity` is what it feels: (x, y, z) in g; `step` is added to x with every reading, so that none is lost unseen; `hum`
is the most that a machine adds, in g.
"""

from math import sin
from random import random
from struct import pack


class Bus:
    """machine.I2C with chips on it: {address: chip}."""

    def __init__(self, chips):
        self.chips = chips
        self.broken = False

    def readfrom_mem_into(self, address, register, buffer):
        self._chip(address).read(register, buffer)

    def writeto_mem(self, address, register, data):
        for i, value in enumerate(bytes(data)):
            self._chip(address).write(register + i, value)

    def _chip(self, address):
        if self.broken or address not in self.chips:
            raise OSError(19)
        return self.chips[address]


class Chip:
    DEPTH = 32
    WATERMARK = None  # the register whose low five bits say how many are to wait

    def __init__(self, pace=8, gravity=(1, -1, 0.5), step=0, hum=0):
        self.registers = bytearray(128)
        self.registers[self.WHO] = self.ID
        self.fifo = []
        self.dropped = False
        self.pace, self.gravity, self.step, self.hum = pace, gravity, step, hum
        self.taken = 0

    def measure(self):
        for _ in range(self.pace if self.measures() else 0):
            x, y, z = (axis + self.hum * (sin(self.taken / 3) + random() - 0.5) for axis in self.gravity)
            self.fifo.append((x + self.step * self.taken, y, z))
            self.taken += 1
            if len(self.fifo) > self.DEPTH:
                self.fifo.pop(0)
                self.dropped = True

    def clear(self):
        self.fifo = []
        self.dropped = False

    def write(self, register, value):
        self.registers[register] = value
        self.written(register, value)

    def read(self, register, buffer):
        for i in range(len(buffer)):
            buffer[i] = self.registers[(register + i) & 127]


class Adxl345(Chip):
    WHO, ID = 0x00, 0xE5
    WATERMARK = 0x38

    def measures(self):
        return self.registers[0x2D] & 0x08 and self.registers[0x38] >> 6 == 2

    def written(self, register, value):
        if register == 0x38 and value >> 6 == 0:  # bypass; the overrun bit stays until data is read
            self.fifo = []

    def read(self, register, buffer):
        if register == 0x39:
            self.measure()
            self.registers[0x39] = len(self.fifo)
        if register == 0x30:
            self.registers[0x30] = int(self.dropped)
        if register == 0x32:
            self.dropped = False
            streaming = self.registers[0x38] >> 6 == 2
            assert self.fifo or not streaming, "read before it was there"
            g = self.fifo.pop(0) if self.fifo else (0, 0, 0)
            assert self.registers[0x31] == 0x0B, "256 steps for 1 g are those of full resolution"
            buffer[:] = pack("<hhh", *(round(256 * axis) for axis in g))[: len(buffer)]
        else:
            super().read(register, buffer)


class Lis3dh(Chip):
    WHO, ID = 0x0F, 0x33
    WATERMARK = 0x2E

    def measures(self):
        return self.registers[0x20] >> 4 and self.registers[0x24] & 0x40 and self.registers[0x2E] >> 6 == 2

    def written(self, register, value):
        if register == 0x2E and value >> 6 == 0:
            self.clear()

    def read(self, register, buffer):
        if register == 0x2F:
            self.measure()
            full = len(self.fifo) == self.DEPTH
            self.registers[0x2F] = (full << 6) | (not self.fifo) << 5 | min(len(self.fifo), 31)
        if register == 0x28 | 0x80:
            assert self.registers[0x23] & 0x38 == 0x08, "1 mg a step is that of high resolution at 2 g"
            readings = [self.fifo.pop(0) for _ in range(len(buffer) // 6)]
            buffer[:] = b"".join([pack("<hhh", *(round(1000 * axis) << 4 for axis in g)) for g in readings])
        elif register < 0x80:
            super().read(register, buffer)
        else:
            raise AssertionError("only the data registers are read in a burst")


class Mpu6050(Chip):
    WHO, ID = 0x75, 0x68
    DEPTH = 170

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.registers[0x6B] = 0x40  # asleep after power-on

    def measures(self):
        return not self.registers[0x6B] & 0x40 and self.registers[0x6A] & 0x40 and self.registers[0x23] & 0x08

    def written(self, register, value):
        if register == 0x6A and value & 0x04:
            self.fifo = []

    def read(self, register, buffer):
        if register == 0x72:
            self.measure()
            buffer[:] = pack(">H", 6 * len(self.fifo))
        elif register == 0x3A:
            buffer[0] = self.dropped << 4
            self.dropped = False
        elif register == 0x74:
            assert self.registers[0x1C] == 0, "16384 steps for 1 g are those of 2 g"
            readings = [self.fifo.pop(0) for _ in range(len(buffer) // 6)]
            buffer[:] = b"".join([pack(">hhh", *(round(16384 * axis) for axis in g)) for g in readings])
        else:
            super().read(register, buffer)


class Icm42688(Chip):
    WHO, ID = 0x75, 0x47
    DEPTH = 256

    def measures(self):
        return self.registers[0x4E] & 3 == 3 and self.registers[0x16] >> 6 == 1 and self.registers[0x5F] & 1

    def written(self, register, value):
        if register == 0x4B and value & 2:
            self.fifo = []

    def read(self, register, buffer):
        if register == 0x2E:
            self.measure()
            assert self.registers[0x4C] & 0x60 == 0x60, "else the count is of bytes, or little-endian"
            buffer[:] = pack(">H", len(self.fifo))
        elif register == 0x2D:
            buffer[0] = self.dropped << 1
            self.dropped = False
        elif register == 0x30:
            assert self.registers[0x50] >> 5 == 0, "2048 steps for 1 g are those of 16 g"
            readings = [self.fifo.pop(0) for _ in range(len(buffer) // 8)]
            packets = [pack(">Bhhhb", 0x68, *([round(2048 * axis) for axis in g] + [25])) for g in readings]
            buffer[:] = b"".join(packets)
        else:
            super().read(register, buffer)
