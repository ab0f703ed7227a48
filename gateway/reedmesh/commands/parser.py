"""The parser of the command line: all commands, and a hint at the nearest one when a name was mistyped."""

import argparse
import difflib
import re
from pathlib import Path
from typing import Any, NoReturn

from reedmesh import __version__, dashboard
from reedmesh.commands import (
    alerts,
    archive,
    assistant,
    authority,
    backup,
    broker,
    check_model,
    cluster,
    doctor,
    init,
    install,
    join,
    keys,
    learning,
    parts,
    record,
    recordings,
    release,
    run,
    search,
    sensor,
    sensors,
    status,
)
from reedmesh.commands.provenance import audit, credit, ledger, passport, prove

DEFAULT_CONFIG = Path("/etc/reedmesh/reedmesh.toml")


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that names the nearest command or option, and takes a config file after options, too."""

    def error(self, message: str) -> NoReturn:
        """As of ArgumentParser, with a hint; exits with status 2."""
        super().error(message + hint(message, options(self)))

    def _match_arguments_partial(self, actions: Any, arg_strings_pattern: str) -> list[int]:
        """Leave an optional argument for later while options follow: Python before 3.12.7 takes it for missing."""
        counts: list[int] = super()._match_arguments_partial(actions, arg_strings_pattern)
        while counts and not counts[-1] and "O" in arg_strings_pattern:
            counts.pop()
        return counts


def build() -> Parser:
    """Return the parser of `reedmesh` with all of its commands."""
    parser = Parser(prog="reedmesh", description="A gateway of a line whose sensors judge themselves.")
    parser.add_argument("--verbose", "-v", action="store_true", help="say more, and show where an error came from")
    parser.add_argument("--version", action="version", version=f"reedmesh {__version__}", help="print the version")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    init.add(commands, DEFAULT_CONFIG)
    run.add(commands, DEFAULT_CONFIG)
    sensor.add(commands, DEFAULT_CONFIG)
    sensors.add(commands, DEFAULT_CONFIG)
    join.add(commands, DEFAULT_CONFIG)
    release.add(commands, DEFAULT_CONFIG)
    keys.add_keys(commands, DEFAULT_CONFIG)
    keys.add_sensors(commands, DEFAULT_CONFIG)
    alerts.add(commands, DEFAULT_CONFIG)
    parts.add(commands, DEFAULT_CONFIG)
    assistant.add(commands, DEFAULT_CONFIG)
    learning.add(commands, DEFAULT_CONFIG)
    passport.add(commands, DEFAULT_CONFIG)
    prove.add(commands, DEFAULT_CONFIG)
    audit.add(commands, DEFAULT_CONFIG)
    authority.add(commands)
    credit.add(commands, DEFAULT_CONFIG)
    ledger.add(commands, DEFAULT_CONFIG)
    status.add(commands, DEFAULT_CONFIG)
    doctor.add(commands, DEFAULT_CONFIG)
    backup.add(commands, DEFAULT_CONFIG)
    archive.add(commands, DEFAULT_CONFIG)
    broker.add_acl(commands, DEFAULT_CONFIG)
    broker.add_pki(commands, DEFAULT_CONFIG)
    cluster.add(commands, DEFAULT_CONFIG)
    recordings.add(commands)
    record.add(commands, DEFAULT_CONFIG)
    search.add(commands, DEFAULT_CONFIG)
    install.add(commands)
    check_model.add(commands)
    _add_dashboard(commands)
    commands.add_parser("version", help="print the version").set_defaults(run=lambda _: print(__version__))
    return parser


def _add_dashboard(commands: Any) -> None:
    page = commands.add_parser("dashboard", help="serve the web page of one or more gateways")
    dashboard.add_arguments(page)
    page.set_defaults(run=dashboard.main)
    user = commands.add_parser("dashboard-user", help="print a login of the web page, for its config file")
    dashboard.add_user_arguments(user)
    user.set_defaults(run=dashboard.print_user)


def hint(message: str, known: list[str]) -> str:
    """Return "; did you mean ...?" for a message of argparse that names something unknown, else "".

    known: the options there are; commands are in the message itself.

    >>> hint("argument COMMAND: invalid choice: 'stauts' (choose from 'run', 'status')", [])
    "; did you mean 'status'?"
    >>> hint("unrecognized arguments: --jsno", ["--json", "--help"])
    "; did you mean '--json'?"
    """
    if choice := re.search(r"invalid choice: '?([^' ]*)'? \(choose from (.*)\)", message):
        word, known = choice[1], re.findall(r"[\w.-]+", choice[2])
    elif option := re.search(r"unrecognized arguments: .*?(--[\w-]+)", message):
        word = option[1]
    else:
        return ""
    near = difflib.get_close_matches(word, known, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the commands of a parser, or the verbs of a command, by name. argparse has no public way to ask."""
    found = [each.choices for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    return dict(found[0]) if found else {}


def options(parser: argparse.ArgumentParser) -> list[str]:
    """Return the long options of a parser and of all of its commands."""
    own = [name for each in parser._actions for name in each.option_strings if name.startswith("--")]
    return sorted({*own, *(name for each in commands_of(parser).values() for name in options(each))})
