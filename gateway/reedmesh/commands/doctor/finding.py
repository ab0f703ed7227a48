"""A finding of a check, and the case that checks examine."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reedmesh.config.settings import Config

GOOD, WARNING, ERROR = "good", "warning", "error"


@dataclass(frozen=True)
class Finding:
    """what: one line. remedy: what to do, "" where nothing has to be done."""

    severity: str
    what: str
    remedy: str = ""


@dataclass(frozen=True)
class Case:
    """The case that checks examine. vitals: status of the running gateway, None without an answer; why: the reason."""

    path: Path
    config: Config
    now: float
    vitals: dict[str, Any] | None = None
    why: str = ""
    state: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", Path(self.config.state))


Check = Callable[[Case], Iterable[Finding]]


def good(what: str) -> Finding:
    """Nothing to do."""
    return Finding(GOOD, what)


def warning(what: str, remedy: str) -> Finding:
    """Something to do by day."""
    return Finding(WARNING, what, remedy)


def error(what: str, remedy: str) -> Finding:
    """Something to do now: the line is not watched as it should be."""
    return Finding(ERROR, what, remedy)
