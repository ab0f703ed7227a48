"""`make provision NAME=press3 GATEWAY=hall1 HOST=192.168.1.10`: writes the config.json that a sensor is flashed with.

KEY is what `reedmesh sensor-key NAME` prints on the gateway; with it the sensor takes only that gateway's models. With
PORT= the sensor on that port gets the settings at once, over its serial line: models and firmware on it stay.
`reedmesh sensor add` does this and the rest on the gateway itself.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from reedmesh.errors import ConfigError
from reedmesh.provisioning import flash, image, remote, sensor_settings, serial_port
from tools.checkout import ROOT


def main() -> int:
    """Write the file; returns the exit status."""
    chosen = arguments()
    try:
        print(_provision(chosen))
    except ConfigError as error:
        print(f"provision: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nprovision: stopped", file=sys.stderr)
        return 130
    return 0


def _provision(chosen: argparse.Namespace) -> str:
    """What to tell and do next; raises ConfigError."""
    if chosen.config:
        return f"{_hand_over(chosen.config, chosen)}\n{_next(image.read_config(chosen.config))}"
    made = sensor_settings.settings(chosen)
    out = chosen.out or ROOT / "build" / "sensors" / f"{chosen.name}.json"
    sensor_settings.save(made, out)
    said = _hand_over(out, chosen) if chosen.port else f"now: make flash BOARD={chosen.board} CONFIG={out}"
    return f"{out}\n{said}\n{_next(made)}".strip()


def _hand_over(config: Path, chosen: argparse.Namespace) -> str:
    """Put the settings on the sensor at the port; returns its first words with them."""
    place = serial_port.chosen(chosen.port)
    remote.put_settings(place, config, image.read_config(config)["board"])
    if chosen.wait:
        return flash.first_hello(place, start=remote.RESTART)
    remote.restart(place)
    return f"{place}: has its settings"


def _next(made: dict[str, Any]) -> str:
    """What is to be done on the gateway."""
    hints = []
    if "serial" in made:
        hints.append(f'in the gateway\'s config: [[serial]] with port = "/dev/..." and baud = {made["serial"]["baud"]}')
    if "key" not in made:
        open_door = "no KEY: whoever reaches the broker can offer it models. On the gateway:"
        hints.append(f"{open_door} reedmesh sensor-key {made['name']}")
    if made.get("broker", {}).get("psk"):
        hints.append(f"PSK=1 needs MicroPython 1.29; boards/{made['board']}.toml says which image is flashed")
    return "\n".join(hints)


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """What was asked for: on the command line, unless it is `given`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sensor_settings.add_options(parser)
    parser.add_argument("--name", help="of the sensor, 1 to 32 of a-z 0-9 _ -")
    parser.add_argument("--gateway", help="`name` in the gateway's config")
    parser.add_argument("--family", default="vibration", help="of the models it will run")
    parser.add_argument("--key", help="64 digits that `reedmesh sensor-key` prints on the gateway")
    parser.add_argument("--out", type=Path, help="default build/sensors/NAME.json")
    parser.add_argument("--port", help="serial port of a sensor that is to have the settings at once")
    parser.add_argument("--config", type=Path, help="settings that were made before, for the sensor on a port")
    parser.add_argument("--no-wait", dest="wait", action="store_false", help="do not wait for the sensor's hello")
    chosen = parser.parse_args(given)
    if not chosen.config and not (chosen.name and chosen.gateway):
        parser.error("NAME= and GATEWAY= are needed, or CONFIG= and PORT=")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
