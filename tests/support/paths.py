"""Where tests find the checkout, and the scripts and vectors that lie beside them."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
SCRIPTS = TESTS / "firmware" / "scripts"  # run by MicroPython
BOTH = TESTS / "firmware" / "both"  # run by both Pythons, which must print the same
FAKES = SCRIPTS / "fakes"  # chips, and the modules that a board has and a desktop lacks
VECTORS = TESTS / "vectors"
SCENARIOS = TESTS / "scenarios"
