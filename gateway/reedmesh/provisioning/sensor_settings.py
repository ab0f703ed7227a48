"""The config.json that a sensor is flashed with, from the options of a command.

Asks for what was not given, the Wi-Fi's password among it, so that it stands in no shell's history.
"""

import argparse
import base64
import getpass
import json
import os
import string
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from reedmesh.config import hosts, schema
from reedmesh.errors import ConfigError
from reedmesh.identity import certificates
from reedmesh.inference import boards
from reedmesh.inference.boards import Board
from reedmesh.inference.family import Family, find_family, load_family
from reedmesh.protocol import wire
from reedmesh.provisioning import drivers, hardware

SPARE = 1024  # bytes of room beyond the family's model: what comes over the air may differ a little
KEY_DIGITS = 64
DEFAULT_RANGE = 16  # g, where the family says nothing
STEPS, MICROPHONE_STEPS = 256, 1161  # for 1 g, and for 1 pascal of an INMP441


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options that say what board, transducer and link a sensor has."""
    parser.add_argument("--board", default="esp32", help=f"one of {', '.join(boards.names())}")
    parser.add_argument("--channels", type=Path, help="file of [[channels]] with name, pin, low, high; driver adc")
    parser.add_argument("--driver", default="adxl345", help="of its transducer, a file of firmware/drivers/")
    parser.add_argument("--rate", type=float, default=200.0, help="readings a second")
    parser.add_argument("--range", type=int, help="g either way that the transducer measures; default: the family's")
    parser.add_argument("--lsb-per-g", type=float, help="steps of the transducer for 1 g; default: the driver's")
    parser.add_argument("--host", help="address of the gateway's broker; of a cluster, its nodes: A,B,C:8883")
    parser.add_argument("--broker-port", type=int, help="default 8883 with --ca, 8884 with --psk, else 1883")
    parser.add_argument("--ca", type=Path, help="certificate of the broker or its authority (PEM): the link is TLS")
    parser.add_argument("--psk", action="store_true", help="TLS by the sensor's own key: MicroPython 1.29, mosquitto")
    parser.add_argument("--plain", action="store_true", help="no TLS, on a network nobody else is on")
    parser.add_argument("--ssid", help="name of the Wi-Fi; its password is asked for, or in WIFI_PASSWORD")
    parser.add_argument("--uart", type=int, help="number of the UART of a sensor on a wire, instead of Wi-Fi")
    parser.add_argument("--baud", type=int, default=115200, help="of the wire")
    parser.add_argument("--ntp", help="address of a time server; default: the gateway's broker's")


def settings(chosen: argparse.Namespace) -> dict[str, Any]:
    """A sensor's config.json; raises ConfigError for names that are none, and when nobody is there to be asked."""
    for name in (chosen.name, chosen.gateway):
        if not wire.is_name(name):
            raise ConfigError(f"{name!r}: 1 to 32 of a-z 0-9 _ -, it becomes part of MQTT topics")
    board, family = boards.load(chosen.board), load_family(find_family(chosen.family))
    sensor = {"driver": chosen.driver, "axes": family.recipe.axes, "rate_hz": chosen.rate}
    sensor |= _range(chosen, family)
    sensor |= {"channels": _channels(chosen.channels, family.recipe.axes)} if chosen.channels else {}
    made: dict[str, Any] = {"gateway": chosen.gateway, "name": chosen.name, "board": board.name, "mhz": board.mhz}
    made |= {"sensor": sensor, "features": family.recipe.table(), "model_bytes": _room(family)}
    made |= {"i2c": vars(board.i2c)} | _link(chosen, board) | ({"ntp": chosen.ntp} if chosen.ntp else {})
    made |= {"made": _made(chosen.ca), "reset_register": hardware.chips()[board.chip]["reset_state"]}
    made |= {"key": _key(chosen.key)} if chosen.key else {}
    hardware.check(made, board)
    return made


def _range(chosen: argparse.Namespace, family: Family) -> dict[str, Any]:
    """The transducer's range, by default as the family wants it, and its steps for 1 g; raises ConfigError."""
    driver = drivers.load(chosen.driver) if chosen.driver != "replay" else None
    if not driver or not driver.ranges:
        steps: float = 0 if chosen.driver == "adc" else MICROPHONE_STEPS if chosen.driver == "inmp441" else STEPS
        return {"lsb_per_g": steps if chosen.lsb_per_g is None else chosen.lsb_per_g} | (
            {"range_g": chosen.range} if chosen.range else {}
        )
    range_g = chosen.range or driver.range_for(family.range_g or DEFAULT_RANGE)
    steps = driver.ranges.get(range_g, 0) if chosen.lsb_per_g is None else chosen.lsb_per_g
    return {"range_g": range_g, "lsb_per_g": steps}


