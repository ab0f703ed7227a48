"""Checks a sensor's settings against its chip, its driver and its network, before anything is flashed.

Every refusal names the setting, the limit and a working example. Whoever makes settings or an image asks.
"""

import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import hexdigits
from typing import Any

from reedmesh.errors import ConfigError
from reedmesh.inference import boards
from reedmesh.inference.boards import Board
from reedmesh.provisioning import drivers

SSID_BYTES, PASSWORD, PSK = 32, (8, 63), 64  # IEEE 802.11; WPA2 passphrase, or the key in hexadecimal digits
BAUDS = 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600
MODEL_BYTES = 65536
MOST_OTHERS = 8  # nodes of a broker cluster beside the first: each costs the sensor memory
I2C_ADDRESSES = range(0x08, 0x78)
I2C_HZ = 10_000, 1_000_000


@cache
def chips() -> dict[str, dict[str, Any]]:
    """By name of the chip: what chips.toml says."""
    return tomllib.loads(Path(__file__).with_name("chips.toml").read_text())


def check(config: dict[str, Any], board: Board | None = None) -> None:
    """Raise ConfigError with a line for each setting that the board, the driver or the network cannot do."""
    board = board or boards.load(config["board"])
    faults = [*_sensor(config), *_pins(config, board), *_link(config, board)]
    if faults:
        raise ConfigError("\n".join(faults))


def _sensor(config: dict[str, Any]) -> Iterator[str]:
    sensor, features = config["sensor"], config["features"]
    if sensor.get("driver") == "replay":
        return
    try:
        driver = drivers.load(str(sensor.get("driver")))
    except ConfigError as error:
        yield str(error)
        return
    axes, rate = int(features.get("axes", 1)), sensor.get("rate_hz")
    if driver.axes and driver.axes != axes:
        yield f"sensor.driver: {driver.name} has {driver.axes} axes, the family listens to {axes}: {_another(axes)}"
    if driver.name == "adc":
        yield from _channels(sensor, axes)
    if not isinstance(rate, int | float) or isinstance(rate, bool) or not rate > 0:
        yield f"sensor.rate_hz: {rate!r} is no number above 0: --rate 200"
    else:
        yield from _rate(driver, float(rate), axes)
    yield from _range(driver, sensor)


def _another(axes: int) -> str:
    """A driver with the right number of axes."""
    return "--driver adxl345" if axes == 3 else "--driver inmp441" if axes == 1 else "--driver adc --channels FILE"


def _rate(driver: drivers.Driver, rate: float, axes: int) -> Iterator[str]:
    if driver.name == "adc":
        most = drivers.ADC_MOST_HZ / axes
        if not drivers.ADC_LEAST_HZ <= rate <= most:
            limit = f"from a reading in 600 s to {most:g} a second with {axes} channels"
            yield f"sensor.rate_hz: {rate:g}: the converter keeps rates {limit}: --rate 1"
    elif driver.rates and abs(driver.nearest(rate) / rate - 1) > drivers.SAME:
        had = ", ".join(f"{each:g}" for each in driver.rates)
        yield f"sensor.rate_hz: {rate:g}: {driver.name} keeps {had} readings a second: --rate {driver.nearest(rate):g}"


def _range(driver: drivers.Driver, sensor: dict[str, Any]) -> Iterator[str]:
    told = sensor.get("range_g")
    if told is None:
        return
    if told not in driver.ranges:
        had = ", ".join(map(str, sorted(driver.ranges))) or "none"
        example = f"--range {driver.range_for(told if isinstance(told, int) else 8)}" if driver.ranges else "no --range"
        yield f"sensor.range_g: {told}: {driver.name} has the ranges {had} in g: {example}"
    elif sensor.get("lsb_per_g") != driver.ranges[told]:
        right = driver.ranges[told]
        has = f"{driver.name} has {right} steps for 1 g in a range of {told} g"
        yield f"sensor.lsb_per_g: {sensor.get('lsb_per_g')}: {has}: leave it out"
    address = sensor.get("address", I2C_ADDRESSES[0])
    if address not in I2C_ADDRESSES:
        yield f'sensor.address: {address}: I2C has addresses 8 to 119: "address": 83 for an ADXL345'


def _channels(sensor: dict[str, Any], axes: int) -> Iterator[str]:
    count = len(sensor.get("channels") or [sensor])
    if count != axes:
        yield f"sensor.channels: {count}, the family listens to {axes}: a table [[channels]] for each"


def used(config: dict[str, Any], board: Board) -> list[tuple[str, object, str]]:
    """Setting, pin, and what it must be able to do: "out", "in" or "adc"."""
    sensor, found = config["sensor"], []
    name = sensor.get("driver")
    if name in drivers.names() and drivers.load(name).on_i2c:
        bus = sensor.get("i2c") or config.get("i2c") or vars(board.i2c)
        found += [(f"i2c.{key}", bus.get(key), "out") for key in ("sda", "scl")]
    if name == "inmp441":
        found += [(f"sensor.{key}", sensor.get(key), "in" if key == "sd" else "out") for key in ("sck", "ws", "sd")]
    if name == "adc":
        found += [
            (f"channels[{i}].pin", each.get("pin"), "adc") for i, each in enumerate(sensor.get("channels") or [sensor])
        ]
    if isinstance(serial := config.get("serial"), dict) and "uart" in serial:
        found += [
            ("serial.tx", serial.get("tx", board.uart.tx), "out"),
            ("serial.rx", serial.get("rx", board.uart.rx), "in"),
        ]
    return found


