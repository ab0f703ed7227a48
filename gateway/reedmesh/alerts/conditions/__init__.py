"""The conditions that raise alerts: a .toml for each, with its unit, priority and sentences; see `condition.py`.

A condition of a sensor that is more than its scores, its silence and its noise has a rule as well, in a .py of the same
name with a class `Rule`: it looks at what a gateway knows of the sensor once a second. To add a condition is to add its
two files.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Protocol

from reedmesh.alerts.seen import Seen
from reedmesh.alerts.standing import Finding


class Rule(Protocol):
    """Of one condition and one sensor."""

    def look(self, seen: Seen) -> Finding | None:
        """The finding while the condition holds; None while it does not. Called about once a second."""
        ...


@cache
def kinds() -> tuple[str, ...]:
    """The kinds of alerts that have a rule, in alphabetical order."""
    found = (each.name for each in files(__name__).iterdir() if each.name.endswith(".py"))
    return tuple(sorted(name[:-3] for name in found if name != "__init__.py"))


def rules() -> Mapping[str, Rule]:
    """New rules for one sensor, by kind."""
    return {kind: import_module(f"{__name__}.{kind}").Rule() for kind in kinds()}
