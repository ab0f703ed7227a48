"""Transducers: each driver fills a window from a bus it is given, and knows nothing of networks or models.

A driver is a class with

    axes, rate_hz, lsb_per_g      what the readings mean
    gapless                       True where a window goes on with the reading after the last one of the window before;
                                  only such windows can overlap. May be missing.
    measured_hz                   readings a second of the last window, as counted here; 0 before the first
    async read_into(samples)      fills an array('h'), or a memoryview of one, of samples * axes interleaved readings
                                  from one stretch of time without gaps; False when the transducer overran and the
                                  window must be discarded

To add one: a file here, and a line below.
"""

FIFO = {"adxl345": "Adxl345", "lis3dh": "Lis3dh", "mpu6050": "Mpu6050", "icm42688": "Icm42688"}


def make(settings: dict, board: "dict | None" = None):
    """The driver that `settings["driver"]` names; raises ValueError, OSError when its chip does not answer.

    settings: driver, rate_hz, axes, lsb_per_g, and what its bus needs; in "channels", a table for each axis, what it is
    called ("name") and what its driver needs of it. board: the bus where they name none.
    """
    name = settings["driver"]
    if name in FIFO:
        module = getattr(__import__("drivers." + name), name)
        return getattr(module, FIFO[name])(_i2c(settings, board or {}), settings["rate_hz"], settings.get("address", 0))
    if name == "replay":
        return _replay(settings)
    if name == "inmp441":
        return _microphone(settings)
    if name == "adc":
        return _converter(settings)
    known = ", ".join(sorted(list(FIFO) + ["replay", "inmp441", "adc"]))
    raise ValueError("sensor.driver: no driver named {!r}; there are {}".format(name, known))


def _i2c(settings: dict, board: dict):
    from machine import I2C, Pin

    bus = settings.get("i2c") or board
    try:
        return I2C(bus.get("id", 0), scl=Pin(bus["scl"]), sda=Pin(bus["sda"]), freq=bus.get("hz", 400000))
    except KeyError as error:
        raise ValueError("sensor.i2c: {} is missing".format(error))


def _replay(settings: dict):
    import asyncio
    import sys

    from drivers.replay import Replay

    bus = asyncio.StreamReader(sys.stdin.buffer)
    return Replay(bus, settings["axes"], settings["rate_hz"], settings["lsb_per_g"])


def _microphone(settings: dict):
    import asyncio

    from machine import I2S, Pin

    from drivers.inmp441 import Inmp441

    ring = settings.get("ring", 16384)
    pins = {key: Pin(settings[key]) for key in ("sck", "ws", "sd")}
    rate = int(settings["rate_hz"])
    bus = I2S(settings.get("id", 0), mode=I2S.RX, bits=32, format=I2S.MONO, rate=rate, ibuf=ring, **pins)
    return Inmp441(asyncio.StreamReader(bus), rate, ring)


def _converter(settings: dict):
    from machine import ADC, Pin

    from drivers.adc import Adc, Channel

    channels = settings.get("channels") or [settings]
    try:
        made = [
            Channel(ADC(Pin(each["pin"]), atten=ADC.ATTN_11DB), each.get("low", 0), each.get("high", 65536))
            for each in channels
        ]
    except KeyError as error:
        raise ValueError("sensor.channels: {} is missing".format(error))
    return Adc(made, settings["rate_hz"], settings["lsb_per_g"])
