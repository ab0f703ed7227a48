"""`reedmesh sensor-key` and `reedmesh update-sensors`."""

import argparse
from pathlib import Path
from typing import Any

from reedmesh.commands import broker
from reedmesh.config.firmware import signer_of
from reedmesh.config.settings import load_config
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.updates import firmware_packages


def add(commands: Any, default: Path) -> None:
    """Add both commands to the parser's."""
    key = commands.add_parser("sensor-key", help="print a sensor's key, made if it has none, for its config.json")
    key.add_argument("sensor", help="its name")
    key.add_argument("config", nargs="?", type=Path, default=default, help=f"default {default}")
    key.set_defaults(run=print_key, as_owner=True, after=broker.close_to_revoked)
    update = commands.add_parser("update-sensors", help="have this gateway give its sensors new firmware")
    update.add_argument("packages", nargs="+", type=Path, help="what `make update-sensors` made, one a processor")
    update.add_argument("--config", type=Path, default=default, help=f"default {default}")
    update.set_defaults(run=update_sensors)


def print_key(chosen: argparse.Namespace) -> None:
    """Print the key of a sensor, 64 hexadecimal digits."""
    print(SensorKeys(Path(load_config(chosen.config).state)).made_for(chosen.sensor).hex())


def update_sensors(chosen: argparse.Namespace) -> None:
    """Put firmware packages into the gateway's store; it offers them to its sensors."""
    settings = load_config(chosen.config)
    state, signer = Path(settings.state), signer_of(settings.firmware)
    for path in chosen.packages:
        taken = firmware_packages.put(path, state, signer)
        print(f"{path}: firmware {taken.sequence} for {taken.code}, {len(taken.payload)} bytes, goes to its sensors")
