"""`reedmesh authority new | show | issue | revoke`: a site's authority, which certifies keys and is kept offline."""

import argparse
import time
from pathlib import Path
from typing import Any

from reedmesh import atomic_file
from reedmesh.errors import ConfigError, DeployError, WireError
from reedmesh.identity import authority, credential, keys, keystore, revocation
from reedmesh.identity.authority import Term
from reedmesh.protocol import wire

DAYS = 90
DAY = 86_400


def add(commands: Any) -> None:
    """The command's arguments."""
    verbs = commands.add_parser("authority", help="certify keys of gateways, so that none is listed").add_subparsers(
        required=True, metavar="VERB"
    )
    new = verbs.add_parser("new", help="make the authority's secret: keep the file offline, and a copy of it")
    show = verbs.add_parser("show", help="the authority's point, for [exchange] authority of all gateways")
    issue = verbs.add_parser("issue", help="answer what `reedmesh keys request` printed on a gateway")
    revoke = verbs.add_parser("revoke", help="take a key back: prints what to give to `keys revoke` on one gateway")
    for verb, run in ((new, _new), (show, _show), (issue, _issue), (revoke, _revoke)):
        verb.add_argument("file", type=Path, help="with the authority's secret")
        verb.set_defaults(run=run)
    revoke.add_argument("key", help="64 hexadecimal digits, as `reedmesh keys show` prints them")
    issue.add_argument("name", help="of the gateway")
    issue.add_argument("request", help="64 hexadecimal digits")
    issue.add_argument("--days", type=int, default=DAYS, help=f"that the key counts, default {DAYS}")
    issue.add_argument("--after", type=int, default=0, metavar="DAYS", help="from now until it counts, for a renewal")


def _new(chosen: argparse.Namespace) -> None:
    if chosen.file.exists():
        raise ConfigError(f"{chosen.file} exists: an authority's secret is never replaced")
    atomic_file.make(chosen.file, authority.scalar())
    _show(chosen)


def _show(chosen: argparse.Namespace) -> None:
    print(authority.point(_secret(chosen.file)).hex())


def _issue(chosen: argparse.Namespace) -> None:
    if not wire.is_name(chosen.name):
        raise ConfigError(f"{chosen.name!r} is no name of a gateway: 1 to 32 of a-z 0-9 _ -")
    if not 0 < chosen.days <= credential.MOST_DAYS or chosen.after < 0:
        raise ConfigError(f"--days {chosen.days}: 1 to {credential.MOST_DAYS}; --after: 0 or more")
    first = int(time.time() // DAY) + chosen.after
    term = Term(chosen.name, first, first + chosen.days - 1)
    try:
        given, answer = authority.issue(_secret(chosen.file), term, keys.read_public(chosen.request))
    except (WireError, ValueError) as error:
        raise DeployError(f"request: {error}: copy what `reedmesh keys request` printed on {chosen.name}") from error
    print(f"{term.first}-{term.last}-{given.hex()}-{answer.hex()}")


def _revoke(chosen: argparse.Namespace) -> None:
    try:
        key = keys.read_public(chosen.key)
    except ValueError as error:
        raise DeployError(f"key: {error}: copy what `reedmesh keys show` printed") from error
    print(revocation.pack(key, authority.ScalarKey(_secret(chosen.file))).hex())


def _secret(path: Path) -> bytes:
    if not path.exists():
        raise ConfigError(f"{path}: no such file: `reedmesh authority new {path}` makes an authority")
    return keystore.secret(path)
