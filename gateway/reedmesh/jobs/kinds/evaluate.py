"""The job `evaluate`: how one setting of a family does on a recording, fault by fault; see `jobs/trial.py`."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from reedmesh.errors import WireError
from reedmesh.jobs import checks, trial
from reedmesh.protocol import recipe as recipes

DETERMINISTIC = True
MOST_ROWS = 400
LISTS = {"faults": trial.Count, "normal": trial.Calm}


def about(arguments: dict[str, Any]) -> dict[str, Any]:
    """{"features", "windows", "part", "quantile", "margin", "rule"}; rule: [on, of, off]."""
    checks.keys(arguments, {"features", "windows", "part", "quantile", "margin", "rule"})
    checks.recipe(arguments)
    checks.numbers("quantile", [arguments["quantile"]], 0.5, 1.0)
    checks.numbers("margin", [arguments["margin"]], 1.0, 100.0)
    checks.rules([arguments["rule"]])
    return arguments


def run(arguments: dict[str, Any], data: Path) -> dict[str, Any]:
    """Faults and normal windows of each machine, as `trial.Count` and `trial.Calm`."""
    recipe = recipes.from_table(arguments["features"])
    setting = trial.Setting(arguments["quantile"], arguments["margin"], *arguments["rule"])
    found = trial.machines(trial.read(data), recipe, arguments["windows"], arguments["part"])
    told = [trial.judged(trial.scored(machine, recipe), setting) for machine in found]
    faults = [asdict(each) for counts, _ in told for each in counts]
    return {"faults": faults[:MOST_ROWS], "normal": [asdict(calm) for _, calm in told][:MOST_ROWS]}


def check(result: dict[str, Any]) -> None:
    """Two lists of what the classes of `trial.py` hold."""
    checks.keys(result, set(LISTS))
    for key, cls in LISTS.items():
        if not isinstance(result[key], list) or len(result[key]) > MOST_ROWS:
            raise WireError(f"{key}: a list of at most {MOST_ROWS}")
        for each in result[key]:
            _check_row(key, each, cls.__annotations__)


def _check_row(key: str, row: object, types: dict[str, type]) -> None:
    if not isinstance(row, dict) or set(row) != set(types):
        raise WireError(f"{key}: each has {', '.join(types)}")
    if not all(type(value) is types[name] for name, value in row.items()):
        raise WireError(f"{key}: texts and whole numbers")
