"""The kinds of jobs, one file for each: no other code is ever run, and no code travels.

A file has

    DETERMINISTIC            the same arguments and data give the same bytes on every processor
    about(arguments)         the arguments, checked; raises WireError, naming what is wrong
    run(arguments, data)     the result, a table for JSON; in a process of its own, with limits
    check(result)            raises WireError for a table that cannot be a result

`arguments` is what came as JSON, `data` the file with the bytes that the job names. What DeployError, ConfigError or
WireError say in `run` is the result, too: they say the same everywhere, but for the name of the file.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from reedmesh.errors import ConfigError, DeployError, WireError
from reedmesh.jobs.frames import MOST_RESULT
from reedmesh.json_object import read_json
from reedmesh.learning.audit import program

Table = dict[str, Any]
PACKAGES = ("jobs", "learning", "inference", "protocol", "recordings", "alerts")  # decide what a job comes to


@dataclass(frozen=True)
class Kind:
    """As the head of this file says."""

    name: str
    deterministic: bool
    about: Callable[[Table], Table]
    run: Callable[[Table, Path], Table]
    check: Callable[[Table], None]

    def done(self, arguments: Table, data: Path) -> bytes:
        """The bytes of the result."""
        try:
            told = self.run(self.about(arguments), data)
        except (ConfigError, DeployError, WireError) as error:
            return failure(str(error).replace(str(data), "the data"))
        return packed(told)

    def read(self, result: bytes) -> Table:
        """The table in a result; raises WireError for one that cannot be of this kind."""
        told = read_json(result, MOST_RESULT)
        if set(told) != {"error"}:
            self.check(told)
        return told


def names() -> list[str]:
    """Of all kinds."""
    return sorted(each.name for each in iter_modules(__path__))


@cache
def find(name: str) -> Kind:
    """The kind with that name; raises WireError when there is none."""
    if name not in names():
        raise WireError(f"no kind of job {name[:20]!r}: there are {', '.join(names())}")
    it = import_module(f"{__name__}.{name}")
    return Kind(name, it.DETERMINISTIC, it.about, it.run, it.check)


def packed(told: Table) -> bytes:
    """A table as the bytes of a result: the same table gives the same bytes."""
    return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


def failure(reason: str) -> bytes:
    """The result of a job that cannot be done."""
    return packed({"error": reason[:500]})


def code() -> str:
    """16 hex digits of the program: gateways do jobs for each other only where theirs are the same."""
    return program(PACKAGES).hex()[:16]
