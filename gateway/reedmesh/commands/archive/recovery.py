"""`reedmesh archive restore`: a dead gateway's replacement, from its recovery code and one neighbour."""

import argparse
import base64
import binascii
import hashlib
import json
import secrets
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

from reedmesh import atomic_file
from reedmesh.archive import paper, sealed
from reedmesh.archive.paper import Paper, Place
from reedmesh.broker import acl
from reedmesh.commands import client, ownership, pinned
from reedmesh.config.hosts import Address
from reedmesh.config.settings import Config, Neighbour
from reedmesh.errors import ConfigError, RefusedError, WireError
from reedmesh.protocol.shards import MAX_LENGTH
from reedmesh.store import backup, database

RECOVERY = "recovery"  # in the state directory: public key and proof key of the code, see service/archiving.py
PATIENCE = 60.0  # seconds: the neighbour collects the object first


def new_code(settings: Config, most: int) -> str:
    """Make a recovery code that names up to `most` neighbours, and keep its public part; raises ConfigError."""
    if not settings.archive.megabytes:
        raise ConfigError("[archive] megabytes is 0: this gateway takes no part in the archive")
    places = [_place(each) for each in settings.neighbours if each.password or each.plain][:most]
    if not places:
        raise ConfigError("no neighbour to restore from: `reedmesh invite` and `reedmesh join` make one")
    made = Paper(settings.name, secrets.token_bytes(paper.SECRET), places)
    state = Path(settings.state)
    with ownership.as_owner(state):
        atomic_file.write(state / RECOVERY, made.public + made.proof)
    return paper.code(made)


def restore(chosen: argparse.Namespace) -> None:
    """Fetch the newest backup from a neighbour, open it, and put configuration and state in place."""
    it = paper.read(chosen.code or _typed())
    if chosen.target.exists():
        raise ConfigError(f"{chosen.target} exists: a gateway is set up here; move it away first")
    config, file, made = _fetched(it, chosen.older)
    state = _state_of(config, it.name)
    if (state / database.NAME).exists():
        raise ConfigError(f"{state} has the database of a gateway; move it away first")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "backup.tar"
        path.write_bytes(file)
        models = backup.rehearse(path)
        manifest = backup.restore(path, state)
    atomic_file.write(chosen.target.absolute(), config, 0o640)
    ownership.give_back(state)
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(made))
    print(f"gateway {manifest['gateway']} as of {when}: {models} models, {len(manifest['files'])} files in {state}")
    print(f"{chosen.target}: its configuration; secrets of systemd credentials are not in it")
    print("now: reedmesh doctor, then systemctl start reedmesh, at the address that sensors and neighbours know")


def _typed() -> str:
    print("recovery code, ended by an empty line:", file=sys.stderr)
    lines = []
    for line in sys.stdin:
        if not line.strip():
            break
        lines.append(line)
    return "".join(lines)


def _place(it: Neighbour) -> Place:
    """How a replacement reaches a neighbour."""
    host, port = it.nodes[0]
    certificate = hashlib.sha256(pinned.shown(host, port, it.name, it.ca)).digest() if it.ca else None
    return Place(it.name, host, port, it.password, certificate)


def _fetched(it: Paper, older: int) -> tuple[bytes, bytes, float]:
    """Configuration, backup file and its time, from the first neighbour that has them; raises ConfigError."""
    faults = []
    for place in it.places:
        try:
            with pinned.file_of(place.host, place.port, place.name, place.certificate) as ca:
                content, made = _content(it, place, str(ca or ""), older)
            opened = sealed.unseal(content, it.name, "backup", [it.opens])
            return *sealed.unpack_backup(opened, it.proof), made
        except (ConfigError, RefusedError, WireError) as error:
            faults.append(f"{place.name} at {place.host}:{place.port}: {error}")
    raise ConfigError("\n".join(faults) or "the code names no neighbour")


def _content(it: Paper, place: Place, ca: str, older: int) -> tuple[bytes, float]:
    """The sealed backup, piece by piece."""
    login = (acl.gateway_user(it.name), place.password)
    at = client.Place(place.name, [Address(place.host, place.port)], login, ca)
    found, told = b"", _piece(at, it.name, older, 0)
    size, first = told["bytes"], told
    while True:
        piece = base64.b64decode(told["piece"], validate=True)
        found += piece
        if len(found) >= size or not piece:
            break
        print(f"{len(found)} of {size} bytes", file=sys.stderr)
        told = _piece(at, it.name, older, len(found))
        if told["id"] != first["id"]:
            raise RefusedError("a newer backup came meanwhile: begin again")
    if hashlib.sha256(found).hexdigest() != first["sha256"]:
        raise RefusedError("the pieces do not make the object: begin again")
    return found, first["made"]


def _piece(at: client.Place, name: str, older: int, offset: int) -> dict[str, Any]:
    told = client.ask_at(at, acl.RECOVER, {"gateway": name, "older": older, "offset": offset}, PATIENCE)
    kinds = {"id": str, "made": int, "bytes": int, "sha256": str, "piece": str}
    if any(type(told.get(key)) is not kind for key, kind in kinds.items()) or not 0 < told["bytes"] <= MAX_LENGTH:
        raise RefusedError("the answer makes no sense")
    try:
        base64.b64decode(told["piece"], validate=True)
    except binascii.Error as error:
        raise RefusedError("the answer makes no sense") from error
    return told


def _state_of(config: bytes, name: str) -> Path:
    """The state directory that a configuration names; raises ConfigError."""
    try:
        found = tomllib.loads(config.decode())
        if found["name"] != name:
            raise ConfigError(f"the backup is of {found['name']!r}, the code of {name}")
        return Path(found["state"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"the configuration in the backup cannot be read: {json.dumps(str(error))}") from error
