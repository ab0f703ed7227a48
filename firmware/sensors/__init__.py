"""Sensor drivers: each fills a window from a bus it is given, and knows nothing of networks or models.

A driver is a class with

    axes, rate_hz, lsb_per_g      what the readings mean
    async read_into(samples)      fills an array('h') of samples * axes interleaved readings from one stretch of time
                                  without gaps; False when the transducer overran and the window must be discarded
"""


def make(settings: dict, bus):
    """The driver that `settings["driver"]` names, on `bus`; raises ValueError for a name there is no driver for."""
    name = settings["driver"]
    if name == "replay":
        from sensors.replay import Replay

        return Replay(bus, settings["axes"], settings["rate_hz"], settings["lsb_per_g"])
    raise ValueError("sensor.driver: no driver named {!r}".format(name))
