"""The command: runs every check and prints the findings; the exit status is 0, 1 or 2."""

import argparse
import json
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reedmesh.commands.client import ask
from reedmesh.commands.doctor import cluster, host, line, service
from reedmesh.commands.doctor.archive import archive
from reedmesh.commands.doctor.finding import ERROR, GOOD, WARNING, Case, Check, Finding, error
from reedmesh.commands.doctor.language_model import language_model
from reedmesh.config.settings import load_config
from reedmesh.errors import ConfigError, ReedmeshError, RefusedError

PATIENCE = 5.0  # seconds that a running gateway has to answer
CHECKS: tuple[Check, ...] = (*host.CHECKS, *service.CHECKS, *cluster.CHECKS, language_model, *line.CHECKS, archive)
STATUS = {GOOD: 0, WARNING: 1, ERROR: 2}
MARKS = {GOOD: "    ok", WARNING: "  warn", ERROR: "ERROR"}


def add(commands: Any, default: Path) -> None:
    """Add the command to `commands`."""
    command = commands.add_parser(
        "doctor", help="what is wrong, and what to do; status 0: nothing, 1: warnings, 2: errors"
    )
    command.add_argument("--json", action="store_true", help="for programs")
    command.add_argument("config", nargs="?", type=Path, default=default, help=f"default {default}")
    command.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> int:
    found = examine(chosen.config, time.time())
    worst = max((STATUS[each.severity] for each in found), default=0)
    if chosen.json:
        print(json.dumps({"findings": [asdict(each) for each in found], "status": worst}, indent=1))
    else:
        print("\n".join(text for each in found for text in _lines(each)))
    return worst


def examine(path: Path, now: float) -> list[Finding]:
    """Everything that was found about the gateway with that settings file."""
    try:
        settings = load_config(path)
    except ConfigError as fault:
        return [
            error(each, "mend the settings; `reedmesh check-config` tells when they are good")
            for each in str(fault).splitlines()
        ]
    try:
        case = Case(path, settings, now, ask(settings, "status", {}, PATIENCE))
    except (RefusedError, ConfigError) as fault:
        case = Case(path, settings, now, None, str(fault))
    return [finding for check in CHECKS for finding in _safely(check, case)]


def faults(path: Path) -> list[str]:
    """Everything that is wrong with a settings file, and with the files it names, each with its remedy."""
    try:
        case = Case(path, load_config(path), time.time())
    except ConfigError as fault:
        return str(fault).splitlines()
    found = [each for check in (service.family, service.certificates) for each in check(case)]
    return [f"{path}: {each.what}; {each.remedy}" for each in found if each.severity == ERROR]


def _safely(check: Check, case: Case) -> Iterable[Finding]:
    """A check that fails must not hide what the others found."""
    try:
        return list(check(case))
    except (OSError, ValueError, LookupError, TypeError, ReedmeshError) as fault:
        return [error(f"{check.__name__} could not be checked: {fault!r}", "as root? else please tell us")]


def _lines(finding: Finding) -> list[str]:
    return [
        f"{MARKS[finding.severity]:>6}  {finding.what}",
        *([f"        -> {finding.remedy}"] if finding.remedy else []),
    ]
