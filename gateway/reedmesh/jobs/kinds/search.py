"""The job `search`: how one recipe does on a recording, with many thresholds and alert rules; see `jobs/trial.py`."""

from pathlib import Path
from typing import Any

from reedmesh.errors import WireError
from reedmesh.jobs import checks, trial
from reedmesh.protocol import recipe as recipes

DETERMINISTIC = True
MOST_SETTINGS = 256
COLUMNS = 6  # of a row


def about(arguments: dict[str, Any]) -> dict[str, Any]:
    """{"features", "windows", "part", "quantiles", "margins", "rules"}; rules: [on, of, off] each."""
    checks.keys(arguments, {"features", "windows", "part", "quantiles", "margins", "rules"})
    checks.recipe(arguments)
    checks.numbers("quantiles", arguments["quantiles"], 0.5, 1.0)
    checks.numbers("margins", arguments["margins"], 1.0, 100.0)
    checks.rules(arguments["rules"])
    count = len(arguments["quantiles"]) * len(arguments["margins"]) * len(arguments["rules"])
    checks.whole("settings", count, 1, MOST_SETTINGS)
    return arguments


def run(arguments: dict[str, Any], data: Path) -> dict[str, Any]:
    """As `trial.summary`."""
    given = arguments["quantiles"], arguments["margins"], arguments["rules"]
    recipe, chosen = recipes.from_table(arguments["features"]), list(trial.settings(*given))
    return trial.summary(trial.read(data), recipe, arguments["windows"], arguments["part"], chosen)


def check(result: dict[str, Any]) -> None:
    """Rows of whole numbers, and how many windows they are of."""
    checks.keys(result, {"rows", "pairs", "normal"})
    rows = result["rows"]
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_SETTINGS:
        raise WireError(f"rows: 1 to {MOST_SETTINGS}")
    for row in rows:
        if not isinstance(row, list) or len(row) != COLUMNS or not all(type(each) is int and each >= 0 for each in row):
            raise WireError(f"rows: each is {COLUMNS} whole numbers")
    checks.whole("pairs", result["pairs"], 1, 1 << 20)
    checks.whole("normal", result["normal"], 1, 1 << 30)
