"""`reedmesh sensor add | replace | move | remove | list | monitor | erase`: from a board to a sensor that is heard."""

import argparse
import getpass
import json
import os
import time
from pathlib import Path
from typing import Any

from reedmesh.commands import broker, ownership, sensor_hello
from reedmesh.commands.client import ask
from reedmesh.config.settings import Config, load_config
from reedmesh.errors import ConfigError, RefusedError
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.inference import boards
from reedmesh.provisioning import flash, gateway_link, remote, sensor_settings, serial_port

ADD = "make a sensor of the board on a serial port, and wait until the gateway hears it"
REPLACE = "put a new board in the place of one that broke or was lost: the old key ends, the model stays"
MOVE = "learn a sensor anew, which watches another machine now; with --port it gets new settings, too"
TRIES = 5
NO_KEY = "0" * sensor_settings.KEY_DIGITS
REMOVE = "take a sensor away: its key ends, its models and windows go, its alerts stay in the records"


def add(commands: Any, default: Path) -> None:
    """Add the command to `commands`."""
    verbs = commands.add_parser("sensor", help="add, list, replace, move and remove sensors").add_subparsers(
        required=True, metavar="VERB"
    )
    for name, text, run in (("add", ADD, _add), ("replace", REPLACE, _replace), ("move", MOVE, _move)):
        verb = _named(verbs, name, text, run, default)
        sensor_settings.add_options(verb)
        verb.add_argument("--port", help="serial port of the board; not needed when there is only one")
        verb.add_argument("--firmware", type=Path, help="a MicroPython image, instead of the official one")
        verb.add_argument("--before", default="default-reset", help="how to reach the boot loader, as esptool has it")
        verb.add_argument("--seconds", type=float, default=sensor_hello.PATIENCE, help="to wait for its hello")
    _named(verbs, "remove", REMOVE, _remove, default)
    listed = verbs.add_parser("list", help="the sensors that have a key, and how each is")
    listed.add_argument("--json", action="store_true", help="for programs")
    listed.add_argument("--config", type=Path, default=default, help=f"default {default}")
    listed.set_defaults(run=_list)
    shown = "show what a board prints, until Ctrl-]"
    for name, text, act in (("monitor", shown, _monitor), ("erase", "make a board bare again", _erase)):
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("--port", help="serial port; not needed when there is only one")
        verb.set_defaults(run=act)


def _named(verbs: Any, name: str, text: str, run: Any, default: Path) -> argparse.ArgumentParser:
    verb: argparse.ArgumentParser = verbs.add_parser(name, help=text)
    verb.add_argument("name", help="of the sensor, 1 to 32 of a-z 0-9 _ -")
    verb.add_argument("--config", type=Path, default=default, help=f"of the gateway; default {default}")
    verb.add_argument("--by", default=getpass.getuser(), help="who does it; default the user's name")
    verb.set_defaults(run=run)
    return verb


def _add(chosen: argparse.Namespace) -> None:
    settings = load_config(chosen.config)
    if chosen.name in ask(settings, "status", {})["sensors"]:
        raise ConfigError(f"{chosen.name}: is a sensor here already; `reedmesh sensor replace` gives it a new board")
    _make(chosen, settings)


def _replace(chosen: argparse.Namespace) -> None:
    settings = load_config(chosen.config)
    with _owner(settings):
        names = SensorKeys(Path(settings.state)).names()
    if chosen.name not in names:
        raise ConfigError(f"{chosen.name}: no sensor with a key; there are {', '.join(names) or 'none'}")
    _make(chosen, settings, anew=True)


def _make(chosen: argparse.Namespace, settings: Config, anew: bool = False) -> None:
    """Make settings, key, login and files; write them to the board; wait until the gateway hears it.

    anew: the key it has ends. What can go wrong is found out before a key is made or ends, and the board is written.
    """
    made = _settings(chosen, settings)
    board, port = boards.load(chosen.board), serial_port.chosen(chosen.port)
    firmware = flash.micropython(board, chosen.firmware)
    made |= _key(chosen, settings, anew)
    print(flash.in_doubt(board, made) + f"{port}: writes MicroPython and the firmware", flush=True)
    flash.flash(port, board, firmware, made, reset=chosen.before)
    _await(chosen, settings, f"{port}: written and verified")


