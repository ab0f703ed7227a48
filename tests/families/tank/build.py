"""Builds the tank family's .tflite files: `python tests/families/tank/build.py`, with --check to compare only."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "models"))  # for the builder that dense families share

import dense

dense.main(Path(__file__).parent)
