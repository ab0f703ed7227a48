"""`reedmesh backup` and `reedmesh restore`: all that matters of a gateway in one file, and back."""

import argparse
import time
from pathlib import Path
from typing import Any

from reedmesh.config.settings import load_config
from reedmesh.store import backup


def add(commands: Any, default: Path) -> None:
    """The commands' arguments."""
    backup = commands.add_parser("backup", help="copy database, keys and trust to one new file, also while it runs")
    backup.add_argument("target", type=Path, metavar="FILE")
    backup.add_argument("--without-keys", action="store_true", help="for a place that others can read")
    backup.set_defaults(run=_backup)
    restore = commands.add_parser("restore", help="put a backup in place; the gateway must not run")
    restore.add_argument("file", type=Path, metavar="FILE")
    restore.add_argument("--check", action="store_true", help="only say whether it is whole and could be put in place")
    restore.set_defaults(run=_restore)
    for each in (backup, restore):
        each.add_argument("config", nargs="?", type=Path, default=default, help=f"default {default}")


def _backup(chosen: argparse.Namespace) -> None:
    settings = load_config(chosen.config)
    manifest = backup.make(chosen.target, Path(settings.state), settings.name, secrets=not chosen.without_keys)
    keys = "without keys" if chosen.without_keys else "with private keys: keep it as you keep those"
    print(f"{chosen.target}: {chosen.target.stat().st_size} bytes, {len(manifest['files'])} files, {keys}")


def _restore(chosen: argparse.Namespace) -> None:
    models = backup.rehearse(chosen.file)
    state = Path(load_config(chosen.config).state)
    manifest = backup.verify(chosen.file) if chosen.check else backup.restore(chosen.file, state)
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(manifest["made"]))
    done = "is whole" if chosen.check else f"is in {state}; revocations since then stay"
    print(f"{chosen.file}: of gateway {manifest['gateway']}, {made}, {models} models, {done}")
