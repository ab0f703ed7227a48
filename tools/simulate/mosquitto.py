"""A mosquitto for each gateway of a simulated line, with the access list of a factory."""

import getpass
import shutil
import subprocess
from pathlib import Path

from reedmesh.commands import broker
from reedmesh.config.settings import load_config

PLACES = "/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin:/opt/homebrew/sbin"  # a user's PATH often lacks sbin


def program() -> Path | None:
    """The mosquitto that is installed on this machine, if there is one."""
    found = shutil.which("mosquitto", path=PLACES)
    return Path(found) if found else None


def write(folder: Path) -> Path:
    """Write what `reedmesh acl write` writes for the gateway in `folder`; returns the path of mosquitto.conf."""
    made = folder / "mosquitto"
    broker.write(load_config(folder / "reedmesh.toml"), made)
    config = made / "mosquitto.conf"
    # Started by root it would become user mosquitto, who may not read these files.
    config.write_text(config.read_text() + f"user {getpass.getuser()}\n")
    return config


def start(found: Path, folder: Path) -> "subprocess.Popen[bytes]":
    """Run the mosquitto at `found` as the broker of the gateway in `folder`; SIGHUP makes it read its lists again."""
    with (folder / "mosquitto.log").open("wb") as log:
        return subprocess.Popen([str(found), "-c", str(write(folder))], stderr=log, start_new_session=True)
