"""`reedmesh install | uninstall`: makes the gateway a service of this machine: user, folders, units, mosquitto's files.

Says what it would do; with --yes it does it. Done again it is an upgrade. What the operator keeps (settings, keys,
database, drop-ins) is made where it is missing and otherwise left alone.
"""

import argparse
import importlib.util
import os
import re
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from reedmesh.broker.accounts import derived
from reedmesh.broker.acl import DASHBOARD
from reedmesh.commands import broker as broker_command
from reedmesh.commands import ownership
from reedmesh.commands.host import Host, Step, nothing
from reedmesh.config.checks import is_loopback
from reedmesh.config.settings import Config, load_config
from reedmesh.errors import ConfigError
from reedmesh.protocol import wire

_PACKAGED = Path(__file__).parents[1] / "systemd"  # in a wheel
_CHECKOUT = Path(__file__).parents[2] / "systemd"
IN_UNITS = "/opt/reedmesh/bin/reedmesh"  # the program's path there
GATEWAY, DASHBOARD_UNIT, USER, BROKER = "reedmesh.service", "reedmesh-dashboard.service", "reedmesh", "mosquitto"

UNITS = Path("/etc/systemd/system")
DROP_INS = UNITS / "reedmesh.service.d"
SYSUSERS = Path("/etc/sysusers.d/reedmesh.conf")
SETTINGS = Path("/etc/reedmesh/reedmesh.toml")
CREDENTIALS = SETTINGS.parent / "credentials"
PAGE = SETTINGS.parent / "dashboard.toml"
STATE = Path("/var/lib/reedmesh")
LISTS = broker_command.INSTALLED
INCLUDED = Path("/etc/mosquitto/conf.d/reedmesh.conf")
COMMAND = Path("/usr/local/bin/reedmesh")
OPENINGS: dict[str, Callable[[Config], object]] = {  # drop-ins, and with which settings the sandbox needs them
    "serial.conf": lambda settings: settings.serial,
    "notify.conf": lambda settings: settings.notify.urls,
}


def add(commands: Any) -> None:
    """Add the commands to `commands`."""
    text = "make the gateway a service of this machine; says what it would do before it does"
    make = commands.add_parser("install", help=text)
    remove = commands.add_parser("uninstall", help="take the service away; settings, keys and database stay")
    program = Path(sys.prefix) / "bin" / "reedmesh"
    make.add_argument("--program", type=Path, default=program, help=f"default {program}")
    for command, plan in ((make, installation), (remove, removal)):
        command.add_argument("--yes", action="store_true", help="do it, instead of saying it")
        command.add_argument("--root", type=Path, default=Path("/"), help="of another system, such as an image's")
        command.set_defaults(run=partial(_run, plan))


def _run(plan: Callable[[Host, argparse.Namespace], Iterator[Step]], chosen: argparse.Namespace) -> None:
    if chosen.yes and os.geteuid() != 0:
        raise ConfigError("only root can do that: sudo reedmesh ... --yes")
    for step in plan(Host(chosen.root), chosen):
        print(step.says, flush=True)
        if chosen.yes:
            step.do()
    if not chosen.yes:
        print("nothing was done yet: add --yes")


def installation(host: Host, chosen: argparse.Namespace) -> Iterator[Step]:
    """What makes a service of the program, in order; each step is asked for when those before it are done."""
    _refuse_no_system(host)
    units = [GATEWAY, *([DASHBOARD_UNIT] if importlib.util.find_spec("nicegui") else [])]
    yield host.file(SYSUSERS, _shipped("reedmesh.sysusers"))
    yield host.call("systemd-sysusers")
    yield host.folder(STATE, 0o700, USER)
    yield host.folder(SETTINGS.parent, 0o750, "root", USER)
    yield host.folder(CREDENTIALS, 0o700)
    yield host.file(SETTINGS, _first_settings(), 0o640, USER, keep=True)
    settings = _settings(host)
    for unit in units:
        yield host.file(UNITS / unit, _shipped(unit).replace(IN_UNITS, str(chosen.program)))
    for name, wanted in OPENINGS.items():
        there = DROP_INS / name
        yield host.file(there, _shipped(f"reedmesh-{name}")) if wanted(settings) else host.absent(there)
    yield from _broker(host, settings)
    if DASHBOARD_UNIT in units:
        kept = host.at(PAGE).exists()
        yield Step(f"keep {PAGE}", nothing) if kept else Step(f"write {PAGE}", partial(_write_page, host))
    if chosen.program != COMMAND:
        yield Step(f"link {COMMAND} to {chosen.program}", partial(host.link, COMMAND, chosen.program))
    if not host.other:
        yield host.call("systemctl", "daemon-reload")
    yield host.call("systemctl", "enable", *units)
    if not host.other:
        yield host.call("systemctl", "restart", *units)
        yield Step(f"gateway {settings.name} is at work: see `reedmesh status` and `reedmesh doctor`", nothing)


