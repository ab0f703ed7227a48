"""Settings that a board, a driver or a network cannot do are refused with the setting, the limit and an example."""

import copy
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reedmesh.errors import ConfigError
from reedmesh.inference import boards
from reedmesh.provisioning import drivers, hardware, image
from tests.support.paths import ROOT

GOOD: dict[str, Any] = {
    "gateway": "gw",
    "name": "press",
    "board": "esp32",
    "broker": {"host": "10.0.0.1", "port": 1883, "plain": True},
    "wifi": {"ssid": "hall", "password": "secret words"},
    "sensor": {"driver": "adxl345", "axes": 3, "rate_hz": 200, "range_g": 8, "lsb_per_g": 256},
    "features": {"version": 1, "samples": 200, "axes": 3, "bands": 20},
    "i2c": {"sda": 21, "scl": 22},
    "model_bytes": 12288,
}
ADC = {"driver": "adc", "axes": 2, "rate_hz": 1, "lsb_per_g": 0}
TWO = {"version": 1, "kind": "trend", "samples": 20, "axes": 2, "hop": 1}
ONE = {"version": 1, "samples": 200, "axes": 1, "bands": 20}
SOUND = {"driver": "inmp441", "axes": 1, "rate_hz": 16000, "sck": 14, "ws": 25, "sd": 32}


def adc(*pins: object, **more: Any) -> dict[str, Any]:
    channels = [{"name": f"v{i}", "pin": pin} for i, pin in enumerate(pins)]
    return {"sensor": {**ADC, "channels": channels, **more}, "features": TWO}


def accelerometer(**more: Any) -> dict[str, Any]:
    return {"sensor": {**GOOD["sensor"], **more}}


def wire(**serial: Any) -> dict[str, Any]:
    return {"broker": None, "wifi": None, "serial": {"uart": 1, "baud": 115200, "tx": 17, "rx": 16, **serial}}


def wifi(ssid: str = "hall", password: Any = "secret words") -> dict[str, Any]:  # noqa: S107
    return {"wifi": {"ssid": ssid, "password": password}}


IMPOSSIBLE: dict[str, tuple[dict[str, Any], str, str]] = {  # changes; the setting that is named; what is said of it
    "ADC2 beside Wi-Fi": (adc(25, 32), "channels[0].pin", "not on ADC1"),
    "a pin of the flash": (adc(7, 32), "channels[0].pin", "wired to the flash"),
    "a pin that is missing": (adc(24, 32), "channels[0].pin", "does not exist"),
    "a pin beyond the last": (adc(40, 32), "channels[0].pin", "there are 0 to 39"),
    "one pin twice": (adc(34, 34), "channels[1].pin", "is channels[0].pin already"),
    "no pin at all": (adc(None, 34), "channels[0].pin", "a pin is missing"),
    "a pin in words": (adc("GPIO34", 34), "channels[0].pin", "is no pin"),
    "one channel for two axes": (adc(34), "sensor.channels", "the family listens to 2"),
    "I2C on an input": ({"i2c": {"sda": 34, "scl": 22}}, "i2c.sda", "input only"),
    "I2C on a strapping pin": ({"i2c": {"sda": 21, "scl": 12}}, "i2c.scl", "strapping pin"),
    "I2C on the console": ({"i2c": {"sda": 1, "scl": 22}}, "i2c.sda", "the console's"),
    "I2C and UART on one pin": (wire(tx=21), "serial.tx", "is i2c.sda already"),
    "a wire on the flash": (wire(tx=6), "serial.tx", "wired to the flash"),
    "the console's UART": (wire(uart=0), "serial.uart", "0 is the console"),
    "an odd baud rate": (wire(baud=1234567), "serial.baud", "one of"),
    "a microphone's clock on an input": ({"sensor": {**SOUND, "sck": 35}, "features": ONE}, "sensor.sck", "input only"),
    "a driver that is none": (accelerometer(driver="adxl999"), "sensor.driver", "no driver"),
    "a driver's helper": (accelerometer(driver="fifo"), "sensor.driver", "no driver"),
    "a microphone for three axes": ({"sensor": SOUND}, "sensor.driver", "1 axes, the family listens to 3"),
    "a rate the chip has not": (accelerometer(rate_hz=300), "sensor.rate_hz", "--rate "),
    "a rate I2C cannot keep": (accelerometer(rate_hz=3200), "sensor.rate_hz", "--rate 1600"),
    "no rate": (accelerometer(rate_hz=0), "sensor.rate_hz", "no number above 0"),
    "a converter at 1 kHz on two": (adc(32, 33, rate_hz=1000), "sensor.rate_hz", "to 500 a second"),
    "a converter once an hour": (adc(32, 33, rate_hz=1 / 3600), "sensor.rate_hz", "in 600 s"),
    "a range the chip has not": (accelerometer(range_g=3), "sensor.range_g", "--range 4"),
    "a scale of another range": (accelerometer(lsb_per_g=4096), "sensor.lsb_per_g", "256 steps"),
    "an address beyond the bus": (accelerometer(address=200), "sensor.address", "8 to 119"),
    "a password of seven": (wifi(password="1234567"), "wifi.password", "8 to 63"),
    "a password of 64 letters": (wifi(password="x" * 64), "wifi.password", "64 digits"),
    "a password in Greek": (wifi(password="κωδικός πρόσβασης"), "wifi.password", "not printable ASCII"),
    "a network without a name": (wifi(ssid=""), "wifi.ssid", "1 to 32"),
    "a name of 33 bytes": (wifi(ssid="ü" * 16 + "x"), "wifi.ssid", "33 bytes"),
    "an address of five": (
        {"broker": {"host": "10.0.0.1.2", "port": 1883, "plain": True}},
        "broker.host",
        "no address",
    ),
    "a node that is none": (
        {"broker": {"host": "10.0.0.1", "port": 1883, "plain": True, "others": [["10.0.0.2", 0]]}},
        "broker.others",
        "[address, port]",
    ),
    "a port beyond": ({"broker": {"host": "10.0.0.1", "port": 70000, "plain": True}}, "broker.port", "1 to 65535"),
    "a model of a megabyte": ({"model_bytes": 1 << 20}, "model_bytes", "1 to 65536"),
}