def _made(ca: Path | None) -> int:
    """Seconds since 1970, no earlier than the certificate: the sensor's clock starts there before it knows better."""
    begins = int(certificates.read(ca).not_valid_before_utc.timestamp()) + 1 if ca else 0
    return max(int(time.time()), begins)


def _room(family: Family) -> int:
    """Bytes for a model of the family: a sensor keeps two buffers of it, so each KiB counts twice."""
    size = len(family.int8_tflite) or _of_sums(family.recipe.length)
    return -(-(size + SPARE) // 1024) * 1024


def _of_sums(features: int) -> int:
    """Bytes that a model of so many features takes, with the most operating states: up to 16 % less, as measured."""
    return features * features + 100 * features + 2048


@dataclass(frozen=True)
class Channel:
    """An input of the board's converter; low, high: its steps that the ends of the range stand for."""

    name: str
    pin: int = field(metadata={"min": 0, "max": 48})
    low: int = field(default=0, metadata={"min": 0, "max": 65535})
    high: int = field(default=65536, metadata={"min": 1, "max": 65536})


@dataclass(frozen=True)
class Channels:
    """A file of [[channels]]."""

    channels: tuple[Channel, ...]


def _channels(path: Path, axes: int) -> list[dict[str, Any]]:
    """The channels in a file, one for each of the family's axes; raises ConfigError for more, fewer or a bad range."""
    channels = schema.read_file(Channels, path).channels
    if len(channels) != axes:
        raise ConfigError(f"{path}: {len(channels)} channels, the family listens to {axes}")
    for i, each in enumerate(channels):
        if each.low >= each.high:
            raise ConfigError(f'{path}: "channels[{i}].low" must be below high, {each.high}, not {each.low}')
    return [asdict(each) for each in channels]


def _key(digits: str) -> str:
    """The key, if it is one: a digit that was lost on the way would be noticed by the sensor only."""
    if len(digits) != KEY_DIGITS or not set(digits) <= set(string.hexdigits):
        raise ConfigError(f"--key {digits[:4]}...: {KEY_DIGITS} digits 0-9 a-f, as `reedmesh sensor-key` prints them")
    return digits


def _link(chosen: argparse.Namespace, board: Board) -> dict[str, Any]:
    """How it reaches its gateway: by wire, or by Wi-Fi."""
    if chosen.uart is not None:
        return {"serial": {"uart": chosen.uart, "baud": chosen.baud, "tx": board.uart.tx, "rx": board.uart.rx}}
    nodes = (chosen.host or _ask("address of the gateway's broker")).split(",")
    ssid = chosen.ssid or _ask("name of the Wi-Fi")
    password = os.environ.get("WIFI_PASSWORD") or _ask(f"password of {ssid}", getpass.getpass)
    broker = _nodes(nodes, chosen.name, _broker(chosen))
    return {"broker": broker, "wifi": _ssid(ssid) | {"password": password}}


def _nodes(given: list[str], name: str, broker: dict[str, Any]) -> dict[str, Any]:
    """Return the broker of the settings: its first node follows from the sensor's name, so that sensors spread."""
    try:
        first, *others = hosts.begun_by([hosts.read(each.strip(), broker["port"]) for each in given], name)
    except ValueError as fault:
        raise ConfigError(f"--host {','.join(given)}: {fault}") from fault
    broker = {"host": first.host, **broker, "port": first.port}
    return broker | ({"others": [list(each) for each in others]} if others else {})


def _ssid(given: str) -> dict[str, str]:
    """A network's name is bytes; most are UTF-8, and the others travel as hexadecimal digits."""
    name = os.fsencode(given)
    try:
        return {"ssid": name.decode()}
    except UnicodeDecodeError:
        return {"ssid_hex": name.hex()}


def _broker(chosen: argparse.Namespace) -> dict[str, Any]:
    """Port and certificate; raises ConfigError when nobody said that the link may do without one."""
    if chosen.ca:
        der = certificates.read(chosen.ca).public_bytes(Encoding.DER)
        return {"port": chosen.broker_port or 8883, "ca": base64.b64encode(der).decode()}
    if chosen.psk:
        if not chosen.key:
            raise ConfigError("--psk needs --key, as `reedmesh sensor-key` prints it on the gateway")
        return {"port": chosen.broker_port or 8884, "psk": True}
    if not chosen.plain:
        raise ConfigError("neither --ca (certificate of the broker or its authority) nor --psk nor --plain (isolated)")
    return {"port": chosen.broker_port or 1883, "plain": True}


def _ask(what: str, ask: Any = input) -> str:
    if not sys.stdin.isatty():
        raise ConfigError(f"{what}: not given, and nobody to ask; see --help")
    return str(ask(f"{what}: "))


def save(made: dict[str, Any], out: Path) -> None:
    """Write the file for its owner alone: a password and a key are in it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.unlink(missing_ok=True)
    with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(made, file, indent=1)
