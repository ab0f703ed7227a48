"""Neighbours that joined by an invitation: files in the state directory, read with the settings as if they stood there.

The operator's file stays as it was written; a neighbour of the same name in it counts instead.
"""

import json
from dataclasses import asdict
from pathlib import Path

from reedmesh import atomic_file
from reedmesh.config import schema
from reedmesh.config.exchange import Neighbour
from reedmesh.errors import ConfigError

FOLDER = "neighbours"
MOST = 64


def save(state: Path, neighbour: Neighbour, certificate: str = "") -> None:
    """Keep a neighbour, and the certificate (PEM) that its broker shows."""
    folder = state / FOLDER
    told = asdict(neighbour)
    if certificate:
        atomic_file.write(folder / f"{neighbour.name}.crt", certificate.encode(), 0o600)
        told["ca"] = str(folder / f"{neighbour.name}.crt")
    lines = [f"{key} = {json.dumps(value)}" for key, value in told.items()]
    atomic_file.write(folder / f"{neighbour.name}.toml", ("\n".join(lines) + "\n").encode(), 0o600)


def remove(state: Path, name: str) -> bool:
    """Know a neighbour no more; returns whether it had joined."""
    path = state / FOLDER / f"{name}.toml"
    was = path.exists()
    for each in (path, path.with_suffix(".crt")):
        atomic_file.remove(each)
    return was


def load(state: Path) -> tuple[Neighbour, ...]:
    """Those that joined, by name; none where the folder is closed to us. Raises ConfigError for a damaged file."""
    try:
        paths = sorted((state / FOLDER).glob("*.toml"))
    except PermissionError:
        return ()
    if len(paths) > MOST:
        raise ConfigError(f"{state / FOLDER}: {len(paths)} neighbours, {MOST} are possible")
    return tuple(schema.read_file(Neighbour, path) for path in paths)
