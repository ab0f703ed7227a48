"""`reedmesh run` and `reedmesh check-config`."""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

from reedmesh.commands import doctor
from reedmesh.config.settings import Config, load_config
from reedmesh.errors import ConfigError


def add(commands: Any, default: Path) -> None:
    """Add both commands to the parser's."""
    run_ = commands.add_parser("run", help="run the gateway")
    check = commands.add_parser("check-config", help="say everything that is wrong with a config file")
    for command, work in ((run_, run), (check, check_config)):
        command.add_argument("config", nargs="?", type=Path, default=default, help=f"default {default}")
        command.set_defaults(run=work)
    check.add_argument("--json", action="store_true", help="for programs")


def run(chosen: argparse.Namespace) -> None:
    """Run the gateway until a signal ends it."""
    settings = load_config(chosen.config)
    from reedmesh.service import process  # LiteRT takes a moment to load; no other command needs it

    process.run(settings, partial(reread, chosen.config), chosen.config)


def reread(path: Path) -> Config:
    """Return the settings for a gateway that runs; raises ConfigError with all faults, down to the files they name."""
    if faults := doctor.faults(path):
        raise ConfigError("\n".join(faults))
    return load_config(path)


def check_config(chosen: argparse.Namespace) -> int:
    """Print what is wrong with the config; returns 2 if anything is, else 0."""
    faults = doctor.faults(chosen.config)
    if chosen.json:
        print(json.dumps({"file": str(chosen.config), "good": not faults, "faults": faults}, indent=1))
    elif faults:
        raise ConfigError("\n".join(faults))
    else:
        print(f"{chosen.config}: good")
    return 2 if faults else 0
