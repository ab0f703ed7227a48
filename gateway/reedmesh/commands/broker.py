"""`reedmesh acl write | invite` and `reedmesh pki ca | issue | show`: access to our broker."""

import argparse
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from reedmesh import atomic_file
from reedmesh.broker import acl, mosquitto
from reedmesh.broker.accounts import Users
from reedmesh.commands import cluster
from reedmesh.config.settings import Config, load_config
from reedmesh.errors import ConfigError, ReedmeshError
from reedmesh.identity import certificates, opcua_certificates
from reedmesh.protocol import wire

RELOAD = "now: systemctl reload mosquitto"
INSTALLED = Path("/etc/mosquitto/reedmesh")  # where `reedmesh install` has them


def add_acl(commands: Any, default: Path) -> None:
    """The arguments of `reedmesh acl`."""
    verbs = commands.add_parser("acl", help="mosquitto's files, and passwords of who is invited").add_subparsers(
        required=True, metavar="VERB"
    )
    written = verbs.add_parser("write", help="write mosquitto.conf, acl and passwords as the config says")
    written.add_argument("--out", type=Path, help=f"folder; default {INSTALLED}, or in the state directory")
    written.add_argument("--for", dest="software", choices=("mosquitto", "nats", "rabbitmq"), default="mosquitto")
    written.add_argument("--with", dest="others", type=Path, action="append", default=[], metavar="USERS.CONF",
                         help="of another gateway on the same NATS cluster: its users are put in as well")  # fmt: skip
    invite = verbs.add_parser("invite", help="print the password of a neighbour, a sensor or the dashboard")
    invite.add_argument("user", help="a gateway we trust, sensor.NAME, dashboard, home-assistant, sparkplug or plc")
    for verb, run in ((written, _write), (invite, _invite)):
        verb.add_argument("config", nargs="?", type=Path, default=default, help=f"default {default}")
        verb.set_defaults(run=run)


def add_pki(commands: Any, default: Path) -> None:
    """The arguments of `reedmesh pki`."""
    verbs = commands.add_parser("pki", help="certificates of brokers").add_subparsers(required=True, metavar="VERB")
    made = verbs.add_parser("ca", help="make a site's own authority")
    made.add_argument("folder", type=Path, help="where ca.crt and ca.key will be: a stick in a drawer")
    made.add_argument("--site", default="site", help="a name for people")
    made.set_defaults(run=_ca)
    issue = verbs.add_parser("issue", help="make this gateway's certificate, pki/server.crt in the state directory")
    issue.add_argument("--host", action="append", required=True, help="name or address of the broker; may be repeated")
    issue.add_argument("--ca", type=Path, help="folder of the authority; without one the certificate is pinned itself")
    issue.add_argument("--days", type=int, default=certificates.DAYS, help=f"default {certificates.DAYS}")
    issue.add_argument("config", nargs="?", type=Path, default=default, help=f"default {default}")
    issue.set_defaults(run=_issue)
    opcua = verbs.add_parser("opcua", help="make a certificate for OPC UA: this gateway's, or a client's with --client")
    opcua.add_argument("--client", default="", metavar="NAME", help="of the PLC or SCADA system it is for")
    opcua.add_argument("--uri", default="", help="the client's application URI; default urn:NAME")
    opcua.add_argument("--host", action="append", default=[], help="name of the machine; may be repeated")
    opcua.add_argument("--out", type=Path, help="folder; default pki in the state directory")
    opcua.add_argument("--days", type=int, default=certificates.DAYS, help=f"default {certificates.DAYS}")
    opcua.add_argument("config", nargs="?", type=Path, default=default, help=f"default {default}")
    opcua.set_defaults(run=_opcua)
    show = verbs.add_parser("show", help="fingerprint and dates of a certificate")
    show.add_argument("file", type=Path)
    show.add_argument("--json", action="store_true", help="for programs")
    show.set_defaults(run=_show)


def _write(chosen: argparse.Namespace) -> None:
    settings = load_config(chosen.config)
    if chosen.software != "mosquitto":
        cluster.write_users(settings, chosen.software, chosen.others, chosen.out)
        return
    beside = INSTALLED if INSTALLED.is_dir() else Path(settings.state) / "mosquitto"
    for path in write(settings, (chosen.out or beside).absolute()):
        print(path)
    print(RELOAD)


