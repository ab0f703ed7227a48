"""Checks of what gateways say in jobs, that several kinds share. Each raises WireError, naming what is wrong. Pure."""

from typing import Any

from reedmesh.errors import WireError
from reedmesh.jobs import trial
from reedmesh.protocol import recipe as recipes

MOST_VALUES = 64  # of a list
MOST_LEARNT = 100_000  # windows


def keys(arguments: dict[str, Any], wanted: set[str]) -> None:
    """Exactly the keys `wanted`."""
    if set(arguments) != wanted:
        raise WireError(f"arguments are {', '.join(sorted(wanted))}, not {', '.join(sorted(arguments))[:100]}")


def recipe(arguments: dict[str, Any]) -> None:
    """A recipe in `features`, as model.toml has it; `windows` to learn from, and the `part` that is judged."""
    table = arguments["features"]
    if not isinstance(table, dict):
        raise WireError("features: no table")
    try:
        recipes.from_table(table)
    except ValueError as error:
        raise WireError(str(error)[:200]) from error
    whole("windows", arguments["windows"], trial.LEAST, MOST_LEARNT)
    if arguments["part"] not in trial.PARTS:
        raise WireError(f"part: one of {', '.join(trial.PARTS)}")


def whole(name: str, value: object, low: int, high: int) -> None:
    """A whole number from `low` to `high`."""
    if type(value) is not int or not low <= value <= high:
        raise WireError(f"{name}: a whole number from {low} to {high}")


def numbers(name: str, values: object, low: float, high: float) -> None:
    """A list of 1 to MOST_VALUES numbers from `low` to `high`."""
    if not isinstance(values, list) or not 1 <= len(values) <= MOST_VALUES:
        raise WireError(f"{name}: a list of 1 to {MOST_VALUES} numbers")
    for value in values:
        if type(value) not in (int, float) or not low <= value <= high:
            raise WireError(f"{name}: numbers from {low:g} to {high:g}")


def rules(values: object) -> None:
    """A list of 1 to MOST_VALUES rules [on, of, off]."""
    if not isinstance(values, list) or not 1 <= len(values) <= MOST_VALUES:
        raise WireError(f"rules: a list of 1 to {MOST_VALUES} lists [on, of, off]")
    for rule in values:
        if not isinstance(rule, list) or len(rule) != 3:
            raise WireError("rules: each is [on, of, off]")
        whole("on", rule[0], 1, 64)
        whole("of", rule[1], rule[0], 64)
        whole("off", rule[2], 1, 3600)
