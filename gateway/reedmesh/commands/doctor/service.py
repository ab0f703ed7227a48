"""Checks of the needs of a gateway: files and keys, database, certificates, ports, program and broker."""

import importlib.metadata
import os
import pwd
import socket
import sqlite3
import ssl
import sys
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from reedmesh.commands.doctor.finding import Case, Finding, error, good, warning
from reedmesh.config.broker import Broker
from reedmesh.config.checks import is_loopback
from reedmesh.config.hosts import Address
from reedmesh.errors import ConfigError
from reedmesh.identity import certificates as pki
from reedmesh.inference import families
from reedmesh.learning import rules
from reedmesh.store import backup, database

SOON = 30  # days before a certificate ends that it is told of
OLD_COPY = 3.0  # days
PATIENCE = 5.0  # seconds


def owners(case: Case) -> Iterable[Finding]:
    """A file of another user's in the state directory stops the gateway at its next start, or an alert tonight."""
    try:
        owner = case.state.stat()
    except OSError as fault:
        yield error(f"state directory {case.state}: {fault.strerror}", "sudo reedmesh install --yes, or mkdir it")
        return
    below = [Path(at) / name for at, folders, files in os.walk(case.state) for name in (*folders, *files)]
    strangers = [path for path in below if path.lstat().st_uid != owner.st_uid]
    if strangers:
        user = _user(owner.st_uid)
        yield error(
            f"{strangers[0]} and {len(strangers) - 1} more are not {user}'s", f"sudo chown -R {user}: {case.state}"
        )
    secrets = [
        path for path in (case.state / "key", case.state / "broker", *case.state.glob("sensors/*")) if path.is_file()
    ]
    for path in secrets:
        if path.stat().st_mode & 0o077:
            yield error(
                f"{path}: others may read this key", f"chmod 600 {path}; then make a new one: reedmesh keys rotate"
            )
    if not strangers:
        yield good(f"state directory {case.state}: all {_user(owner.st_uid)}'s")


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def settings(case: Case) -> Iterable[Finding]:
    """Passwords in the settings, and links without TLS."""
    holds_secrets = case.config.exchange.secret or any(each.password for each in case.config.neighbours)
    if holds_secrets and case.path.stat().st_mode & 0o007:
        yield warning(
            f"{case.path}: everybody here may read its passwords", f"chmod o= {case.path}, or use credentials/"
        )
    if case.config.broker.anonymous:
        yield error(
            "broker.anonymous: everybody may say everything", "only for a bench: take it out, reedmesh acl write"
        )
    if case.config.broker.plain:
        yield warning(
            "broker.plain: sensors talk without TLS", "only where the network is theirs alone: broker.tls_port"
        )
    for each in case.config.neighbours:
        if each.plain:
            yield warning(f"neighbour {each.name} is reached without TLS", "set its ca: docs/security.md")


def family(case: Case) -> Iterable[Finding]:
    """Whether the model family can be read, and its aggregation rule exists."""
    try:
        known = families.load(case.config.served)
        for each in known.all:
            rules.chosen(each, case.config.learning.aggregation)
        yield good(f"settings: gateway {case.config.name}, family {known.names}")
    except ConfigError as fault:
        yield error(str(fault), "set family or aggregation to one that is known, or mend the family's folder")


def store(case: Case) -> Iterable[Finding]:
    """Whether the database can be read, and is whole."""
    path = case.state / database.NAME
    if not path.exists():
        yield warning(f"{path}: there is none yet", "it is made at the first start: systemctl start reedmesh")
        return
    try:
        with closing(database.reader(case.state)) as db:
            found = db.execute("pragma quick_check(1)").fetchone()[0]
            version = db.execute("pragma user_version").fetchone()[0]
    except sqlite3.Error as fault:
        yield error(f"{path}: {fault}", "systemctl restart reedmesh copies what can be read; then restore a backup")
        return
    if found != "ok":
        yield error(
            f"{path} is damaged: {found}", "systemctl restart reedmesh copies what can be read; replace the card"
        )
    elif version > database.VERSION:
        yield error(f"{path} is of a newer reedmesh", "install that one again, or restore an older backup")
    else:
        yield good("database: whole")
    if damaged := sorted(case.state.glob(f"{database.NAME}.damaged-*")):
        yield warning(f"{damaged[-1].name} was put aside", "the card may be worn out: replace it, then delete the file")


