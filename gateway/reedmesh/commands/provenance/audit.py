"""`reedmesh audit export | check | open | challenge | accept`: repeat the training of a model, and compare."""

import argparse
import json
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

from reedmesh.commands.client import ask
from reedmesh.config.settings import Config, load_config
from reedmesh.errors import ConfigError, DeployError, WireError
from reedmesh.identity import keys, keystore
from reedmesh.provenance import opening, receipt
from reedmesh.store import database
from reedmesh.store.models import StoredModel


def add(commands: Any, default: Path) -> None:
    """The command's arguments; default: the config file's path."""
    verbs = commands.add_parser("audit", help="learn a model again, to the bit, and say so").add_subparsers(
        required=True, metavar="VERB"
    )
    export = verbs.add_parser("export", help="write a file with all that a sensor's model was learnt from")
    export.add_argument("sensor")
    export.add_argument("--out", type=Path, help="default SENSOR.audit")
    check = verbs.add_parser("check", help="learn the model of such a file again, and compare")
    check.add_argument("file", type=Path)
    check.add_argument("--key", metavar="HEX", help="the public key of its gateway, as `reedmesh keys show` prints it")
    check.add_argument("--sign", type=Path, metavar="KEYFILE", help="sign the outcome with this key, made if missing")
    open_ = verbs.add_parser("open", help="show some windows of a commitment, chosen by a later checkpoint")
    open_.add_argument("sensor")
    challenge = verbs.add_parser("challenge", help="check an opening against the receipt of its model")
    challenge.add_argument("file", type=Path, help="what `audit open` printed")
    challenge.add_argument("--root", required=True, metavar="HEX", help="the Merkle root, as the receipt has it")
    challenge.add_argument("--windows", required=True, type=int, help="how many, as the receipt has it")
    for verb in (open_, challenge):
        verb.add_argument("--head", required=True, metavar="HEX", help="hash of a later checkpoint (`ledger verify`)")
        verb.add_argument("--count", type=int, default=5, help="windows to show, default 5")
    accept = verbs.add_parser("accept", help="have the gateway publish an auditor's signature")
    accept.add_argument("signed", type=Path, help="what `audit check --sign` wrote")
    accept.add_argument("--key", required=True, metavar="HEX", help="the auditor's public key")
    for verb, run in ((export, _export), (check, _check), (open_, _open), (challenge, _challenge), (accept, _accept)):
        verb.set_defaults(run=run)
        if verb not in (check, challenge):
            verb.add_argument("config", nargs="?", type=Path, default=default, help=f"default {default}")


def _export(chosen: argparse.Namespace) -> None:
    from reedmesh.learning import audit

    stored = _auditable(load_config(chosen.config), chosen.sensor)
    out = chosen.out or Path(f"{chosen.sensor}.audit")
    content = audit.with_receipts(stored.material or b"", stored.receipt or b"")
    _write(out, content)
    print(f"{out}: {len(content)} bytes. It holds features of this machine's readings: give it to auditors alone.")


def _check(chosen: argparse.Namespace) -> None:
    from reedmesh.learning import audit

    material, receipts = _material(chosen.file)
    stated = _stated(receipts, chosen)
    began = time.perf_counter()
    faults = audit.check(_family(material.family), material, stated)
    if faults:
        raise DeployError("\n".join(f"{chosen.file}: {fault}" for fault in faults))
    seconds = time.perf_counter() - began
    print(f"model {stated.model:.16} of {stated.sensor}: the same to the bit from {stated.windows} windows")
    print(f"learnt again in {seconds:.2f} s; committed to in entry {stated.committed} of the gateway's ledger")
    if chosen.sign:
        _sign(chosen, stated)


def _stated(receipts: list[bytes], chosen: argparse.Namespace) -> receipt.Receipt:
    """The receipt of the gateway; where no key is given, as it stands."""
    if not receipts:
        raise DeployError(f"{chosen.file}: it has no receipt")
    try:
        if chosen.key:
            return receipt.verify(receipts[0], [keys.read_public(chosen.key)])[0]
        print("whose receipt this is was not checked: give --key")
        return receipt.unverified(receipts[0])
    except (WireError, ValueError) as error:
        raise DeployError(f"{chosen.file}: {error}") from error


def _sign(chosen: argparse.Namespace, stated: receipt.Receipt) -> None:
    key = keys.Key(keystore.secret(chosen.sign))
    out = chosen.file.with_suffix(".signed")
    _write(out, receipt.sign(stated, key, keys.fingerprint(key.public)))
    print(f"{out}: give it to the gateway's owner, with your public key: {key.public.hex()}")


def _open(chosen: argparse.Namespace) -> None:
    from reedmesh.learning import audit

    stored = _auditable(load_config(chosen.config), chosen.sensor)
    material, _ = audit.unpack(stored.material or b"")
    windows = [row.tobytes() for row in material.windows]
    print(json.dumps(opening.make(material.sensor, material.secret, windows, _hash(chosen.head), chosen.count)))


def _challenge(chosen: argparse.Namespace) -> None:
    root, head = _hash(chosen.root), _hash(chosen.head)
    try:
        faults = opening.check(_read(chosen.file), root, chosen.windows, head, chosen.count)
    except WireError as error:
        raise DeployError(f"{chosen.file}: {error}") from error
    if faults:
        raise DeployError("\n".join(f"{chosen.file}: {fault}" for fault in faults))
    print(f"{chosen.count} of {chosen.windows} windows: each was committed to")


def _accept(chosen: argparse.Namespace) -> None:
    arguments = {"envelope": _read(chosen.signed).decode("utf-8", "replace"), "key": chosen.key}
    said = ask(load_config(chosen.config), "audit", arguments)
    print(f"model {said['model']:.16} of {said['sensor']}: entered, and shown with its passport")


def _auditable(settings: Config, sensor: str) -> StoredModel:
    """The newest model of a sensor, which must have evidence."""
    with database.reading(Path(settings.state)) as db:
        row = db.execute("select * from models where sensor = ? order by sequence desc limit 1", (sensor,)).fetchone()
    if not row:
        raise ConfigError(f"{sensor}: {settings.name} has no model of it")
    stored = StoredModel(*row)
    if not stored.material or not stored.receipt:
        raise DeployError(f"{sensor}: its model is no longer checkable, or was not learnt by sums: `relearn` makes one")
    return stored


def _material(path: Path) -> Any:
    from reedmesh.learning import audit

    try:
        return audit.unpack(_read(path))
    except WireError as error:
        raise DeployError(f"{path}: {error}") from error


def _family(identity: str) -> Any:
    """The installed family with this id."""
    from reedmesh.inference import family

    for name in family.family_names():
        found = family.load_family(family.find_family(name))
        if found.id == identity:
            return found
    raise DeployError(f"no family here has the id {identity}: install the version of reedmesh that made the model")


def _hash(text: str) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != sha256().digest_size:
        raise ConfigError(f"{text!r:.80}: a hash is 64 hexadecimal digits")
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
