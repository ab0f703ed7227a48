"""A family with other settings, written as a folder of its own: the family's model.toml with other values. Pure but for
the writing.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from reedmesh import atomic_file
from reedmesh.errors import ConfigError
from reedmesh.inference.family import FILES, Plan, load_family
from reedmesh.jobs.tuning import Chosen

Values = dict[tuple[str, str], int | float | str]  # by table ("" for none) and key


def values(plan: Plan, chosen: Chosen, name: str) -> Values:
    """What model.toml must say for `chosen`, where that is not what it says."""
    it, features = chosen.setting, chosen.trial.features
    found: Values = {("features", key): value for key, value in features.items() if key not in ("kind", "version")}
    found |= {("training", "windows"): chosen.trial.windows, ("", "name"): name}
    found |= {("sums", "quantile"): it.quantile, ("sums", "margin"): it.margin}
    if (it.on, it.of) != (plan.alerts.on, plan.alerts.of):
        found |= {("alerts", "on"): it.on, ("alerts", "of"): it.of}
    return found


def rewritten(text: str, wanted: Mapping[tuple[str, str], int | float | str], head: str) -> str:
    """The text of a model.toml with those values, its comments kept, and lines of `head` before it.

    >>> print(rewritten('name = "a"\\n[sums]\\nmargin = 1.8  # times that\\n', {("sums", "margin"): 2.0}, "Tuned."))
    # Tuned.
    name = "a"
    [sums]
    margin = 2.0  # times that
    <BLANKLINE>
    """
    left, lines, table = dict(wanted), [f"# {line}" for line in head.splitlines()], ""
    for line in text.splitlines():
        if began := re.fullmatch(r"\[([a-z]+)\]\s*(#.*)?", line):
            lines += _rest(left, table)
            table = began[1]
        elif (said := re.match(r"([a-z_]+) *= *(\"[^\"]*\"|[^#\s]+)", line)) and (table, said[1]) in left:
            line = f"{said[1]} = {json.dumps(left.pop((table, said[1])))}{line[said.end() :]}"
        lines.append(line)
    lines += _rest(left, table)
    for each in dict.fromkeys(table for table, _ in left):
        lines += ["", f"[{each}]", *_rest(left, each)]
    return "\n".join(lines) + "\n"


def _rest(left: dict[tuple[str, str], int | float | str], table: str) -> list[str]:
    """Lines for the keys of a table that its text does not have."""
    keys = [key for of, key in left if of == table]
    return [f"{key} = {json.dumps(left.pop((table, key)))}" for key in keys]


def write(source: Path, folder: Path, plan: Plan, chosen: Chosen, head: str) -> Path:
    """Write the family to `folder`, which gives it its name; returns the path of its model.toml.

    Raises ConfigError for a folder that has another model.toml, or a family that needs files to be built.
    """
    file = folder / "model.toml"
    if file.exists() and not file.read_text().startswith(f"# {head.splitlines()[0]}"):
        raise ConfigError(f"{file}: is another family's: say --out with a new folder")
    if any((folder / each).exists() for each in FILES):
        raise ConfigError(f"{folder}: has models of another family: say --out with a new folder")
    text = rewritten((source / "model.toml").read_text(), values(plan, chosen, folder.resolve().name), head)
    atomic_file.write(file, text.encode(), 0o644)
    load_family(folder)
    return file
