"""A sensor's settings: written for their owner alone, as the firmware reads them, and over the serial line."""

import json
import os
import subprocess
import sys
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reedmesh.inference import boards
from reedmesh.provisioning import image
from tests.firmware import test_app
from tests.support import flashing, micropython
from tests.support.micropython import binary
from tests.support.paths import ROOT, SCRIPTS

SCRIPT = SCRIPTS / "raw_repl.py"


def provision(out: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """`make provision` of the sensor press with a good answer to everything but what `options` say otherwise."""
    command = [sys.executable, "-m", "tools.board.provision", "--name", "press", "--gateway", "gw", "--out", str(out)]
    command += ["--host", "10.0.0.1", *([] if "--psk" in options else ["--plain"]), "--ssid", "hall"]
    environment = {**os.environ, "WIFI_PASSWORD": "secret words"}
    return subprocess.run(
        [*command, *options], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("way", "broker"), [((), {"port": 1883, "plain": True}), (("--psk",), {"port": 8884, "psk": True})]
)
def test_what_it_writes_is_for_its_owner_and_what_the_firmware_reads(
    tmp_path: Path, way: tuple[str, ...], broker: dict[str, object]
) -> None:
    out = tmp_path / "press.json"
    said = provision(out, "--key", "0f" * 32, *way)
    assert ("MicroPython 1.29" in said.stdout) == bool(way)
    assert not said.returncode and "make flash BOARD=esp32" in said.stdout and "secret" not in said.stdout, said.stderr
    assert out.stat().st_mode & 0o777 == 0o600
    made = image.read_config(out, boards.load("esp32"))
    assert made["broker"] == {"host": "10.0.0.1", **broker}
    assert made["wifi"] == {"ssid": "hall", "password": "secret words"} and made["i2c"]["sda"] == 21
    script = "import sys; from board import settings; print(settings.load(sys.argv[1])['recipe'].length)"
    assert micropython.run("-c", script, out).strip() == str(test_app.FAMILY.recipe.length)


def test_a_sensor_of_a_cluster_knows_all_nodes_and_begins_at_one_by_its_name(tmp_path: Path) -> None:
    nodes, begins = {("10.0.0.1", 1883), ("10.0.0.2", 1884), ("fd00::3", 1885)}, set()
    for name in ("press", "fan", "pump", "saw", "mill"):
        said = provision(tmp_path / "x.json", "--name", name, "--host", "10.0.0.1, 10.0.0.2:1884,[fd00::3]:1885")
        assert not said.returncode, said.stderr
        broker = image.read_config(tmp_path / "x.json", boards.load("esp32"))["broker"]
        first, others = (broker["host"], broker["port"]), [tuple(each) for each in broker["others"]]
        assert {first, *others} == nodes and len(others) == 2
        begins.add(first)
    assert len(begins) > 1


@pytest.mark.parametrize("board", boards.names())
def test_a_sensor_on_a_wire_gets_the_pins_of_its_board_and_the_gateways_lines(board: str, tmp_path: Path) -> None:
    said = provision(tmp_path / "x.json", "--uart", "1", "--board", board)
    assert '[[serial]] with port = "/dev/..." and baud = 115200' in said.stdout, said.stderr
    made = image.read_config(tmp_path / "x.json")
    uart = boards.load(board).uart
    assert made["serial"] == {"uart": 1, "baud": 115200, "tx": uart.tx, "rx": uart.rx} and "wifi" not in made
    assert not {uart.tx, uart.rx} & {made["i2c"]["sda"], made["i2c"]["scl"], *range(6, 12)}, "6 to 11 are the flash's"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--name", "Press 3"], "1 to 32"),
        (["--board", "esp8266"], "no board"),
        (["--ssid", ""], "name of the Wi-Fi: not given"),
        (["--ca", "none"], "none"),
        (["--psk"], "--key"),
        (["--host", "a,b:0"], "1 to 65535"),
        (["--host", "a,,b"], "host or host:port"),
        (["--key", "0f" * 31], "--key 0f0f...: 64 digits"),
        (["--key", "xy" * 32], "64 digits"),
        (["--port", "/dev/ttyUSB9"], "there is no such port"),
    ],
)
def test_what_it_lacks_is_told_in_a_line(tmp_path: Path, options: list[str], says: str) -> None:
    said = provision(tmp_path / "x.json", *options)
    assert said.returncode == 2 and says in said.stderr and said.stderr.count("\n") == 1
    assert (tmp_path / "x.json").exists() == ("--port" in options), "settings that were made are kept"


def channels(folder: Path, count: int, last: str = "high = 39719") -> Path:
    """A file of channels: pins from 32 on, all with a range of 4 to 20 mA but the last, of which that is said."""
    rows = [f'[[channels]]\nname = "v{i}"\npin = {32 + i}\nlow = 7944\nhigh = 39719\n' for i in range(count - 1)]
    out = folder / "pump.toml"
    out.write_text("\n".join([*rows, f'[[channels]]\nname = "last"\npin = 39\nlow = 7944\n{last}\n']))
    return out


