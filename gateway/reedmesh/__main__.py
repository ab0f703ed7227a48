"""The command line: `reedmesh --help` lists the commands; those with more to them have a file of their own."""

import argparse
import json
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from reedmesh import __version__, dashboard
from reedmesh.commands import (
    alerts,
    assistant,
    audit,
    backup,
    broker,
    doctor,
    install,
    keys,
    learning,
    ledger,
    ownership,
    passport,
    recordings,
    status,  # fmt: skip
)
from reedmesh.config.settings import Config, load_config
from reedmesh.errors import ConfigError, ReedmeshError
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.inference import boards, compatibility
from reedmesh.service import journal, systemd
from reedmesh.updates import firmware_packages

DEFAULT_CONFIG = Path("/etc/reedmesh/reedmesh.toml")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 for a failure, 2 for what the operator can mend."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    journal.set_up(chosen.verbose)
    try:
        with ownership.as_owner(_owned(chosen)) if getattr(chosen, "as_owner", False) else nullcontext():
            done = int(chosen.run(chosen) or 0)
        if after := getattr(chosen, "after", None):
            after(chosen)
        if getattr(chosen, "config", None) and chosen.run not in (_run, dashboard.main):
            ownership.give_back(Path(load_config(chosen.config).state))
        return done
    except ReedmeshError as error:
        systemd.ServiceNotifier().status(str(error).splitlines()[0])
        if chosen.verbose:
            raise
        print("\n".join(f"reedmesh: {line}" for line in str(error).splitlines()), file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        return 130


def _owned(chosen: argparse.Namespace) -> Path:
    """The state directory whose owner a command becomes."""
    return Path(load_config(chosen.config).state)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="reedmesh", description="A gateway of a line whose sensors judge themselves.")
    parser.add_argument("--verbose", "-v", action="store_true", help="say more, and show where an error came from")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, text in (
        ("run", _run, "run the gateway"),
        ("check-config", _check_config, "say everything that is wrong with a config file"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("config", nargs="?", type=Path, default=DEFAULT_CONFIG, help=f"default {DEFAULT_CONFIG}")
        command.set_defaults(run=run)
    command.add_argument("--json", action="store_true", help="for programs")
    sensor = commands.add_parser("sensor-key", help="print a sensor's key, made if it has none, for its config.json")
    sensor.add_argument("sensor", help="its name")
    sensor.add_argument("config", nargs="?", type=Path, default=DEFAULT_CONFIG, help=f"default {DEFAULT_CONFIG}")
    sensor.set_defaults(run=_sensor_key, as_owner=True, after=broker.close_to_revoked)
    keys.add_keys(commands, DEFAULT_CONFIG)
    keys.add_sensors(commands, DEFAULT_CONFIG)
    alerts.add(commands, DEFAULT_CONFIG)
    assistant.add(commands, DEFAULT_CONFIG)
    learning.add(commands, DEFAULT_CONFIG)
    passport.add(commands, DEFAULT_CONFIG)
    audit.add(commands, DEFAULT_CONFIG)
    ledger.add(commands, DEFAULT_CONFIG)
    status.add(commands, DEFAULT_CONFIG)
    doctor.add(commands, DEFAULT_CONFIG)
    backup.add(commands, DEFAULT_CONFIG)
    broker.add_acl(commands, DEFAULT_CONFIG)
    broker.add_pki(commands, DEFAULT_CONFIG)
    update = commands.add_parser("update-sensors", help="have this gateway give its sensors new firmware")
    update.add_argument("parcels", nargs="+", type=Path, help="what `make update-sensors` made, one for each processor")
    update.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help=f"default {DEFAULT_CONFIG}")
    update.set_defaults(run=_update_sensors)
    install.add(commands)
    recordings.add(commands)
    model = commands.add_parser("check-model", help="whether a .tflite runs on a sensor's board, and how fast")
    model.add_argument("model", type=Path)
    model.add_argument("--board", default="esp32", help="a file of boards/, default esp32")
    model.set_defaults(run=_check_model)
    page = commands.add_parser("dashboard", help="serve the web page of one or more gateways")
    dashboard.add_arguments(page)
    page.set_defaults(run=dashboard.main)
    user = commands.add_parser("dashboard-user", help="print a login of the web page, for its config file")
    dashboard.add_user_arguments(user)
    user.set_defaults(run=dashboard.print_user)
    commands.add_parser("version", help="print the version").set_defaults(run=lambda _: print(__version__))
    return parser


def _run(chosen: argparse.Namespace) -> None:
    settings = load_config(chosen.config)
    from reedmesh.service import process as run  # LiteRT takes a moment to load; no other command needs it

    run.run(settings, partial(_reread, chosen.config))


def _reread(path: Path) -> Config:
    """The settings for a gateway that runs: good as far as can be told, down to the files they name."""
    if faults := doctor.faults(path):
        raise ConfigError("\n".join(faults))
    return load_config(path)


def _check_config(chosen: argparse.Namespace) -> int:
    faults = doctor.faults(chosen.config)
    if chosen.json:
        print(json.dumps({"file": str(chosen.config), "good": not faults, "faults": faults}, indent=1))
    elif faults:
        raise ConfigError("\n".join(faults))
    else:
        print(f"{chosen.config}: good")
    return 2 if faults else 0


def _update_sensors(chosen: argparse.Namespace) -> None:
    state = Path(load_config(chosen.config).state)
    for path in chosen.parcels:
        taken = firmware_packages.put(path, state)
        print(f"{path}: firmware {taken.sequence} for {taken.code}, {len(taken.payload)} bytes, goes to its sensors")


def _check_model(chosen: argparse.Namespace) -> int:
    known = boards.load(chosen.board)
    try:
        report = compatibility.check(chosen.model.read_bytes(), chosen.model.name)
    except OSError as e:
        raise ConfigError(f"{chosen.model}: {e.strerror}") from e
    print("\n".join(report.lines(known)))
    return 0 if report.runs(known) else 1


def _sensor_key(chosen: argparse.Namespace) -> None:
    print(SensorKeys(Path(load_config(chosen.config).state)).made_for(chosen.sensor).hex())


if __name__ == "__main__":
    sys.exit(main())
