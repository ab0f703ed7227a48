"""`reedmesh keys show | trust | rotate | revoke | secret`: whose word counts, changed while the gateway runs."""

import argparse
import getpass
import json
import secrets
import time
from pathlib import Path
from typing import Any

from reedmesh.commands.broker import close_to_revoked
from reedmesh.commands.client import ask
from reedmesh.config.settings import Config, load_config
from reedmesh.errors import ConfigError, WireError
from reedmesh.identity import keys, keystore, revocation
from reedmesh.identity.authority import Term
from reedmesh.identity.keyring import Keyring
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.identity.trust_store import Trust
from reedmesh.protocol import wire

OVERLAP_DAYS = 14


def add_keys(commands: Any, default: Path) -> None:
    """The command's arguments."""
    verbs = commands.add_parser("keys", help="show, trust, rotate and revoke keys of gateways").add_subparsers(
        required=True, metavar="VERB"
    )
    show = verbs.add_parser("show", help="our public key, for the neighbours' settings, and whom we trust")
    show.add_argument("--json", action="store_true", help="for programs")
    trust = verbs.add_parser("trust", help="believe a neighbour that uses another key than the config says")
    trust.add_argument("name", help="of the gateway")
    trust.add_argument("key", help="64 hexadecimal digits, as `keys show` prints them there")
    rotate = verbs.add_parser("rotate", help="make a new key; the present one stays valid for a while")
    rotate.add_argument("--days", type=float, default=OVERLAP_DAYS, help=f"of overlap, default {OVERLAP_DAYS}; 0: none")
    revoke = verbs.add_parser("revoke", help="believe nobody with this key, nor with those it appointed, ever again")
    revoke.add_argument(
        "key", help="64 hexadecimal digits; a gateway's name: all its keys; or a line of `authority revoke`"
    )
    request = verbs.add_parser("request", help="ask a site's authority for a key: what to give to `authority issue`")
    accept = verbs.add_parser("accept", help="take the authority's answer: our key, certified")
    accept.add_argument("answer", help="as `authority issue` printed it")
    secret = verbs.add_parser("secret", help="make a secret for [exchange] of all gateways: their updates are sealed")
    secret.set_defaults(run=lambda _: print(secrets.token_hex(32)))
    known = (show, _show), (trust, _trust), (rotate, _rotate), (revoke, _revoke), (request, _request), (accept, _accept)
    for verb, run in known:
        verb.add_argument("config", nargs="?", type=Path, default=default, help=f"default {default}")
        verb.set_defaults(run=run, as_owner=True, after=None if run in (_show, _request) else close_to_revoked)


def add_sensors(commands: Any, default: Path) -> None:
    """The arguments of `reedmesh sensors`."""
    verbs = commands.add_parser(
        "sensors", help="revoke a sensor that was lost, forget one that was taken away"
    ).add_subparsers(required=True, metavar="VERB")
    revoke = verbs.add_parser("revoke", help="hear a sensor no more; `sensor-key` lets it in again, with a new key")
    revoke.add_argument("sensor", help="its name")
    revoke.add_argument("config", nargs="?", type=Path, default=default, help=f"default {default}")
    revoke.set_defaults(run=_revoke_sensor, as_owner=True, after=close_to_revoked)
    forget = verbs.add_parser("forget", help="expect a sensor no more that was taken away: its models and windows go")
    forget.add_argument("sensor", help="its name")
    forget.add_argument("--by", default=getpass.getuser(), help="who does it; default the user's name")
    forget.add_argument("config", nargs="?", type=Path, default=default, help=f"default {default}")
    forget.set_defaults(run=_forget_sensor)


def trust_of(settings: Config) -> Trust:
    """The keys that the gateway of these settings trusts."""
    return Trust(Path(settings.state), keys.pinned(settings.neighbours))


def _show(chosen: argparse.Namespace) -> None:
    settings = load_config(chosen.config)
    key, trust = keystore.load(Path(settings.state)), trust_of(settings)
    if chosen.json:
        trusted = {name: [each.hex() for each in trust.of(name)] for name in trust.names()}
        told = {"key": key.public.hex(), "trusted": trusted, "revoked": sorted(trust.known().revoked)}
        print(json.dumps(told, indent=1))
        return
    print(f"{key.public.hex()}\nfingerprint {keys.fingerprint(key.public)}")
    for name in trust.names():
        for each in trust.of(name):
            print(f"trusts {name}: {each.hex()}, fingerprint {keys.fingerprint(each)}")
        if not trust.of(name):
            print(f"trusts no key of {name} any more")
    for gone in trust.known().revoked:
        print(f"revoked: {gone}")