def _pins(config: dict[str, Any], board: Board) -> Iterator[str]:
    chip, taken = chips()[board.chip], dict[int, str]()
    defaults = {board.i2c.sda, board.i2c.scl, board.uart.tx, board.uart.rx}
    for setting, pin, use in used(config, board):
        free = _free(board, use, {number for _, number, _ in used(config, board)})
        example = "no other pin can" if free is None else f"pin {free} can"
        if not isinstance(pin, int) or isinstance(pin, bool):
            yield f"{setting}: {'a pin is missing' if pin is None else f'{pin!r} is no pin'}: {example}"
        elif pin in taken:
            yield f"{setting}: pin {pin} is {taken[pin]} already: {example}"
        elif reason := _unfit(pin, use, chip, pin in defaults):
            yield f"{setting}: pin {pin} of an {board.chip} {reason}: {example}"
        else:
            taken[pin] = setting


def _unfit(pin: int, use: str, chip: dict[str, Any], default: bool) -> str:
    """Why a pin cannot be used so; "" when it can. default: the board's own file names it."""
    if not 0 <= pin <= chip["last"] or pin in chip["missing"]:
        return f"does not exist, there are 0 to {chip['last']}"
    if pin in chip["flash"]:
        return "is wired to the flash"
    if use == "out" and pin in chip["input"]:
        return "is for input only"
    if use == "adc" and pin not in chip["adc1"]:
        return f"is not on ADC1, which works beside Wi-Fi: {', '.join(map(str, chip['adc1']))} are"
    if pin in chip["console"]:
        return "is the console's"
    if pin in chip["strapping"] and not default:
        return "is a strapping pin: its level at a reset decides how the chip boots"
    return ""


def _free(board: Board, use: str, taken: set[object]) -> int | None:
    """A pin that can be used so, if there is one left."""
    chip = chips()[board.chip]
    free = (pin for pin in range(chip["last"] + 1) if pin not in taken and not _unfit(pin, use, chip, False))
    return next(free, None)


def _link(config: dict[str, Any], board: Board) -> Iterator[str]:
    wifi, serial = config.get("wifi"), config.get("serial")
    if isinstance(wifi, dict):
        yield from _ssid(wifi)
        yield from _password(wifi.get("password"))
    elif config.get("broker") and config["board"] != "unix":
        yield "wifi: missing, and the broker is reached over it: --ssid 'Halle 5'"
    if isinstance(serial, dict) and "uart" in serial:
        uarts = chips()[board.chip]["uarts"]
        if serial["uart"] not in uarts:
            yield f"serial.uart: {serial['uart']}: of an {board.chip} {uarts} are free, 0 is the console: --uart 1"
        if serial.get("baud") not in BAUDS:
            yield f"serial.baud: {serial.get('baud')}: one of {', '.join(map(str, BAUDS))}: 115200"
    broker = config.get("broker")
    if isinstance(broker, dict) and not (isinstance(broker.get("port"), int) and 0 < broker["port"] < 65536):
        yield f"broker.port: {broker.get('port')}: 1 to 65535: 8883 with TLS"
    if isinstance(broker, dict) and not _is_host(broker.get("host")):
        yield f"broker.host: {broker.get('host')!r} is no address: --host 192.168.1.10"
    others = broker.get("others", []) if isinstance(broker, dict) else []
    if not isinstance(others, list) or len(others) > MOST_OTHERS or not all(map(_is_place, others)):
        yield f"broker.others: not at most {MOST_OTHERS} of [address, port]: --host 192.168.1.10,192.168.1.11"
    if not 0 < config["model_bytes"] <= MODEL_BYTES:
        yield f"model_bytes: {config['model_bytes']}: 1 to {MODEL_BYTES}: 12288 for the vibration family"


def _is_place(place: object) -> bool:
    return isinstance(place, list) and len(place) == 2 and _is_host(place[0]) and place[1] in range(1, 65536)


def _is_host(host: object) -> bool:
    """Whether it can be an address or a name (RFC 1123); a name needs letters, so four numbers are an address."""
    if not isinstance(host, str) or not 0 < len(host) <= 253:
        return False
    parts = host.split(".")
    if all(part.isdigit() for part in parts):
        return len(parts) == 4 and all(int(part) < 256 for part in parts)
    return (
        all(0 < len(part) <= 63 and part.replace("-", "a").isalnum() and part[0] != "-" for part in parts)
        or ":" in host
    )


def _ssid(wifi: dict[str, Any]) -> Iterator[str]:
    try:
        name = bytes.fromhex(wifi["ssid_hex"]) if "ssid_hex" in wifi else str(wifi.get("ssid", "")).encode()
    except (TypeError, ValueError):
        name = b""
    if not 0 < len(name) <= SSID_BYTES:
        yield f"wifi.ssid: {len(name)} bytes, a network's name has 1 to {SSID_BYTES}: --ssid 'Halle 5'"


def _password(password: object) -> Iterator[str]:
    """WPA2: a passphrase of printable ASCII, or the key."""
    if not isinstance(password, str):
        yield "wifi.password: missing: WIFI_PASSWORD=... in the environment, or type it when asked"
        return
    key = len(password) == PSK and set(password) <= set(hexdigits)
    printable = all(" " <= each <= "~" for each in password)
    if password and not key and not (PASSWORD[0] <= len(password) <= PASSWORD[1] and printable):
        what = f"{len(password)} characters" if printable else "a character that is not printable ASCII"
        yield f"wifi.password: {what}: WPA2 takes 8 to 63 printable ASCII characters or 64 digits 0-9 a-f"
