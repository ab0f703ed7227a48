"""The I2C bus that accelerometers are wired to: freed before it is used, for a reset may have come within a transfer.

A chip that was interrupted holds the data line low until it has sent its byte. Nine clocks let it, and a stop ends the
transfer (NXP UM10204 rev. 7, 3.1.16).
"""

from time import sleep_us

HALF_US = 5  # of a clock at 100 kHz


def bus(settings: dict, board: dict):
    """machine.I2C on the pins of "i2c" in `settings`, else on the board's; raises ValueError naming what is missing."""
    from machine import I2C, Pin

    pins = settings.get("i2c") or board
    try:
        scl, sda = pins["scl"], pins["sda"]
    except KeyError as error:
        raise ValueError("sensor.i2c: {} is missing".format(error))
    free(Pin(scl, Pin.OPEN_DRAIN, value=1), Pin(sda, Pin.OPEN_DRAIN, value=1))
    return I2C(pins.get("id", 0), scl=Pin(scl), sda=Pin(sda), freq=pins.get("hz", 400000))


def free(scl, sda) -> None:
    """Nine clocks and a stop; a bus that is idle takes no notice."""
    for _ in range(9):
        scl(0)
        sleep_us(HALF_US)
        scl(1)
        sleep_us(HALF_US)
    sda(0)
    sleep_us(HALF_US)
    sda(1)
