"""`reedmesh parts label FILE`: labels from a CSV file, of a test bench or a person, to a running gateway."""

import argparse
import csv
import getpass
from itertools import groupby
from pathlib import Path
from typing import Any

from reedmesh.commands.client import ask
from reedmesh.config.settings import load_config
from reedmesh.errors import ConfigError
from reedmesh.protocol.verdict import MAX_NAME

TOGETHER = 40  # parts in one request, which has room for 4096 bytes
MOST_ROWS = 100_000
COLUMNS = "a column `label`, and `part`, or `boot` and `number`; `sensor` where --sensor is not given"
Row = tuple[str, str, dict[str, Any], int]  # sensor, label, which part, line of the file


def add(commands: Any, default: Path) -> None:
    """The arguments of `reedmesh parts`."""
    verbs = commands.add_parser("parts", help="label parts").add_subparsers(required=True, metavar="VERB")
    label = verbs.add_parser("label", help=f"label parts by a CSV file with {COLUMNS}")
    label.add_argument("file", type=Path, help="a CSV file with a head")
    label.add_argument("--sensor", default="", help="whose parts they are")
    label.add_argument("--by", default=getpass.getuser(), help="who says it; default the user's name")
    label.add_argument("config", nargs="?", type=Path, default=default, help=f"default {default}")
    label.set_defaults(run=_label)


def _label(chosen: argparse.Namespace) -> None:
    settings, totals = load_config(chosen.config), {"labelled": 0, "contradicted": 0, "unknown": 0}
    found = sorted(rows(chosen.file, chosen.sensor), key=lambda row: (row[0], row[1]))
    for (sensor, label), group in groupby(found, key=lambda row: (row[0], row[1])):
        mine = list(group)
        for some in [mine[at : at + TOGETHER] for at in range(0, len(mine), TOGETHER)]:
            given = {"sensor": sensor, "label": label, "by": chosen.by, "parts": [row[2] for row in some]}
            said = ask(settings, "label", given)
            totals["labelled"] += said["labelled"]
            totals["contradicted"] += len(said["contradicted"])
            for at in said["unknown"]:
                totals["unknown"] += 1
                print(f"{chosen.file}, line {some[at][3]}: {sensor} keeps no such part (any more)")
    print(f"{totals['labelled']} labels changed, {totals['contradicted']} of them contradict earlier ones")


def rows(path: Path, sensor: str) -> list[Row]:
    """What each line says; raises ConfigError, naming file, line and remedy, before anything is asked for."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            found = [_row(f"{path}, line {reader.line_num}", row, sensor, reader.line_num) for row in reader]
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: no CSV file in UTF-8: {error}") from error
    if len(found) > MOST_ROWS:
        raise ConfigError(f"{path}: {len(found)} lines, {MOST_ROWS} are the most")
    return found


def _row(where: str, row: dict[str, Any], sensor: str, line: int) -> Row:
    said = {str(key): value.strip() for key, value in row.items() if isinstance(value, str)}
    label, whose = said.get("label"), sensor or said.get("sensor", "")
    if label is None or not whose:
        raise ConfigError(f"{where}: needs {COLUMNS}")
    if len(label.encode()) > MAX_NAME:
        raise ConfigError(f"{where}: a label has at most {MAX_NAME} bytes")
    if part := said.get("part"):
        if len(part) > MAX_NAME or not part.isprintable():
            raise ConfigError(f"{where}: a part's number is printable text of at most {MAX_NAME} characters")
        return whose, label, {"part": part}, line
    try:
        return whose, label, {"boot": int(said["boot"]), "number": int(said["number"])}, line
    except (KeyError, ValueError) as error:
        raise ConfigError(f"{where}: needs {COLUMNS}") from error
