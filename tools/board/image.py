"""`make image BOARD=esp32 CONFIG=press3.json`: the file system of a sensor, into a file."""

import argparse
import sys
from pathlib import Path

from reedmesh.errors import ConfigError
from reedmesh.inference import boards
from reedmesh.provisioning.image import MIB, build, read_config
from tools.checkout import ROOT


def main() -> int:
    """Write an image file; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--board", default="esp32", help=f"one of {', '.join(boards.names())}")
    parser.add_argument("--config", type=Path, required=True, help="the sensor's config.json, see `make provision`")
    parser.add_argument("--model", type=Path, help="a first .tflite, if there is one yet")
    parser.add_argument("--flash", type=int, default=4, help="MiB of flash on the board, default 4")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "image.bin")
    chosen = parser.parse_args()
    try:
        board = boards.load(chosen.board)
        made = build(board, chosen.flash * MIB, read_config(chosen.config, board), chosen.model)
    except ConfigError as error:
        print(f"image: {error}", file=sys.stderr)
        return 2
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_bytes(made)
    print(f"{chosen.out}: {len(made)} bytes for 0x{board.image.files:x} of {board.name}'s flash of {chosen.flash} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