def _settings(chosen: argparse.Namespace, settings: Config) -> dict[str, Any]:
    """The sensor's config.json but for its key; raises ConfigError with what is wrong."""
    gateway_link.complete(chosen, settings)
    if chosen.uart is not None and not settings.serial:
        raise ConfigError(f'a wire needs [[serial]] in {chosen.config}: port = "/dev/...", baud = {chosen.baud}')
    chosen.key = NO_KEY
    return sensor_settings.settings(chosen)


def _key(chosen: argparse.Namespace, settings: Config, anew: bool) -> dict[str, str]:
    """Its key, made if need be, with which it may log in at the broker from now on."""
    with _owner(settings):
        keys = SensorKeys(Path(settings.state))
        if anew:
            keys.revoke(chosen.name)
        made = keys.made_for(chosen.name).hex()
    broker.close_to_revoked(chosen)
    return {"key": made}


def _await(chosen: argparse.Namespace, settings: Config, done: str) -> None:
    print(f"{done}; waiting for {chosen.name} to say hello to {settings.name}", flush=True)
    sensor_hello.wait(settings, chosen.name, chosen.seconds)
    print(f"{chosen.name}: heard; the gateway learns its machine now: reedmesh sensor list")


def _move(chosen: argparse.Namespace) -> None:
    settings = load_config(chosen.config)
    if chosen.port:
        made, port = _settings(chosen, settings), serial_port.chosen(chosen.port)
        made |= _key(chosen, settings, anew=False)
        path = Path(settings.state) / f".{chosen.name}.{os.getpid()}.json"
        try:
            sensor_settings.save(made, path)
            remote.put_settings(port, path, made["board"])
        finally:
            path.unlink(missing_ok=True)
        remote.restart(port)
        _await(chosen, settings, f"{port}: has its settings")
    told = ask(settings, "relearn", {"sensor": chosen.name, "by": chosen.by})
    print(f"{chosen.name}: learns its new machine, {told['windows']} windows long, and is not judged meanwhile")


def _remove(chosen: argparse.Namespace) -> None:
    settings = load_config(chosen.config)
    known = chosen.name in ask(settings, "status", {})["sensors"]
    with _owner(settings):
        keys = SensorKeys(Path(settings.state))
        if not known and chosen.name not in keys.names():
            raise ConfigError(f"{chosen.name}: no such sensor; `reedmesh sensor list` has them")
        keys.revoke(chosen.name)
    broker.close_to_revoked(chosen)
    if known:
        _forget(chosen, settings)
    print(f"{chosen.name}: removed; nothing it says is heard. `reedmesh sensor add {chosen.name}` begins anew")


def _forget(chosen: argparse.Namespace, settings: Config) -> None:
    """Have the gateway forget it, which does so only when it has seen the revocation: it looks once a second."""
    for left in reversed(range(TRIES)):
        try:
            ask(settings, "forget", {"sensor": chosen.name, "by": chosen.by})
        except RefusedError:
            if not left:
                raise
            time.sleep(1)
        else:
            return


def _list(chosen: argparse.Namespace) -> None:
    settings = load_config(chosen.config)
    keys = SensorKeys(Path(settings.state)).names()
    try:
        known = ask(settings, "status", {})["sensors"]
    except RefusedError as error:
        known = {}
        print(f"(only keys: {error})")
    names = sorted({*keys, *known})
    table = [{"name": name, "key": name in keys, **known.get(name, {"state": "not heard yet"})} for name in names]
    print(json.dumps(table, indent=1) if chosen.json else "\n".join(map(_line, table)) or "no sensors yet")


def _line(sensor: dict[str, Any]) -> str:
    link = "" if "online" not in sensor else "online" if sensor["online"] else "offline"
    learnt = f"{100 * sensor['progress']:.0f} % learnt" if "progress" in sensor else ""
    return f"{sensor['name']:<32} {sensor['state']:<14} {link:<8} {learnt}{'' if sensor['key'] else ' no key'}".rstrip()


def _owner(settings: Config) -> Any:
    return ownership.as_owner(Path(settings.state))


def _monitor(chosen: argparse.Namespace) -> None:
    serial_port.monitor(serial_port.chosen(chosen.port))


def _erase(chosen: argparse.Namespace) -> None:
    place = serial_port.chosen(chosen.port)
    flash.erase(place)
    print(f"{place}: bare; `reedmesh sensor add` makes a sensor of it again")