def _trust(chosen: argparse.Namespace) -> None:
    if not wire.is_name(chosen.name):
        raise ConfigError(f"{chosen.name!r} is no name of a gateway: 1 to 32 of a-z 0-9 _ -")
    key = _public(chosen.key)
    trust_of(load_config(chosen.config)).trust(chosen.name, key)
    print(f"trusts {chosen.name} with fingerprint {keys.fingerprint(key)}: compare it by voice")


def _rotate(chosen: argparse.Namespace) -> None:
    settings = load_config(chosen.config)
    new = keystore.rotate(Path(settings.state), settings.name, int(time.time() + chosen.days * 86400))
    print(f"{new.public.hex()}\nfingerprint {keys.fingerprint(new.public)}")
    print(f"restart the gateway: neighbours that hear it trust the new key; the old one ends in {chosen.days:g} days")


def _request(chosen: argparse.Namespace) -> None:
    settings = load_config(chosen.config)
    point = keystore.request(Path(settings.state)).hex()
    print(f"reedmesh authority issue FILE {settings.name} {point}")


def _accept(chosen: argparse.Namespace) -> None:
    settings = load_config(chosen.config)
    if not settings.exchange.authority:
        raise ConfigError("[exchange] authority is not set: it has the digits that `reedmesh authority show` prints")
    until = int(time.time() + OVERLAP_DAYS * 86400)
    try:
        first, last, given, answer = chosen.answer.split("-")
        term = Term(settings.name, int(first), int(last))
        parts = bytes.fromhex(settings.exchange.authority), term, bytes.fromhex(given), bytes.fromhex(answer), until
        new = keystore.accept(Path(settings.state), *parts)
    except (ValueError, WireError) as error:
        raise ConfigError(f"answer: {error}: copy the whole line that `reedmesh authority issue` printed") from error
    day = time.strftime("%Y-%m-%d", time.gmtime(term.last * 86400))
    print(f"fingerprint {keys.fingerprint(new.public)}, until {day}: restart the gateway, and neighbours learn of it")


def _revoke(chosen: argparse.Namespace) -> None:
    settings = load_config(chosen.config)
    trust = trust_of(settings)
    if len(chosen.key) == 2 * revocation.SIZE:
        _take_back(settings, chosen.key)
        return
    found = trust.ever(chosen.key) if chosen.key in trust.names() else [_public(chosen.key)]
    gone = list(dict.fromkeys(each for key in found for each in trust.revoke(key)))
    if keystore.load(Path(settings.state)).public in gone:
        print("this is our own key: `keys rotate --days 0` here, `keys revoke` and `keys trust` at each neighbour")
    for each in gone:
        print(f"revoked {each.hex()}, fingerprint {keys.fingerprint(each)}")


def _take_back(settings: Config, said: str) -> None:
    """Believe the authority, and have the gateway pass it on to its neighbours."""
    pinned = keys.pinned(settings.neighbours)
    point = bytes.fromhex(settings.exchange.authority)
    try:
        Keyring(pinned, Trust(Path(settings.state), pinned), authority=point).take_back(bytes.fromhex(said))
    except (WireError, ValueError) as error:
        raise ConfigError(f"{error}: copy the whole line that `reedmesh authority revoke` printed") from error
    print("revoked; neighbours that hear this gateway revoke it, too, and pass it on")


def _revoke_sensor(chosen: argparse.Namespace) -> None:
    SensorKeys(Path(load_config(chosen.config).state)).revoke(chosen.sensor)
    print(f"revoked {chosen.sensor}: nothing it says is heard")


def _forget_sensor(chosen: argparse.Namespace) -> None:
    ask(load_config(chosen.config), "forget", {"sensor": chosen.sensor, "by": chosen.by})
    print(f"forgot {chosen.sensor}; a sensor of that name that speaks again begins anew")


def _public(text: str) -> bytes:
    try:
        return keys.read_public(text)
    except ValueError as error:
        raise ConfigError(f"{text!r:.80} is neither a trusted gateway nor a key of 64 hexadecimal digits") from error
