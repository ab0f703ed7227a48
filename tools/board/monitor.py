"""`make monitor [PORT=/dev/ttyUSB0]`: what a board prints, until Ctrl-]; Ctrl-C stops the program on it."""

import argparse
import sys

from reedmesh.errors import ConfigError
from tools.board import serial_port


def main() -> int:
    """Show it; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", help="serial port; not needed when there is only one")
    try:
        place = serial_port.chosen(parser.parse_args().port)
    except ConfigError as error:
        print(f"monitor: {error}", file=sys.stderr)
        return 2
    from serial.tools import miniterm

    sys.argv[1:] = []  # which it would read, too
    miniterm.main(default_port=place, default_baudrate=serial_port.CONSOLE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
