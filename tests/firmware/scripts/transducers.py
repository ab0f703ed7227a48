"""Runs each FIFO driver against its chip in memory; prints a JSON line a case. `transducers.py NAME CASE`."""

import asyncio
import json
import sys
from array import array

from drivers import fifo
from drivers.adxl345 import Adxl345
from drivers.icm42688 import Icm42688
from drivers.lis3dh import Lis3dh
from drivers.mpu6050 import Mpu6050
from fakes import chips
from still_clock import Clock

DRIVERS = {"adxl345": Adxl345, "lis3dh": Lis3dh, "mpu6050": Mpu6050, "icm42688": Icm42688}
RATE = 1e6  # the fastest of each
WINDOW = 60  # readings; no multiple of a burst


def chip_of(driver, **settings):
    return getattr(chips, driver.__name__)(**settings)


def made(driver, chip):
    return driver(chips.Bus({driver.ADDRESS: chip}), RATE)


def window(sensor):
    samples = array("h", bytes(6 * WINDOW))
    return asyncio.run(sensor.read_into(samples)), list(samples)


def scale(driver):
    """What 1, -1 and half a g come out as, in g."""
    sensor = made(driver, chip_of(driver))
    good, samples = window(sensor)
    return [good] + [sorted({value / sensor.lsb_per_g for value in samples[axis::3]}) for axis in range(3)]


def order(driver):
    """Whether readings come one after the other, with none between them missing, over two windows."""
    step = 4 / driver.RANGES[driver.RANGE][1] / 4
    sensor = made(driver, chip_of(driver, gravity=(0, 0, 0), step=step, pace=driver.BURST + 3))
    ordered = []
    for _ in range(2):
        good, samples = window(sensor)
        x = samples[0::3]
        ordered.append(good and x == list(range(x[0], x[0] + WINDOW)))
    return ordered


def watermark(driver):
    """Readings come one by one: none is fetched before a burst of them is there, and all are good."""
    chip = chip_of(driver, gravity=(0, 0, 0), step=1 / driver.RANGES[driver.RANGE][1], pace=1)
    sensor = made(driver, chip)
    least = []
    fetch = sensor.fetch
    sensor.fetch = lambda raw: (least.append(len(chip.fifo)), fetch(raw))
    good, samples = window(sensor)
    set_to = chip.registers[chip.WATERMARK] & 31 if chip.WATERMARK else sensor.BURST
    ordered = samples[0::3] == list(range(samples[0], samples[0] + WINDOW))
    return [good, ordered, min(least) == max(least) == sensor.BURST, set_to == sensor.BURST]


def full(driver):
    """The chip has as many as it holds when it is looked at: whether one was lost cannot be known."""
    chip = chip_of(driver, pace=driver.DEPTH)
    sensor = made(driver, chip)
    return window(sensor)[0]


def measured(driver):
    """Readings a second as counted, where the chip takes one each millisecond."""
    chip, clock = chip_of(driver, pace=0), Clock()
    clock.put_into(fifo)
    sensor = made(driver, chip)

    def measure():
        chip.pace = max(0, clock.us // 1000 - chip.taken)
        chips.Chip.measure(chip)

    chip.measure = measure
    good, _ = window(sensor)
    return [good, sensor.measured_hz]


def overrun(driver):
    """A window in which the chip drops readings, and the one after it."""
    chip = chip_of(driver, pace=3 * driver.DEPTH)
    sensor = made(driver, chip)
    bad = window(sensor)[0]
    chip.pace = driver.BURST
    return [bad, window(sensor)[0]]


def rates(driver):
    """The nearest rate there is."""
    bus = chips.Bus({driver.ADDRESS: chip_of(driver)})
    return [driver(bus, asked).rate_hz for asked in (1, 190, 1e6)]


def wrong(driver):
    """Another chip, none, and a bus that breaks while it works."""
    chip = chip_of(driver)
    chip.registers[chip.WHO] = 0x99
    said = []
    for bus in (chips.Bus({driver.ADDRESS: chip}), chips.Bus({})):
        try:
            driver(bus, RATE)
        except (ValueError, OSError) as error:
            said.append(str(error))
    sensor = made(driver, chip_of(driver))
    sensor._i2c.broken = True
    try:
        window(sensor)
    except OSError:
        sensor._i2c.broken = False
        said.append(window(sensor)[0])
    return said


def memory(driver):
    """Bytes that a burst, its checks and its unpacking take from the heap."""
    import micropython

    sensor = made(driver, chip_of(driver))
    samples = array("h", bytes(6 * WINDOW))

    class Still:  # a bus whose readings allocate nothing
        def readfrom_mem_into(self, address, register, buffer):
            buffer[0] = 0

        def writeto_mem(self, address, register, data):
            pass

    sensor._i2c = Still()
    micropython.heap_lock()
    try:
        sensor.waiting()
        sensor.overran()
        sensor._burst(samples, 0, WINDOW)
    finally:
        micropython.heap_unlock()
    return 0


print(json.dumps(globals()[sys.argv[2]](DRIVERS[sys.argv[1]])))
assert fifo.Fifo
