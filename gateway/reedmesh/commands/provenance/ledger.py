"""`reedmesh ledger verify | show | export`: contributions of gateways, and a check that the past did not change."""

import argparse
import csv
import json
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from reedmesh.commands.keys import trust_of
from reedmesh.config.settings import Config, load_config
from reedmesh.errors import DeployError
from reedmesh.exchange import proofs
from reedmesh.identity import keystore
from reedmesh.provenance import ledger
from reedmesh.provenance.ledger import Entry
from reedmesh.store import database, ledger_table
from reedmesh.store.ledger_table import NeighbourCheckpoint

COLUMNS = ("number", "at", *(each.name for each in fields(Entry)))
COUNTED = (ledger.GIVEN, ledger.TAKEN, ledger.REFUSED, ledger.MERGED, ledger.LEFT_OUT, ledger.FORK)


def add(commands: Any, default: Path) -> None:
    """The command's arguments."""
    verbs = commands.add_parser("ledger", help="who contributed what, as a chain of signed entries").add_subparsers(
        required=True, metavar="VERB"
    )
    check = verbs.add_parser(
        "verify", help="whether the chain is whole, and what neighbours say of theirs fits together"
    )
    show = verbs.add_parser("show", help="what each gateway gave and what it was worth, in a table")
    export = verbs.add_parser("export", help="all entries, a JSON object a line")
    export.add_argument("--csv", action="store_true", help="as a table for spreadsheets")
    for verb, run in ((check, _verify), (show, _show), (export, _export)):
        verb.add_argument("config", nargs="?", type=Path, default=default, help=f"default {default}")
        verb.set_defaults(run=run)


def _verify(chosen: argparse.Namespace) -> None:
    settings = load_config(chosen.config)
    ours = keystore.lineage(Path(settings.state), settings.name)
    with database.reading(Path(settings.state)) as db:
        found = ledger.verify(settings.name, ledger_table.rows(db), ours)
        faults = [*found.faults, *_unpublished(settings, db, ours), *_unentered(db)]
        neighbours, trust = ledger_table.remembered(db), trust_of(settings)
    for note in found.notes:
        print(f"note: {note}")
    keys = {name: trust.ever(name) for name in trust.names()}
    for name, number in proofs.proved(Path(settings.state), keys, settings.exchange.federation):
        print(f"{name} SIGNED TWO UPDATES under number {number}: it shows one neighbour this and another that")
    for name, heads in neighbours.items():
        print(_neighbour(name, heads, trust.ever(name)))
    if faults:
        raise DeployError("\n".join(f"ledger of {settings.name}: {fault}" for fault in faults))
    print(f"ledger of {settings.name}: {found.entries} entries, whole and signed, head {found.head.hex()}")


def _unpublished(settings: Config, db: sqlite3.Connection, ours: Iterable[bytes]) -> list[str]:
    """Whether what was published last is in the chain."""
    head = ledger_table.published(Path(settings.state), ours)
    fault = ledger_table.lost(db, head) if head else "none of it was ever published: has the gateway run?"
    return [fault] if fault else []


def _unentered(db: sqlite3.Connection) -> list[str]:
    """Sensors whose newest model is not the one that the ledger says went into service."""
    entered = {}
    for told in map(ledger.read, ledger_table.rows(db)):
        if told.get("kind") in (ledger.SERVICE, ledger.ROLLBACK):
            entered[told.get("sensor")] = told.get("sha256")
    newest = db.execute("select sensor, tflite, max(sequence) from models group by sensor")
    known = [(sensor, sha256(model).hexdigest()) for sensor, model, _ in newest]
    wrong = [sensor for sensor, digest in known if entered.get(sensor, digest) != digest]
    return [f"the newest model of {sensor} is not the one that was entered" for sensor in wrong]


def _neighbour(name: str, heads: list[NeighbourCheckpoint], keys: list[bytes]) -> str:
    """Return a line on a neighbour's checkpoints: whether they contradict each other, and at which entry."""
    signed, at = ledger.conflict([each.frame for each in heads], keys)
    gaps = "".join(f"; {each.gap} entries came unseen, and could not be compared" for each in heads if each.gap)
    unsigned = f"; {len(heads) - signed} are not signed with a key we know of" if signed < len(heads) else ""
    if at is not None:
        return f"{name} CHANGED ITS PAST: heads that it signed belie each other at entry {at}{unsigned}{gaps}"
    return f"{name}: {signed} heads kept, none belies another{unsigned}{gaps}"


def _show(chosen: argparse.Namespace) -> None:
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    worth: dict[str, float] = defaultdict(float)
    for told in _entries(chosen):
        if told.get("gateway") and told.get("kind") in COUNTED:
            counts[told["gateway"]][told["kind"]] += 1
            worth[told["gateway"]] += told.get("worth", 0.0)
    print(f"{'gateway':<20}" + "".join(f"{kind:>10}" for kind in COUNTED) + f"{'worth':>12}")
    for name, found in counts.items():
        print(f"{name:<20}" + "".join(f"{found[kind]:>10}" for kind in COUNTED) + f"{worth[name]:>12.4g}")


def _export(chosen: argparse.Namespace) -> None:
    told = _entries(chosen)
    if chosen.csv:
        table = csv.DictWriter(sys.stdout, COLUMNS, extrasaction="ignore")
        table.writeheader()
        table.writerows(told)
    else:
        for each in told:
            print(json.dumps(each))


def _entries(chosen: argparse.Namespace) -> list[dict[str, Any]]:
    with database.reading(Path(load_config(chosen.config).state)) as db:
        return [ledger.read(row) for row in ledger_table.rows(db)]