def test_a_sensor_of_slow_variables_gets_its_channels_and_recipe(tmp_path: Path) -> None:
    out, wanted = tmp_path / "pump.json", channels(tmp_path, 8)
    said = provision(out, "--family", "process", "--driver", "adc", "--rate", "1", "--channels", str(wanted))
    assert not said.returncode, said.stderr
    made = image.read_config(out)
    assert made["features"]["kind"] == "trend" and made["sensor"]["axes"] == len(made["sensor"]["channels"]) == 8
    assert made["sensor"]["channels"][7] == {"name": "last", "pin": 39, "low": 7944, "high": 39719}
    script = "import sys; from board import settings; print(settings.load(sys.argv[1])['recipe'].hop)"
    assert micropython.run("-c", script, out).strip() == "1"


@pytest.mark.parametrize(
    ("count", "last", "says"),
    [
        (7, "high = 39719", "7 channels, the family listens to 8"),
        (8, "high = 7944", '"channels[7].low" must be below high, 7944, not 7944'),
        (8, "high = 70000", "at most 65536"),
        (8, "hi = 9", 'did you mean "channels[7].high"'),
    ],
)
def test_channels_that_cannot_be_are_told_in_a_line(tmp_path: Path, count: int, last: str, says: str) -> None:
    file = channels(tmp_path, count, last)
    said = provision(tmp_path / "x.json", "--family", "process", "--driver", "adc", "--channels", str(file))
    assert said.returncode == 2 and says in said.stderr and "pump.toml" in said.stderr and said.stderr.count("\n") == 1


@contextmanager
def board_with(files: Path) -> Iterator[str]:
    """The serial port of a board that holds `files`: real MicroPython with a raw REPL, behind a pseudo-terminal."""
    ours, device = os.openpty()
    tty.setraw(device)
    command = [binary(), SCRIPT]
    process = subprocess.Popen(command, cwd=files, stdin=ours, stdout=ours, stderr=subprocess.DEVNULL)
    try:
        yield os.ttyname(device)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(device)


def test_a_sensor_gets_new_settings_over_its_serial_line_and_keeps_the_rest(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "config.json").write_text('{"board": "esp32", "name": "old"}')
    (files / "a.tflite").write_bytes(b"model")
    with board_with(files) as port:
        said = provision(tmp_path / "press.json", "--key", "0f" * 32, "--port", port)
        assert not said.returncode and 'hello {"name": "press"}' in said.stdout, said.stderr
        assert json.loads((files / "config.json").read_text()) == image.read_config(tmp_path / "press.json")
        assert sorted(path.name for path in files.iterdir()) == ["a.tflite", "config.json"]
        again = [
            sys.executable,
            "-m",
            "tools.board.provision",
            "--config",
            str(tmp_path / "press.json"),
            "--port",
            port,
        ]
        done = subprocess.run(again, cwd=ROOT, capture_output=True, text=True)
        assert not done.returncode and "hello" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("there", "says"),
    [
        ('{"board": "esp32c3"}', "it was flashed as esp32c3"),
        (None, "MicroPython without our settings: `reedmesh sensor add`"),
        ("{", "MicroPython without our settings: `reedmesh sensor add`"),
    ],
)
def test_a_board_that_is_no_such_sensor_is_left_alone(tmp_path: Path, there: str | None, says: str) -> None:
    files = tmp_path / "files"
    files.mkdir()
    if there:
        (files / "config.json").write_text(there)
    with board_with(files) as port:
        said = provision(tmp_path / "press.json", "--port", port)
    assert said.returncode == 2 and says in said.stderr and said.stderr.count("\n") == 1, said.stderr
    assert not there or (files / "config.json").read_text() == there


def test_make_flash_gateway_link_makes_a_sensor_on_a_wire(tmp_path: Path) -> None:
    board, firmware = boards.load("esp32c3"), tmp_path / "micropython.bin"
    firmware.write_bytes(flashing.micropython_image(board))
    with flashing.chip(board.chip) as port:
        command = ["make", "-s", "-o", ".venv/ready", "flash-gateway-link", "NAME=wired-test", "GATEWAY=gw"]
        command += [f"BOARD={board.name}", f"PORT={port}", f"FIRMWARE={firmware}", "ARGS=--before no-reset --no-wait"]
        done = subprocess.run(
            [*command, f"BIN={Path(sys.executable).parent}"], cwd=ROOT, capture_output=True, text=True
        )
        assert not done.returncode and "[[serial]]" in done.stdout and "written and verified" in done.stdout, (
            done.stderr
        )
        assert b'"serial": {"uart": 1, "baud": 115200, "tx": 0, "rx": 1}' in flashing.flash_of_chip(board)
    (ROOT / "build" / "sensors" / "wired-test.json").unlink()