def _refuse_no_system(host: Host) -> None:
    """Raise ConfigError where no system's files are: nothing is to be written there."""
    if missing := [name for name in ("/etc/passwd", "/etc/group") if not host.at(Path(name)).is_file()]:
        raise ConfigError(
            f"{host.at(Path('/'))}: holds no system (there is no {missing[0]}); mount the image there first"
        )


def removal(host: Host, _: argparse.Namespace) -> Iterator[Step]:
    """The steps that undo an installation; data of people and sensors stays."""
    units = [unit for unit in (DASHBOARD_UNIT, GATEWAY) if host.at(UNITS / unit).exists()]
    for unit in units:
        yield host.call("systemctl", "disable", *([] if host.other else ["--now"]), unit)
    had_broker = host.at(INCLUDED).exists()
    ours = [*(UNITS / unit for unit in units), *(DROP_INS / name for name in OPENINGS), INCLUDED, LISTS]
    for path in (*ours, SYSUSERS, COMMAND):
        if os.path.lexists(host.at(path)):
            yield host.absent(path)
    if not host.other:
        yield host.call("systemctl", "daemon-reload")
        if had_broker:
            yield host.call("systemctl", "restart", BROKER)
    yield Step(f"keep {SETTINGS.parent} and {STATE}: remove them when nobody needs the gateway's memory", nothing)


def _broker(host: Host, settings: Config) -> Iterator[Step]:
    """mosquitto's files, if the broker is one of this machine."""
    broker = settings.broker
    if broker.embedded or broker.cluster or not is_loopback(broker.nodes[0].host):
        there = "embedded" if broker.embedded else ", ".join(map(str, broker.nodes))
        yield Step(f"leave mosquitto alone: the broker is {there}", nothing)
        return
    if not host.at(INCLUDED.parent).is_dir():
        raise ConfigError("there is no mosquitto: apt install mosquitto, or set broker.embedded")
    _refuse_second_listener(host, broker.port)
    yield Step(f"write {LISTS}: who may log in, and say what", partial(_write_lists, host))
    yield Step(f"write {INCLUDED}", lambda: host.write(INCLUDED, (host.at(LISTS) / "mosquitto.conf").read_text()))
    if not host.other:
        yield host.call("systemctl", "restart", BROKER)


def _refuse_second_listener(host: Host, port: int) -> None:
    """Raise ConfigError if mosquitto has a listener on `port` that is not ours: it would not start."""
    for path in (host.at(INCLUDED.parents[1] / "mosquitto.conf"), *host.at(INCLUDED.parent).glob("*.conf")):
        lines = path.read_text().splitlines() if path.exists() and path != host.at(INCLUDED) else []
        if any(line.split()[:2] in (["listener", str(port)], ["port", str(port)]) for line in lines):
            raise ConfigError(f"{path}: has a listener on {port}, too: take it out, or choose another broker.port")


def _write_lists(host: Host) -> None:
    """mosquitto's configuration, access list, passwords and certificate, readable by its group."""
    settings = _settings(host)
    host.at(LISTS).mkdir(exist_ok=True)
    host.at(LISTS).chmod(0o750)
    os.chown(host.at(LISTS), 0, host.group(BROKER))
    broker_command.write(settings, host.at(LISTS), LISTS)
    ownership.give_back(Path(settings.state))


def _write_page(host: Host) -> None:
    """The dashboard's settings, with its password at the broker."""
    settings = _settings(host)
    place = f'host = "127.0.0.1"\nport = {settings.broker.port}'
    password = derived(Path(settings.state), DASHBOARD)
    ownership.give_back(Path(settings.state))
    text = f'# docs/dashboard.md has all settings\ntitle = "{settings.name}"\n\n[[brokers]]\n{place}\n'
    host.write(PAGE, f'{text}password = "{password}"\n', 0o600)


def _settings(host: Host) -> Config:
    """As they are there, or will be; the state directory is where we find it."""
    there = host.at(SETTINGS)
    found = load_config(there) if there.exists() else Config(_name(), str(STATE))
    return replace(found, state=str(host.at(Path(found.state).absolute())))


def _shipped(name: str) -> str:
    return ((_PACKAGED if _PACKAGED.is_dir() else _CHECKOUT) / name).read_text()


def _first_settings() -> str:
    """The example, with this machine's name."""
    folder = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT.parent
    example = (folder / "reedmesh.example.toml").read_text()
    return example.replace('name = "hall1"', f'name = "{_name()}"', 1)


def _name() -> str:
    """The machine's name as a gateway may have it."""
    name = re.sub("[^a-z0-9_-]", "-", socket.gethostname().lower())[:32]
    return name if wire.is_name(name) else "gateway"
