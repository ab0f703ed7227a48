"""`make monitor [PORT=/dev/ttyUSB0]`: what a board prints, until Ctrl-]; Ctrl-C stops the program on it."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from reedmesh.errors import ConfigError
from tools import port


def main() -> int:
    """Show it; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", help="serial port; not needed when there is only one")
    try:
        place = port.chosen(parser.parse_args().port)
    except ConfigError as error:
        print(f"monitor: {error}", file=sys.stderr)
        return 2
    from serial.tools import miniterm

    sys.argv[1:] = []  # which it would read, too
    miniterm.main(default_port=place, default_baudrate=port.CONSOLE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
