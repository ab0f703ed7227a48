"""The man page, made from the parser: `python -m reedmesh.commands.manual` prints it, `make man` writes it."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from reedmesh.commands.parser import build, commands_of

INSTALLED = "/opt/reedmesh/bin"  # where `reedmesh install` puts programs


def page(parser: argparse.ArgumentParser) -> str:
    """Return reedmesh(1) in roff's man macros."""
    lines = ['.TH REEDMESH 1 "" "reedmesh" "User Commands"', ".SH NAME", "reedmesh \\- run and look after a gateway"]
    lines += [".SH SYNOPSIS", ".B reedmesh", "[OPTION] COMMAND [ARGUMENT ...]", ".SH DESCRIPTION"]
    lines += [_text(parser.description or ""), ".SH OPTIONS", *_arguments(parser), ".SH COMMANDS"]
    lines += [line for name, command in commands_of(parser).items() for line in _command(parser, name, command)]
    lines += [".SH EXIT STATUS", "0: done. 1: a failure. 2: a mistake in the arguments or in the configuration."]
    lines += [".SH FILES", ".I /etc/reedmesh/reedmesh.toml", "is the configuration unless another is named."]
    return "\n".join(lines) + "\n"


def _command(above: argparse.ArgumentParser, name: str, command: argparse.ArgumentParser) -> Iterator[str]:
    verbs = commands_of(command)
    yield f".SS {_text(command.prog)}"
    yield _text(_summary(above, name))
    if not verbs:
        yield from _arguments(command)
    for verb, each in verbs.items():
        yield from _command(command, verb, each)


def _summary(above: argparse.ArgumentParser, name: str) -> str:
    """Return the line of help that `above` has for a command. argparse has no public way to ask."""
    groups = [each for each in above._actions if isinstance(each, argparse._SubParsersAction)]
    return next((each.help or "" for each in groups[0]._choices_actions if each.dest == name), "")


def _arguments(parser: argparse.ArgumentParser) -> Iterator[str]:
    for each in parser._actions:
        if isinstance(each, argparse._SubParsersAction | argparse._HelpAction):
            continue
        names = ", ".join(each.option_strings) or str(each.metavar or each.dest)
        value = f" {each.metavar or each.dest.upper()}" if each.option_strings and each.nargs != 0 else ""
        yield from (".TP", f".B {_text(names + value)}", _text(each.help or ""))


def _text(text: str) -> str:
    """Return `text` for roff: no line begins a macro, a backslash and a hyphen are themselves."""
    here = str(Path(sys.executable).parent)  # a default that is another path on each machine
    plain = text.replace(here, INSTALLED).replace("%%", "%").replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain


if __name__ == "__main__":
    sys.stdout.write(page(build()))
