"""`make check-model MODEL=x.tflite BOARD=esp32`: whether a model runs on a board, what it takes and about how long."""

import sys

from reedmesh.__main__ import main

if __name__ == "__main__":
    sys.exit(main(["check-model", *sys.argv[1:]]))
