"""The command line: `reedmesh --help` lists the commands; each has a file in commands/."""

import argparse
import os
import sys
from contextlib import nullcontext
from pathlib import Path

from reedmesh import dashboard
from reedmesh.commands import ownership, run
from reedmesh.commands.parser import build
from reedmesh.config.settings import load_config
from reedmesh.errors import ConfigError, ReedmeshError
from reedmesh.service import journal, systemd


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 for a failure, 2 for what the operator can mend."""
    parser = build()
    _complete(parser)
    chosen = parser.parse_args(arguments)
    journal.set_up(chosen.verbose)
    try:
        with ownership.as_owner(_owned(chosen)) if getattr(chosen, "as_owner", False) else nullcontext():
            done = int(chosen.run(chosen) or 0)
        if after := getattr(chosen, "after", None):
            after(chosen)
        if getattr(chosen, "config", None) and chosen.run not in (run.run, dashboard.main):
            ownership.give_back(Path(load_config(chosen.config).state))
        return done
    except ReedmeshError as error:
        systemd.ServiceNotifier().status(str(error).splitlines()[0])
        if chosen.verbose:
            raise
        print("\n".join(f"reedmesh: {line}" for line in str(error).splitlines()), file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        return 130


def _complete(parser: argparse.ArgumentParser) -> None:
    """Answer the shell that wants to complete a command; `eval "$(register-python-argcomplete reedmesh)"` asks."""
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)


def _owned(chosen: argparse.Namespace) -> Path:
    """Return the state directory whose owner a command becomes."""
    return Path(load_config(chosen.config).state)


if __name__ == "__main__":
    sys.exit(main())
