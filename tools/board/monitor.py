"""`make monitor [PORT=/dev/ttyUSB0]`: prints the output of a board until Ctrl-]; Ctrl-C stops its program."""

import argparse
import sys

from reedmesh.errors import ConfigError
from reedmesh.provisioning import serial_port


def main() -> int:
    """Show it; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", help="serial port; not needed when there is only one")
    try:
        place = serial_port.chosen(parser.parse_args().port)
    except ConfigError as error:
        print(f"monitor: {error}", file=sys.stderr)
        return 2
    serial_port.monitor(place)
    return 0


if __name__ == "__main__":
    sys.exit(main())
