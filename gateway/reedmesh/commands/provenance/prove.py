"""`reedmesh prove score | check`: a signed statement of one window's score, and the model run on it again."""

import argparse
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

from reedmesh.config.settings import load_config
from reedmesh.errors import ConfigError, DeployError, WireError
from reedmesh.identity import keys, keystore
from reedmesh.provenance import score_statement
from reedmesh.provenance.score_statement import ScoreStatement
from reedmesh.store import database
from reedmesh.store.models import StoredModel

MOST = 65_536  # bytes of a statement's file


def add(commands: Any, default: Path) -> None:
    """The command's arguments; default: the config file's path."""
    parser = commands.add_parser("prove", help="state a window's score, signed, or check such a statement")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    score = verbs.add_parser("score", help="write the statement and the model of a sensor's window")
    score.add_argument("sensor")
    score.add_argument("--at", type=float, default=None, help="s since 1970; default: the newest window")
    score.add_argument("--out", type=Path, help="default SENSOR.score; the model goes to SENSOR.tflite beside it")
    score.add_argument("config", nargs="?", type=Path, default=default, help=f"default {default}")
    score.set_defaults(run=_score)
    check = verbs.add_parser("check", help="run the model on the window of a statement again")
    check.add_argument("statement", type=Path)
    check.add_argument("model", type=Path, help="the .tflite that it names")
    check.add_argument("--key", required=True, metavar="HEX", help="the gateway's public key, as `keys show` prints it")
    check.set_defaults(run=_check)


def _score(chosen: argparse.Namespace) -> None:
    from reedmesh.inference.model import Model

    settings = load_config(chosen.config)
    stored, at, features = _window(Path(settings.state), chosen.sensor, chosen.at)
    model = Model(stored.tflite)
    digest, key = sha256(stored.tflite).hexdigest(), keystore.load(Path(settings.state))
    said = ScoreStatement(chosen.sensor, digest, at, features.hex(), model.score(features), model.threshold)
    out = chosen.out or Path(f"{chosen.sensor}.score")
    out.write_bytes(score_statement.sign(said, key, keys.fingerprint(key.public)))
    out.with_suffix(".tflite").write_bytes(stored.tflite)
    print(f"{out}: score {said.score}, threshold {said.threshold}; the model is {out.with_suffix('.tflite')}")


def _check(chosen: argparse.Namespace) -> None:
    from reedmesh.inference.model import Model

    try:
        said = score_statement.verify(_read(chosen.statement), [keys.read_public(chosen.key)])
        tflite = chosen.model.read_bytes()
        if sha256(tflite).hexdigest() != said.model:
            raise WireError(f"{chosen.model} is not the model that it names, {said.model:.16}")
        began = time.perf_counter()
        model = Model(tflite)
        found = model.score(said.window), model.threshold
    except (WireError, ValueError, OSError) as error:
        raise DeployError(f"{chosen.statement}: {error}") from error
    if found != (said.score, said.threshold):
        raise DeployError(f"{chosen.statement}: it states {said.score} of {said.threshold}, the model gives {found}")
    took = 1000 * (time.perf_counter() - began)
    print(f"{said.sensor}: score {said.score}, threshold {said.threshold}: the model gives the same, in {took:.1f} ms")


def _window(state: Path, sensor: str, at: float | None) -> tuple[StoredModel, float, bytes]:
    """The newest model of a sensor, and its newest window at or before `at`; raises ConfigError."""
    with database.reading(state) as db:
        model = db.execute("select * from models where sensor = ? order by sequence desc limit 1", (sensor,)).fetchone()
        query = "select at, features from windows where sensor = ? and at <= ? order by id desc limit 1"
        window = db.execute(query, (sensor, at if at is not None else time.time())).fetchone()
    if not model or not window:
        raise ConfigError(f"{sensor}: there is no {'window of that time' if model else 'model of it'} here")
    return StoredModel(*model), window[0], window[1]


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MOST + 1)
    if len(data) > MOST:
        raise WireError(f"more than {MOST} bytes")
    return data
