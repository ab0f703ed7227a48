"""`reedmesh passport SENSOR|DIGEST|FILE`: the content and the origin of a model, and a check of its signature."""

import argparse
import json
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from reedmesh.config.settings import Config, load_config
from reedmesh.errors import ConfigError, DeployError, WireError
from reedmesh.identity import keystore
from reedmesh.inference import families
from reedmesh.provenance import passport
from reedmesh.provenance.passport import Passport
from reedmesh.store import database
from reedmesh.store.models import StoredModel

DIGITS = 8  # of a digest, at least


def add(commands: Any, default: Path) -> None:
    """The command's arguments."""
    show = commands.add_parser("passport", help="what a model is and was made of, and whether that is to be believed")
    show.add_argument("what", metavar="SENSOR|DIGEST|FILE", help="whose model, its SHA-256, a .tflite or a passport")
    show.add_argument("--json", action="store_true", help="the signed passport itself: in-toto in DSSE")
    show.add_argument("config", nargs="?", type=Path, default=default, help=f"default {default}")
    show.set_defaults(run=_show)


def _show(chosen: argparse.Namespace) -> None:
    settings = load_config(chosen.config)
    path = Path(chosen.what)
    content = _content(path) if path.is_file() else b""
    if content and content[4:8] != b"TFL3":
        envelope, found = content, _verified(settings, path, content)
    else:
        stored = _stored(settings, chosen.what, content)
        envelope, found = stored.passport or b"", _checked(settings, stored)
    print(envelope.decode() if chosen.json else "\n".join(["passport   holds", *found.lines()]))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error


def _verified(settings: Config, path: Path, envelope: bytes) -> Passport:
    """The passport in a file."""
    try:
        return passport.verify(envelope, keystore.counting(Path(settings.state), settings.name))
    except WireError as fault:
        raise DeployError(f"{path}: {fault}") from fault


def _stored(settings: Config, what: str, model: bytes) -> StoredModel:
    """The newest model of that sensor, or with that digest, or those bytes."""
    wanted = sha256(model).hexdigest() if model else what
    with database.reading(Path(settings.state)) as db:
        for row in db.execute("select * from models order by made desc"):
            stored = StoredModel(*row)
            digest = sha256(stored.tflite).hexdigest()
            if wanted == stored.sensor or (len(wanted) >= DIGITS and digest.startswith(wanted)):
                return stored
    raise ConfigError(f"{what}: {settings.name} has no such sensor, model or file")


def _checked(settings: Config, stored: StoredModel) -> Passport:
    from reedmesh.updates.attestation import Passports  # LiteRT takes a moment to load; no other command here needs it

    state, served = Path(settings.state), families.load(settings.served)
    with database.reading(state) as db:
        hellos = {name: json.loads(text) for name, text in db.execute("select name, hello from sensors")}
    counting = partial(keystore.counting, state, settings.name)
    family = served.of(hellos.get(stored.sensor, {})) or served.first
    return Passports(settings.name, family, keystore.load(state), counting).check(stored)