def rehearsal(case: Case) -> Iterable[Finding]:
    """Whether the daily copy of models, keys and heads could be restored: it is opened as a restore would."""
    path = case.state / backup.DAILY
    if not path.exists():
        yield warning(f"{path}: there is none yet", "the gateway makes it an hour after its start")
        return
    try:
        models = backup.rehearse(path)
    except ConfigError as fault:
        yield error(str(fault), f"rm {path}; the gateway makes another; the card may be worn out")
        return
    age = (case.now - path.stat().st_mtime) / 86400
    if age > OLD_COPY:
        yield warning(f"{path.name}: {age:.0f} days old", "journalctl -u reedmesh says why there is no newer one")
    else:
        yield good(f"restore rehearsed from {path.name}: whole, {models} models")


def certificates(case: Case) -> Iterable[Finding]:
    """How long the broker's certificate, and those that others must show, still count."""
    broker = case.config.broker
    files = [(case.state / pki.FOLDER / "server.crt", f"reedmesh pki issue --host {socket.gethostname()}")]
    files = files if broker.tls_port else []
    named = [("broker", broker.ca), *((f"neighbour {each.name}", each.ca) for each in case.config.neighbours)]
    files += [(Path(ca), f"ask for a new one: {name}") for name, ca in named if ca]
    for path, remedy in files:
        try:
            left = (pki.read(path).not_valid_after_utc - datetime.fromtimestamp(case.now, UTC)).days
        except ConfigError as fault:
            yield error(str(fault), remedy)
            continue
        if left < 0:
            yield error(
                f"{path}: ended {-left} days ago", f"{remedy}; then reedmesh acl write, systemctl reload mosquitto"
            )
        elif left < SOON:
            yield warning(
                f"{path}: ends in {left} days", f"{remedy}; then reedmesh acl write, systemctl reload mosquitto"
            )
        else:
            yield good(f"{path.name}: counts for {left} days")


def program(case: Case) -> Iterable[Finding]:
    """What runs models here, and whether serial ports can be opened."""
    try:
        yield good(f"ai-edge-litert {importlib.metadata.version('ai-edge-litert')}, Python {sys.version.split()[0]}")
    except importlib.metadata.PackageNotFoundError:
        remedy = (
            "pip install ai-edge-litert (a 64-bit system is needed): scores differ from sensors' with tflite-runtime"
        )
        yield warning("no ai-edge-litert: tflite-runtime stands in, and cannot teach", remedy)
    for each in case.config.serial:
        if not Path(each.port).exists():
            yield error(f"serial port {each.port}: not there", "plug it in, or name what is in /dev/serial/by-id")
        elif not os.access(each.port, os.R_OK | os.W_OK):
            yield error(f"serial port {each.port}: may not be opened", "sudo reedmesh install --yes, for its drop-in")


def broker(case: Case) -> Iterable[Finding]:
    """Whether somebody listens at each of the broker's addresses, and with TLS shows what we expect."""
    for node in case.config.broker.nodes:
        yield _node(case.config.broker, node)


def _node(settings: Broker, node: Address) -> Finding:
    place = f"broker {node}"
    try:
        with socket.create_connection(node, PATIENCE) as plain:
            if settings.ca:
                ssl.create_default_context(cafile=settings.ca).wrap_socket(plain, server_hostname=node.host).close()
    except ssl.SSLError as fault:
        remedy = "reedmesh pki show on its server.crt; see broker.ca"
        return error(f"{place}: its certificate: {fault.reason or fault}", remedy)
    except OSError as fault:
        local = is_loopback(node.host) and not settings.embedded and not settings.hosts
        remedy = "systemctl status mosquitto; journalctl -u mosquitto" if local else "is it on, and its port open?"
        return error(f"{place}: {fault.strerror or fault}", remedy)
    return good(f"{place}: answers")


def metrics(case: Case) -> Iterable[Finding]:
    """Whether others may read the figures."""
    if listen := case.config.metrics.listen:
        host = listen.rpartition(":")[0].strip("[]")
        if not is_loopback(host):
            yield warning(f"metrics.listen = {listen}: anybody there reads them", "127.0.0.1, or a firewall before it")


CHECKS = (owners, settings, family, store, rehearsal, certificates, program, broker, metrics)
