"""What this sensor was told when it was provisioned: `config.json` in its file system.

{"gateway": "hall1", "name": "fan-1", "board": "unix",
 "broker": {"host": "192.168.1.10", "port": 8883, "ca": "MIIB... base64 of DER"},
 "sensor": {"driver": "replay", "axes": 3, "rate_hz": 200, "lsb_per_g": 4096},
 "features": {"version": 1, "samples": 200, "axes": 3, "bands": 20},
 "model_bytes": 16384}

Slow variables: "sensor": {"driver": "adc", "rate_hz": 1, "lsb_per_g": 0, "axes": 2, "channels": [
  {"name": "pressure", "pin": 34, "low": 7944, "high": 39719}, {"name": "flow", "pin": 35, "low": 7944, "high": 39719}]}
with "features" of kind "trend". low and high are steps of the converter; see `drivers/adc.py`.

"others" in "broker" are further nodes of a broker cluster, such as [["192.168.1.11", 8883]]: see `net/mqtt.py`.

"ca" is the certificate of the site's authority, or the broker's own: the link is TLS then. With "psk": true it is TLS
by the sensor's own key, which takes no certificate and no clock, but MicroPython 1.29. With neither, "broker" must say
"plain": true, for a network nobody else is on.

A sensor on a wire has "serial": {"uart": 1, "baud": 115200} instead of "broker", with "tx" and "rx" where the pins are
not the board's own. "key", 64 hexadecimal digits as `reedmesh sensor-key` prints them, is optional: a sensor that has
one takes no model without its seal, and logs in at the broker with a password derived from it. "ntp", the address of a
time server with or without a port, is the broker's machine unless it is given.
"""

import json

from protocol import recipe, wire

NEEDED = {
    "gateway": str,
    "name": str,
    "board": str,
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
    if not isinstance(settings, dict):
        raise ValueError("{}: not an object".format(path))
    for key, kind in NEEDED.items():
        if not isinstance(settings.get(key), kind):
            raise ValueError("{}: {!r} is missing or not {}".format(path, key, kind.__name__))
    _check_link(path, settings)
    if "key" in settings:
        settings["key"] = _key(path, settings["key"])
    for key in ("gateway", "name"):
        if not wire.is_name(settings[key]):
            raise ValueError("{}: {} {!r}: 1 to 32 of a-z 0-9 _ -".format(path, key, settings[key]))
    try:
        settings["recipe"] = recipe.from_table(settings["features"])
    except ValueError as error:
        raise ValueError("{}: {}".format(path, error))
    return settings


def _check_link(path: str, settings: dict) -> None:
    """Raise ValueError unless the settings say one way, and all of it, to the gateway."""
    if (settings.get("broker") is None) == (settings.get("serial") is None):
        raise ValueError("{}: one of 'broker' and 'serial' is needed, and not both".format(path))
    broker, serial = settings.get("broker"), settings.get("serial")
    if broker is not None and not _has(broker, {"host": str, "port": int}):
        raise ValueError("{}: 'broker' needs a host and a port".format(path))
    if broker is not None and not isinstance(broker.get("ca"), str) and not _is_set(broker, "psk", "plain"):
        raise ValueError("{}: 'broker' has no 'ca', no 'psk', and no 'plain' for an isolated network".format(path))
    if broker is not None and _is_set(broker, "psk") and "key" not in settings:
        raise ValueError("{}: 'psk' needs a 'key'".format(path))
    if serial is not None and not (_has(serial, {"uart": int, "baud": int}) or _has(serial, {"port": str})):
        raise ValueError("{}: 'serial' needs uart and baud, or a port".format(path))


def _is_set(table: dict, *keys: str) -> bool:
    return any(table.get(key) is True for key in keys)


def _has(table: dict, kinds: dict) -> bool:
    return isinstance(table, dict) and all(isinstance(table.get(key), kind) for key, kind in kinds.items())


def _key(path: str, digits) -> bytes:
    try:
        key = bytes.fromhex(digits)
    except (TypeError, ValueError):
        key = b""
    if len(key) != 32:
        raise ValueError("{}: key: 64 hexadecimal digits are needed".format(path))
    return key