def _opcua(chosen: argparse.Namespace) -> None:
    """The gateway's certificate for OPC UA; or a client's, which goes into the folder `trusted` at once."""
    settings = load_config(chosen.config)
    folder = chosen.out or Path(settings.state) / certificates.FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    name = chosen.client or "opcua"
    if not wire.is_name(name):
        raise ConfigError(f"--client {name}: 1 to 32 of a-z 0-9 _ -")
    uri = (chosen.uri or f"urn:{name}") if chosen.client else opcua_certificates.uri_of(settings.name)
    opcua_certificates.issue(folder, name, uri, chosen.host, chosen.days)
    print(f"{folder / name}.der\n{folder / name}.pem\napplication URI {uri}")
    if chosen.client:
        print(f"copy {name}.der into the folder `trusted` of [opcua], both to the client; then reload the gateway")


def close_to_revoked(chosen: argparse.Namespace) -> None:
    """After a revocation: write mosquitto's lists anew, which disconnects who is no longer in them once it reloads."""
    settings = load_config(chosen.config)
    folder = INSTALLED if INSTALLED.is_dir() else (Path(settings.state) / "mosquitto").absolute()
    if settings.broker.embedded or not (folder / "acl").exists():
        return  # the embedded broker sees it by itself
    try:
        write(settings, folder)
    except (OSError, ReedmeshError) as error:
        print(f"{folder} is as it was ({error}): sudo reedmesh acl write; systemctl reload mosquitto")
        return
    reload = [shutil.which("systemctl") or "/usr/bin/systemctl", "reload", "mosquitto"]
    if folder != INSTALLED or subprocess.run(reload, check=False).returncode:
        print(RELOAD)


def write(settings: Config, folder: Path, named: Path | None = None) -> list[Path]:
    """Write all that mosquitto needs into `folder`, which it will know as `named`; raises ConfigError."""
    named, pki_folder = named or folder, Path(settings.state) / certificates.FOLDER
    found = mosquitto.files(settings.broker, Users(settings), named, named)
    if settings.broker.tls_port:  # mosquitto gives up root's rights before it reads them, so it gets copies of its own
        certificates.read(pki_folder / "server.crt")
        found |= {name: (pki_folder / name).read_text() for name in ("server.crt", "server.key")}
    folder.mkdir(parents=True, exist_ok=True)
    group = folder.stat().st_gid
    for name, text in found.items():
        _replace(folder / name, text, group)
    return [folder / name for name in found]


def _replace(path: Path, text: str, group: int) -> None:
    """Whole or not at all: mosquitto may be told to read them at any time. Its group may read them, and nobody else."""
    atomic_file.write(path, text.encode(), 0o640, (-1, group))


def _invite(chosen: argparse.Namespace) -> None:
    settings = load_config(chosen.config)
    user = acl.gateway_user(chosen.user) if wire.is_name(chosen.user) and "." not in chosen.user else chosen.user
    user = chosen.user if chosen.user in acl.PROGRAMS else user
    password = Users(settings).password(user)
    if not password:
        raise ConfigError(f"{chosen.user}: neither a gateway we trust (see `keys trust`) nor a sensor with a key")
    print(f"user {user}\npassword {password}")


def _ca(chosen: argparse.Namespace) -> None:
    _tell(chosen.folder / "ca.crt", certificates.make_ca(chosen.folder, chosen.site))


def _issue(chosen: argparse.Namespace) -> None:
    folder = Path(load_config(chosen.config).state) / certificates.FOLDER
    _tell(folder / "server.crt", certificates.issue(folder, chosen.host, chosen.ca, chosen.days))


def _show(chosen: argparse.Namespace) -> None:
    found = certificates.read(chosen.file)
    if not chosen.json:
        _tell(chosen.file, found)
        return
    dates = {"from": found.not_valid_before_utc.isoformat(), "to": found.not_valid_after_utc.isoformat()}
    print(json.dumps({"file": str(chosen.file), "sha256": certificates.fingerprint(found), **dates}, indent=1))


def _tell(path: Path, certificate: Any) -> None:
    print(f"{path}\nSHA-256 {certificates.fingerprint(certificate)}")
    print(f"valid {certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}")
