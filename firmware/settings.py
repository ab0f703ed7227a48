"""What this sensor was told when it was provisioned: `config.json` in its file system.

{"gateway": "hall1", "name": "fan-1", "board": "unix",
 "broker": {"host": "192.168.1.10", "port": 1883},
 "sensor": {"driver": "replay", "axes": 3, "rate_hz": 200, "lsb_per_g": 4096},
 "features": {"version": 1, "samples": 200, "axes": 3, "bands": 20},
 "model_bytes": 16384}
"""

import json

import recipe
import wire

NEEDED = {
    "gateway": str,
    "name": str,
    "board": str,
    "broker": dict,
    "sensor": dict,
    "features": dict,
    "model_bytes": int,
}


def load(path: str) -> dict:
    """The settings in `path`, with "recipe" made of "features"; raises ValueError naming the file and the key."""
    try:
        with open(path) as file:
            settings = json.load(file)
    except (OSError, ValueError) as error:
        raise ValueError("{}: cannot be read: {}".format(path, error))
    for key, kind in NEEDED.items():
        if not isinstance(settings.get(key), kind):
            raise ValueError("{}: {!r} is missing or not {}".format(path, key, kind.__name__))
    for key in ("gateway", "name"):
        if not wire.is_name(settings[key]):
            raise ValueError("{}: {} {!r}: 1 to 32 of a-z 0-9 _ -".format(path, key, settings[key]))
    try:
        settings["recipe"] = recipe.from_table(settings["features"])
    except ValueError as error:
        raise ValueError("{}: {}".format(path, error))
    return settings