def put(config: dict[str, Any], setting: str, value: object) -> None:
    """Set what a refusal names, such as sensor.rate_hz or channels[0].pin."""
    *way, last = re.findall(r"[a-z_0-9]+", setting)
    place: Any = config["sensor"] if way[:1] == ["channels"] else config
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    place[last] = value


def of_range(config: dict[str, Any], g: int) -> None:
    config["sensor"] |= {"range_g": g, "lsb_per_g": drivers.load(config["sensor"]["driver"]).ranges[g]}


EXAMPLES: dict[str, Callable[[dict[str, Any], str, Any], None]] = {  # the end of a refusal; how to do what it says
    r"pin (\d+) can": lambda config, setting, pin: put(config, setting, int(pin)),
    r"--rate ([\d.]+)": lambda config, setting, rate: put(config, setting, float(rate)),
    r"--range (\d+)": lambda config, _, g: of_range(config, int(g)),
    "leave it (out)": lambda config, *_: of_range(config, config["sensor"]["range_g"]),
    r"--driver (\w+)": lambda config, setting, name: put(config, setting, name),
    r"a table \[\[(channels)\]\] for each": lambda config, *_: config.update(adc(34, 35)),
    r"--uart (\d)": lambda config, setting, uart: put(config, setting, int(uart)),
    r"baud.*: (115200)": lambda config, setting, baud: put(config, setting, int(baud)),
    r'"address": (\d+) for an ADXL345': lambda config, setting, address: put(config, setting, int(address)),
    r"or 64 digits (0-9 a-f)": lambda config, setting, _: put(config, setting, "0f" * 32),
    r"--ssid '([^']+)'": lambda config, setting, name: put(config, setting, name),
    r"--host ([\d.]+)": lambda config, setting, host: put(config, setting, host),
    r"--host [\d.]+,([\d.]+)": lambda config, setting, host: put(config, setting, [[host, 1883]]),
    r"(\d+) with TLS": lambda config, setting, port: put(config, setting, int(port)),
    r"(\d+) for the vibration family": lambda config, setting, size: put(config, setting, int(size)),
}


def refusals(config: dict[str, Any]) -> dict[str, str]:
    """What is said of each setting that cannot be."""
    try:
        hardware.check(config)
    except ConfigError as error:
        return {line.split(":")[0]: line for line in str(error).splitlines()}
    return {}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_what_cannot_be_is_refused_with_the_setting_its_limit_and_an_example_that_works(case: str) -> None:
    changes, setting, says = IMPOSSIBLE[case]
    config = copy.deepcopy({**GOOD, **changes})
    line = refusals(config)[setting]
    assert says in line
    found = [(match, do) for end, do in EXAMPLES.items() if (match := re.search(f"{end}$", line))]
    assert len(found) == 1, line
    found[0][1](config, setting, found[0][0][1])
    assert setting not in refusals(config), line


@pytest.mark.parametrize("board", boards.names())
def test_what_the_boards_themselves_name_is_possible(board: str) -> None:
    known = boards.load(board)
    hardware.check({**GOOD, "board": board, "i2c": vars(known.i2c)})
    hardware.check({**GOOD, "board": board, "i2c": vars(known.i2c), **wire(tx=known.uart.tx, rx=known.uart.rx)})
    pins = hardware.chips()[known.chip]["adc1"][:2]
    hardware.check({**GOOD, "board": board, **adc(*pins)})


def test_every_driver_is_read_with_its_rates_and_ranges() -> None:
    assert drivers.names() == ["adc", "adxl345", "icm42688", "inmp441", "lis3dh", "mpu6050", "replay"]
    assert drivers.load("mpu6050").ranges == {2: 16384, 4: 8192, 8: 4096, 16: 2048}
    assert drivers.load("adxl345").rates[-1] == 1600 and drivers.load("inmp441").axes == 1


def test_image_and_flash_check_again(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({**GOOD, "i2c": {"sda": 34, "scl": 22}}))
    with pytest.raises(ConfigError, match=r"x\.json: i2c\.sda: pin 34 of an ESP32 is for input only: pin 4 can"):
        image.read_config(tmp_path / "x.json")


@pytest.mark.parametrize("ssid", ["Halle $5", "$(HOME)", "`touch {0}/ran`", 'it\'s "quoted"; touch {0}/ran', "$$x # 3"])
def test_a_network_s_name_arrives_as_it_is_and_never_runs(ssid: str, tmp_path: Path) -> None:
    ssid = ssid.format(tmp_path)[-32:] if "touch" not in ssid else ssid.format(os.path.relpath(tmp_path, ROOT))
    command = ["make", "provision", "NAME=press", "GATEWAY=gw", "HOST=10.0.0.1", "PLAIN=1", f"SSID={ssid}"]
    made = tmp_path / "made.json"
    environment = {**os.environ, "WIFI_PASSWORD": "secret words"}
    done = subprocess.run(
        [*command, f"ARGS=--out {made}"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert not (tmp_path / "ran").exists()
    if len(ssid.encode()) <= 32:
        assert json.loads(made.read_text())["wifi"]["ssid"] == ssid, done.stderr
    else:
        assert "1 to 32" in done.stderr
