"""`reedmesh release new-key | sign`: packages of firmware are signed, on a machine that is no gateway."""

import argparse
import os
from pathlib import Path
from typing import Any

from reedmesh import atomic_file
from reedmesh.errors import ConfigError, WireError
from reedmesh.identity import keystore
from reedmesh.identity.keys import Key
from reedmesh.updates import firmware_packages, firmware_signature


def add(commands: Any, _: Path) -> None:
    """Add the command to the parser's."""
    verbs = commands.add_parser("release", help="sign firmware for sensors with a key that is on no gateway")
    under = verbs.add_subparsers(required=True, metavar="VERB")
    made = under.add_parser("new-key", help="make the key of releases; keep its file offline, and a copy of it")
    made.add_argument("file", type=Path, help="that the key goes to")
    made.set_defaults(run=new_key)
    signed = under.add_parser("sign", help="sign packages that `make update-sensors` made")
    signed.add_argument("packages", nargs="+", type=Path, help="one a processor; each is replaced by a signed one")
    signed.add_argument("--key", type=Path, required=True, help="what `reedmesh release new-key` made")
    signed.set_defaults(run=sign)


def new_key(chosen: argparse.Namespace) -> None:
    """Make the key, and print what gateways need to know of it."""
    if os.path.lexists(chosen.file):
        raise ConfigError(f"{chosen.file}: there is one; who replaces it must tell every gateway the new one")
    public = Key(keystore.secret(chosen.file)).public
    print(f"{chosen.file}: keep it on no gateway. In the settings of every gateway:")
    print(f'[firmware]\nsigner = "{public.hex()}"')


def sign(chosen: argparse.Namespace) -> None:
    """Replace each package by itself with a signature; raises ConfigError for what is no package."""
    if not chosen.key.exists():
        raise ConfigError(f"{chosen.key}: there is no such key: `reedmesh release new-key` makes one")
    key = Key(keystore.secret(chosen.key))
    for path in chosen.packages:
        package = firmware_packages.read(path)
        try:
            data = firmware_signature.sign(package.payload, key)
        except WireError as error:
            raise ConfigError(f"{path}: {error}") from error
        atomic_file.write(path, data, mode=0o644)
        print(f"{path}: firmware {package.sequence} for {package.code}, signed with {key.public.hex()}")
