"""Builds the coldroom family's .tflite files: `python models/coldroom/build.py`, with --check to compare only."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the builder that dense families share

import dense

dense.main(Path(__file__).parent)
