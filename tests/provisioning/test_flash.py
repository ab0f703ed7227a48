"""From boards/*.toml to flash: writes are verified, what does not fit is refused, and what was written boots."""

import asyncio
import hashlib
import io
import json
import os
import socket
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from reedmesh.errors import ConfigError
from reedmesh.inference import boards
from reedmesh.protocol import offer_frame
from reedmesh.provisioning import flash, image, micropython_images
from tests.firmware import test_app
from tests.support import flashing, micropython
from tests.support.brokers import free_port, mosquitto
from tests.support.flashing import FLASH, KIB, chip, micropython_image
from tests.support.micropython import binary
from tests.support.paths import ROOT, SCRIPTS
from tests.support.timeouts import PATIENCE
from tools.simulate import factory


@pytest.mark.parametrize("name", boards.names())
def test_every_board_is_written_where_it_must_be_and_its_micropython_finds_the_files(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = boards.load(name)
    config = flashing.settings(board, tmp_path)
    with chip(board.chip) as port:
        (tmp_path / "image").write_bytes(flashing.written(port, board, config))
    said = capsys.readouterr().out
    assert said.count("Hash of data verified") == 2
    for place, length in ((board.image.offset, 64 * KIB), (board.image.files, FLASH - board.image.files)):
        assert f"Wrote {length} bytes" in said and f"at 0x{place:08x}" in said
    image.collect(tmp_path / "files", board.architecture, config)
    expected = {
        f"/board/{path.relative_to(tmp_path / 'files')}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (tmp_path / "files").rglob("*.*")
    }
    lines = micropython.run(SCRIPTS / "list_image.py", tmp_path / "image", heap="8m").splitlines()
    assert {path: digest for path, _, digest in map(json.loads, lines)} == expected


@pytest.mark.parametrize("name", boards.names())
def test_the_very_bytes_that_were_flashed_boot_and_the_sensor_comes_to_watch(name: str, tmp_path: Path) -> None:
    """All of it but the silicon: esptool writes, littlefs mounts, the real gateway learns the machine and deploys."""

    async def story() -> None:
        board = flashing.here(boards.load(name))
        with mosquitto(tmp_path, free_port()) as broker, gateway(tmp_path, broker) as state:
            config = flashing.settings(board, state, broker)
            with chip(board.chip) as port:
                (tmp_path / "image").write_bytes(await asyncio.to_thread(flashing.written, port, board, config))
            async with test_app.listening(broker) as it, asyncio.timeout(PATIENCE):
                with booted(tmp_path / "image", tmp_path / "boot.log", SCRIPTS / "fakes", SCRIPTS):
                    await it.until("state", lambda said: said["state"] == "watching" and said["online"])
                    window = await it.until("window", lambda window: window.score is not None)
                    hello = await it.until("hello", lambda said: said["model"])
        assert hello["board"] == name and hello["measured_hz"] and window.model.hex() == hello["model"][:16]
        log = (tmp_path / "boot.log").read_text()
        bus = f"I2C {board.i2c.id} {board.i2c.scl} {board.i2c.sda} {board.i2c.hz}"
        for done in (f"freq {board.mhz}000000", bus, "connect hall", "WDT.feed", "hello {"):
            assert done in log, log

    asyncio.run(story())


@contextmanager
def gateway(folder: Path, broker: int) -> Iterator[Path]:
    """The gateway "gw" as a process on this broker; its state directory."""
    state = folder / "gw"
    state.mkdir(exist_ok=True)
    config = state / "reedmesh.toml"
    config.write_text(f'name = "gw"\nstate = "{state}"\nlearning.windows = 40\n[broker]\nport = {broker}\n')
    with (folder / "gateway.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "reedmesh", "run", str(config)], stderr=log)
    try:
        yield state
    finally:
        process.terminate()
        process.wait(PATIENCE)


@contextmanager
def booted(path: Path, log: Path, *fakes: Path) -> Iterator[int]:
    """A sensor started from an image, while the block runs; the end of the pipe that feeds it."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    command = [binary(), "-X", "heapsize=8m", SCRIPTS / "boot_image.py", path, *fakes]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdin=reading, stdout=out, stderr=out)
    os.close(reading)
    try:
        yield writing
    finally:
        process.kill()
        process.wait()
        os.close(writing)


def test_another_chip_is_refused_with_the_boards_that_fit() -> None:
    with chip("ESP32-C3") as port, pytest.raises(ConfigError, match=r"an ESP32-C3, esp32 has an ESP32: try --board es"):
        flash.flash(port, boards.load("esp32"), b"", {}, reset="no-reset")


def test_too_little_flash_is_refused_before_anything_is_written() -> None:
    board = boards.load("esp32")
    large = replace(board, image=replace(board.image, flash_mib=8))
    with chip("ESP32") as port:
        with pytest.raises(ConfigError, match="4 MiB of flash, 8 are needed"):
            flash.flash(port, large, micropython_image(board), {}, reset="no-reset")
        assert set(flashing.flash_of_chip(board)) == {0xFF}


@pytest.mark.parametrize("name", boards.names())
def test_a_board_that_is_short_of_memory_is_told_of_before_it_is_written(name: str) -> None:
    said = flash.in_doubt(boards.load(name), {"model_bytes": 12288, "broker": {"plain": True}})
    assert bool(said) == (name == "esp32s2")
    assert not said or ("boards/README.md" in said and said.count("\n") == 1)


@pytest.mark.parametrize("name", boards.names())
def test_tls_on_a_classic_esp32_is_not_recommended(name: str) -> None:
    for broker in ({"ca": "MIIB"}, {"psk": True}):
        said = flash.in_doubt(boards.load(name), {"model_bytes": 12288, "broker": broker})
        assert ("S3 or C3, or a wire" in said) == (name in ("esp32", "esp32-ota", "m5stack-atom"))


def test_an_image_is_the_same_bytes_every_time_and_too_small_a_flash_is_said(tmp_path: Path) -> None:
    board = boards.load("esp32c3")
    made = [image.build(board, FLASH, {"name": "press"}) for _ in range(2)]
    assert made[0] == made[1] and len(made[0]) == 2 << 20
    with pytest.raises(ConfigError, match="do not fit 96 KiB"):
        image.build(replace(board, image=replace(board.image, files=FLASH - 96 * KIB)), FLASH, {})


def test_an_image_boots_introduces_itself_and_judges_with_the_model_in_it(tmp_path: Path) -> None:
    """The same files, compiled for this machine instead of a board: MicroPython mounts, imports and runs them."""
    model = tmp_path / "first.tflite"
    model.write_bytes(test_app.candidate().model)

    async def story() -> None:
        async with test_app.sensor(tmp_path) as it:
            it.kill()
            it.heard.clear()
            settings = factory.sensor_settings(it.plan, it.plan.machines[0])
            files = tmp_path / "files"
            files.mkdir()
            image.collect(files, "x64", settings, model)
            (tmp_path / "image").write_bytes(image.pack(files, 160))
            with booted(tmp_path / "image", tmp_path / "boot.log") as it._pipe:
                hello = await it.until("hello", lambda said: said["model"])
                assert hello["model"] == hashlib.sha256(model.read_bytes()).hexdigest() and hello["sequence"] == 0
                it.counted = 0
                it.feed(test_app.NORMAL[:5])
                window = await it.until("window", lambda window: window.number == 5)
                assert window.score is not None
                status = await it.answer(offer_frame.pack_offer(test_app.offer(1, **test_app.with_other_bytes())))
                assert status["code"] == 200, "a model is taken into the image's own file system"
            assert flash.HELLO in (tmp_path / "boot.log").read_bytes()

    asyncio.run(story())


def unpinned() -> boards.Board:
    """A board whose file says no digest: the first image is believed."""
    board = boards.load("esp32")
    return replace(board, image=replace(board.image, sha256=""))


class TestOfficial:
    """The image of MicroPython."""

    def test_it_is_fetched_once_and_must_stay_what_it_was(self, tmp_path: Path) -> None:
        board, source, cache = unpinned(), tmp_path / "site", tmp_path / "cache"
        source.mkdir()
        good = micropython_image(board)
        (source / board.image.name).write_bytes(good)
        url = source.as_uri() + "/"
        assert micropython_images.image(board, url, cache) == good
        (source / board.image.name).unlink()
        assert micropython_images.image(board, url, cache) == good
        (cache / board.image.name).write_bytes(good[:-1] + b"x")
        with pytest.raises(ConfigError, match="not what it was"):
            micropython_images.image(board, url, cache)
        (cache / board.image.name).unlink()
        (source / board.image.name).write_bytes(good + b"changed at the source")
        with pytest.raises(ConfigError, match="not what it was"):
            micropython_images.image(board, url, cache)

    def test_one_whose_digest_the_board_pins_is_taken_and_no_other(self, tmp_path: Path) -> None:
        board, good = boards.load("esp32"), micropython_image(boards.load("esp32"))
        (tmp_path / board.image.name).write_bytes(good)
        for digest, taken in ((hashlib.sha256(good).hexdigest(), True), ("0" * 64, False)):
            pinned, cache = replace(board, image=replace(board.image, sha256=digest)), tmp_path / digest[:8]
            if taken:
                assert micropython_images.image(pinned, tmp_path.as_uri() + "/", cache) == good
            else:
                with pytest.raises(ConfigError, match="the board's file says 0000"):
                    micropython_images.image(pinned, tmp_path.as_uri() + "/", cache)
                assert not list(cache.iterdir())

    def test_one_that_cannot_be_had_says_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="--firmware PATH"):
            micropython_images.image(boards.load("esp32"), f"http://127.0.0.1:{free_port()}/", tmp_path / "cache")
        assert not list((tmp_path / "cache").iterdir())

    def test_one_that_breaks_off_is_not_kept(self, tmp_path: Path) -> None:
        board = unpinned()
        for size, says in ((1000, "999 of 1000 bytes came; get it another way"), (99999999, "larger than any image")):
            head = f"HTTP/1.0 200 OK\r\nContent-Length: {size}\r\n\r\n".encode()
            with answering(head + b"x" * 999) as source, pytest.raises(ConfigError, match=says):
                micropython_images.image(board, source, tmp_path)
        assert not list(tmp_path.iterdir())

    def test_how_far_it_is_is_shown(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        out = io.BytesIO()
        assert micropython_images._copy(io.BytesIO(bytes(100_000)), out, 100_000, "fetching") == 100_000
        assert out.getvalue() == bytes(100_000)
        bar = capsys.readouterr().err
        assert " 65 %" in bar and bar.rstrip().endswith(f"[{'=' * 40}] 100 %")

    def test_what_is_no_image_is_not_remembered_as_one(self, tmp_path: Path) -> None:
        board, cache = unpinned(), tmp_path / "cache"
        (tmp_path / board.image.name).write_bytes(b"<html>Please accept our terms")
        with pytest.raises(ConfigError, match="no MicroPython"):
            micropython_images.image(board, tmp_path.as_uri() + "/", cache)
        (tmp_path / board.image.name).write_bytes(micropython_image(board))
        assert micropython_images.image(board, tmp_path.as_uri() + "/", cache)


class Talk:
    """A board on a pseudo-terminal that says a line whenever somebody looks at the clock, once it may."""

    def __init__(self, *lines: bytes) -> None:
        self.ours, self.device = os.openpty()
        tty.setraw(self.device)
        self.lines, self.now = list(lines), 0

    @property
    def port(self) -> str:
        return os.ttyname(self.device)

    def clock(self) -> float:
        self.now += 1
        if self.now > 2 and self.lines:  # what was said before the port was opened is lost
            os.write(self.ours, self.lines.pop(0))
        return self.now


@contextmanager
def answering(what: bytes) -> Iterator[str]:
    """The address of a server that says this to the first who asks."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(what)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join()


def test_the_first_hello_is_found_among_other_lines_and_its_absence_is_told() -> None:
    talk = Talk(b"ets Jul 29 2019\r\n", b'hello {"name": 1}\r\n')
    assert flash.first_hello(talk.port, 10, talk.clock) == 'hello {"name": 1}'
    talk = Talk(b"Traceback\r\n", b"MemoryError\r\n")
    with pytest.raises(
        ConfigError, match=r"no hello in 6 s\. Its last words: Traceback / MemoryError\. It has too little"
    ):
        flash.first_hello(talk.port, 6, talk.clock)


def test_a_sensor_is_waited_for_until_it_was_heard_and_the_cause_is_told_when_it_was_not() -> None:
    hello = b'hello {"name": 1}\r\n'
    talk = Talk(b"noise\r\n", hello, b"wifi: 'hall': no such network\r\n", b"link: up\r\n")
    assert flash.first_hello(talk.port, 10, talk.clock, heard=True) == 'hello {"name": 1}'
    talk = Talk(b"noise\r\n", hello, b"more\r\n", b"link: The certificate validity starts in the future\r\n")
    with pytest.raises(ConfigError, match=r"nobody heard its hello in 6 s\. It says: link: The certificate validity"):
        flash.first_hello(talk.port, 6, talk.clock, heard=True)


def test_a_port_that_goes_away_while_the_board_starts_is_waited_for(tmp_path: Path) -> None:
    talk = Talk(b"", b"", b'hello {"name": 1}\r\n')
    port = tmp_path / "ttyACM0"

    def clock() -> float:
        if talk.now == 2:
            port.symlink_to(talk.port)
        return talk.clock()

    assert flash.first_hello(str(port), 20, clock) == 'hello {"name": 1}'


@pytest.mark.parametrize("verb", ["flash", "image", "provision", "monitor", "erase", "update_sensors", "wiring"])
def test_every_verb_explains_itself(verb: str) -> None:
    command = [sys.executable, "-m", f"tools.board.{verb}", "--help"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert not said.returncode and said.stdout.startswith("usage:"), said.stderr
