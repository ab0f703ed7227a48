"""`make flash BOARD=esp32 CONFIG=press3.json [PORT=/dev/ttyUSB0]`: from a bare board to a sensor that says hello."""

import argparse
import sys
from pathlib import Path

from reedmesh.errors import ConfigError
from reedmesh.inference import boards
from reedmesh.provisioning import flash, image, serial_port


def main() -> int:
    """Flash one board; returns the exit status."""
    chosen = _arguments()
    try:
        print(f"{_flash(chosen)}\nDone. On the gateway it now stands as learning; `make monitor` shows what it prints.")
    except (ConfigError, OSError) as error:
        print(f"flash: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("flash: stopped", file=sys.stderr)
        return 130
    return 0


def _flash(chosen: argparse.Namespace) -> str:
    """What the board said at last; raises ConfigError."""
    board = boards.load(chosen.board)
    config = image.read_config(chosen.config, board)
    port = serial_port.chosen(chosen.port)
    firmware = flash.micropython(board, chosen.firmware)
    if doubt := flash.in_doubt(board, config):
        print(f"flash: {doubt}", end="", file=sys.stderr)
    flash.flash(port, board, firmware, config, chosen.model, reset=chosen.before)
    if not chosen.wait:
        return f"{port}: written and verified"
    print(f"{port}: written and verified; waiting until {config['name']} said hello and was heard")
    return flash.first_hello(port, heard=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--board", default="esp32", help=f"one of {', '.join(boards.names())}")
    parser.add_argument("--port", help="serial port; not needed when there is only one")
    parser.add_argument("--config", type=Path, required=True, help="the sensor's config.json, see `make provision`")
    parser.add_argument("--model", type=Path, help="a first .tflite, if there is one yet")
    parser.add_argument("--firmware", type=Path, help="a MicroPython image, instead of the official one")
    parser.add_argument("--before", default="default-reset", help="how to reach the boot loader, as esptool has it")
    parser.add_argument("--no-wait", dest="wait", action="store_false", help="do not wait for the sensor's hello")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
