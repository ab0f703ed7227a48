"""`reedmesh invite | join | leave`: two gateways become neighbours by one string, and cease to be."""

import argparse
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from reedmesh.broker import authority
from reedmesh.broker.accounts import Users
from reedmesh.commands import broker, ownership, pinned
from reedmesh.commands.client import Place, ask_at
from reedmesh.config import joined
from reedmesh.config.hosts import Address
from reedmesh.config.settings import Config, Neighbour, is_loopback, load_config
from reedmesh.errors import ConfigError, RefusedError
from reedmesh.identity import certificates, invitation, keys, keystore
from reedmesh.identity.invitation import Invitation
from reedmesh.identity.invitations import LIFETIME, Invitations
from reedmesh.protocol.wire import WireError
from reedmesh.provisioning.gateway_link import own_address

LOOK = 1.0  # seconds between two looks whether somebody joined
UNIT = "reedmesh.service"


def add(commands: Any, default: Path) -> None:
    """Add the commands to `commands`."""
    invite = commands.add_parser("invite", help="print a string by which one other gateway becomes a neighbour")
    invite.add_argument("--minutes", type=float, default=LIFETIME / 60, help="that it is good for; default 60")
    invite.add_argument("--no-wait", dest="wait", action="store_false", help="do not wait until it is used")
    join = commands.add_parser("join", help="become the neighbour of the gateway that printed an invitation")
    join.add_argument("token", help="the string, rm1. ...")
    leave = commands.add_parser("leave", help="be the neighbour of a gateway no more that came by an invitation")
    leave.add_argument("name", help="of the gateway; its key is revoked, too")
    for command, run in ((invite, _invite), (join, _join), (leave, _leave)):
        command.add_argument("--config", type=Path, default=default, help=f"default {default}")
        command.set_defaults(run=run)
    for command in (invite, join):
        command.add_argument("--host", help="address of our broker for the other; default: this machine's")


def _invite(chosen: argparse.Namespace) -> None:
    settings = load_config(chosen.config)
    host, port, fingerprint = _reached(settings, chosen.host)
    with _owner(settings):
        mine = keystore.load(Path(settings.state)).public
        seconds = int(chosen.minutes * 60)
        made = _open(settings).make(settings.name, host, port, mine, fingerprint, seconds)
    broker.close_to_revoked(chosen)
    text = invitation.token(made)
    _show(text)
    print(
        f"good once, for {chosen.minutes:g} minutes. On the other gateway:\n\nsudo reedmesh join {text}\n", flush=True
    )
    if chosen.wait:
        _wait(chosen, settings, made)


def _wait(chosen: argparse.Namespace, settings: Config, made: Invitation) -> None:
    """Until somebody joined, or the time is over; then mosquitto's lists have who is in, and no invitation."""
    before = set(settings.neighbours)
    print("waits until it is used; Ctrl-C takes it back", flush=True)
    try:
        while _open(settings).find(made.id.hex()):
            time.sleep(LOOK)
    except KeyboardInterrupt:
        with _owner(settings):
            _open(settings).end(made.id.hex())
    broker.close_to_revoked(chosen)
    new = [each.name for each in load_config(chosen.config).neighbours if each not in before]
    print(f"{', '.join(new)}: a neighbour now" if new else "nobody joined; the invitation is over")


def _join(chosen: argparse.Namespace) -> None:
    settings, made = load_config(chosen.config), invitation.read(chosen.token)
    if made.name == settings.name:
        raise ConfigError(f"this is an invitation of {settings.name} itself: `join` it on the other gateway")
    if time.time() >= made.until:
        raise ConfigError(f"the invitation of {made.name} ended at {_at(made.until)}, or our clock is wrong")
    with pinned.file_of(made.host, made.port, made.name, made.fingerprint) as shown:
        place = Place(
            made.name, [Address(made.host, made.port)], (made.user, made.password), str(shown) if shown else ""
        )
        with _owner(settings):
            request = made.seal("request", _introduction(settings, chosen.host, made))
        answer = ask_at(place, "join", {"invitation": made.id.hex(), "sealed": request})
    password, certificate = _told(made, answer)
    theirs = Neighbour(made.name, made.host, made.key.hex(), made.port, password=password, plain=not made.fingerprint)
    with _owner(settings):
        joined.save(Path(settings.state), theirs, certificate)
    broker.close_to_revoked(chosen)
    print(f"{made.name}: a neighbour now, with fingerprint {keys.fingerprint(made.key)}. {_reload()}")


