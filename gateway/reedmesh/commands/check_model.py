"""`reedmesh check-model`: whether a .tflite file runs on a sensor's board, and about how fast."""

import argparse
from pathlib import Path
from typing import Any

from reedmesh.errors import ConfigError
from reedmesh.inference import boards, compatibility
from reedmesh.provisioning import engine


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    model = commands.add_parser("check-model", help="whether a .tflite runs on a sensor's board, and how fast")
    model.add_argument("model", type=Path)
    model.add_argument("--board", default="esp32", help="a file of boards/, default esp32")
    model.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Print the report; returns 0 if the model runs on the board, else 1."""
    known = boards.load(chosen.board)
    try:
        report = compatibility.check(chosen.model.read_bytes(), chosen.model.name)
    except OSError as e:
        raise ConfigError(f"{chosen.model}: {e.strerror}") from e
    print("\n".join(report.lines(known)))
    _, refused = engine.loads(chosen.model)
    if refused and not report.refused():
        print(f"refused    {refused}")
    return 0 if report.runs(known) and not refused else 1
