"""Transducers: each driver is one file here. It fills a window from a bus, and knows nothing of networks or models.

A driver's file has a docstring with an example, and

    make(settings, board)         makes the driver. settings: "sensor" of config.json. board: the bus where that names
                                  none. Raises ValueError for settings that cannot be, OSError when its chip is silent

What `make` gives has

    axes, rate_hz, lsb_per_g      what the readings mean
    gapless                       True where a window goes on with the reading after the last one of the window before;
                                  only such windows can overlap. May be missing
    limit                         magnitude of a reading at the end of the range; 0 or missing where that is no fault
    measured_hz                   readings a second of the last window, as counted here; 0 before the first
    renew()                       sets the chip up anew after errors
    async read_into(samples)      fills an array('h'), or a memoryview of one, of samples * axes interleaved readings
                                  from one stretch of time without gaps; False when the transducer overran and the
                                  window must be discarded. Raises OSError when a transfer fails

`make provision` reads RATES, RANGES and AXES of the class in the file, where it has them, and refuses the rest.
"""

import sys


def make(settings: dict, board: "dict | None" = None):
    """The driver that `settings["driver"]` names; raises ValueError, and OSError when its chip does not answer."""
    name = "drivers.{}".format(settings["driver"])
    try:
        __import__(name)
    except ImportError:
        raise ValueError("sensor.driver: no driver named {!r}".format(settings["driver"]))
    return sys.modules[name].make(settings, board or {})