def _told(made: Invitation, answer: dict[str, Any]) -> tuple[str, str]:
    """Our password there, and the certificate of its broker or the authority; raises RefusedError for what is none."""
    try:
        told = made.opened("answer", str(answer.get("sealed", "")))
        password, certificate = str(told["password"]), str(told["ca"])
        if certificate:
            x509.load_pem_x509_certificate(certificate.encode())
    except (WireError, KeyError, ValueError) as error:
        raise RefusedError(f"the answer of {made.name} makes no sense: {error}") from error
    if not re.fullmatch("[0-9a-f]{64}", password) or bool(certificate) != bool(made.fingerprint):
        raise RefusedError(f"the answer of {made.name} makes no sense")
    return password, certificate


def _introduction(settings: Config, host: str | None, made: Invitation) -> dict[str, Any]:
    """What the inviting gateway must know of us; raises ConfigError."""
    address, port, _ = _reached(settings, host)
    mine = keystore.load(Path(settings.state)).public
    password = Users(settings).of_neighbour(made.name)
    about = {"name": settings.name, "key": mine.hex(), "host": address, "port": port}
    return about | {"password": password, "ca": authority.pem(settings)}


def _leave(chosen: argparse.Namespace) -> None:
    settings = load_config(chosen.config)
    found = next((each for each in settings.neighbours if each.name == chosen.name), None)
    with _owner(settings):
        if not found or not joined.remove(Path(settings.state), chosen.name):
            raise ConfigError(f"{chosen.name}: did not come by an invitation; see [[neighbours]] in {chosen.config}")
    broker.close_to_revoked(chosen)
    print(f"{chosen.name}: no neighbour any more. {_reload()}")
    print(f"if its key may be in wrong hands: reedmesh keys revoke {found.key}")


def _reached(settings: Config, asked: str | None) -> tuple[str, int, bytes | None]:
    """Host, port and fingerprint by which others reach our broker; raises ConfigError where they cannot."""
    own = settings.broker
    host = asked or (own_address() if is_loopback(own.host) else own.host)
    if own.tls_port:
        shown = certificates.read(authority.server(settings))
        _check_host(shown, host)
        authority.path(settings)
        return host, own.tls_port, shown.fingerprint(SHA256())
    if own.plain or own.anonymous or is_loopback(host):
        return host, own.port, None
    remedy = f'`reedmesh pki issue --host {host}`, then "tls_port = 8883" in [broker]'
    raise ConfigError(f"the broker serves this machine alone: {remedy}")


def _check_host(shown: x509.Certificate, host: str) -> None:
    names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    known = [str(each.value) for each in names]
    if host not in known:
        raise ConfigError(f"the certificate is for {', '.join(known)}: --host one of them, or `pki issue` again")


def _show(text: str) -> None:
    """The token as a QR code, for who looks on."""
    if sys.stdout.isatty():
        import segno

        segno.make(text, error="l").terminal(compact=True)


def _reload() -> str:
    """Have the service of this machine read its settings again, if it is one; else say how."""
    systemctl = shutil.which("systemctl")
    if systemctl and not subprocess.run([systemctl, "reload", UNIT], capture_output=True, check=False).returncode:
        return "The gateway has it."
    return "Now have the gateway read its settings: systemctl reload reedmesh, or kill -HUP its process"


def _open(settings: Config) -> Invitations:
    return Invitations(Path(settings.state))


def _at(seconds: int) -> str:
    return time.strftime("%H:%M", time.localtime(seconds))


def _owner(settings: Config) -> Any:
    return ownership.as_owner(Path(settings.state))
