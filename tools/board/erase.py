"""`make erase [PORT=/dev/ttyUSB0]`: a board becomes bare again: no MicroPython, no settings, no keys on it."""

import argparse
import sys

from reedmesh.errors import ConfigError
from reedmesh.provisioning import flash, serial_port


def main() -> int:
    """Erase one board; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", help="serial port; not needed when there is only one")
    parser.add_argument("--before", default="default-reset", help="how to reach the boot loader, as esptool has it")
    chosen = parser.parse_args()
    try:
        place = serial_port.chosen(chosen.port)
        flash.erase(place, chosen.before)
    except ConfigError as error:
        print(f"erase: {error}", file=sys.stderr)
        return 2
    print(f"{place}: bare; `make flash` makes a sensor of it again")
    return 0


if __name__ == "__main__":
    sys.exit(main())
