"""New firmware over the air: real MicroPython, real mosquitto, the real gateway; and what must never be taken."""

import asyncio
import itertools
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from reedmesh.coding.bundle import Bundle, shape_for
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.links.message import Message
from reedmesh.protocol import firmware_package, shards
from reedmesh.provisioning import device_tree
from reedmesh.updates import firmware_packages
from tests.firmware import test_app
from tests.firmware.board import test_board_life
from tests.firmware.test_app import NORMAL, sensor
from tests.support.paths import ROOT
from tests.support.timeouts import PATIENCE
from tools.board import update_sensors

NEXT = 4_000_000_000  # above the time of any file here


@cache
def compiled() -> dict[str, bytes]:
    return update_sensors.compiled("x64")


@pytest.fixture(autouse=True)
def ready() -> None:
    """Compile it before a test listens to anybody, who would be kept waiting."""
    compiled()


def packed(sequence: int, **changes: bytes) -> bytes:
    """The firmware of this checkout for this machine, but for some files."""
    changed = {f"{name}.mpy": data for name, data in changes.items()}
    return firmware_packages.pack({**compiled(), **changed}, sequence)


def program(folder: Path, text: str) -> bytes:
    """A file of firmware, compiled."""
    source = folder / "text.py"
    source.write_text(text)
    command = [device_tree.mpy_cross(), "-march=x64", str(source), "-o", str(folder / "text.mpy")]
    subprocess.run(command, check=True)
    return (folder / "text.mpy").read_bytes()


class Offering:
    """A package on its way to a sensor, from a gateway that may be up to no good."""

    def __init__(self, it: test_app.Sensor, payload: bytes, sequence: int = NEXT, code: str = "x64-6-3") -> None:
        self.it = it
        shape = shape_for(len(payload), 1024, test_app.ROOM)
        self.bundle = Bundle(payload, firmware_package.FAMILY + code, "gw", sequence, sequence, shape)
        self.answers: list[dict[str, Any]] = []

    async def announce(self, key: bytes = b"") -> None:
        self.it.heard.clear()
        key = key or SensorKeys(self.it.plan.folder / "gw").made_for("press")
        made = self.bundle.manifest
        frame = shards.sealed(made, key) if key != test_app.UNSEALED else shards.pack_manifest(made)
        await self.it.link.publish(Message("reedmesh/gw/press/firmware/manifest", frame, qos=1))

    async def end(self) -> Any:
        """Give it what it asks for, and return what it says at last; a window comes in between now and then."""
        while True:
            status = await self.it.until("firmware/status")
            self.it.heard[:] = [said for said in self.it.heard if said[0] != "firmware/status"]
            if status["code"] != 206:
                return status
            self.answers.append(status)
            for frame in self.bundle.wave({status["block"]: status["missing"]}):
                await self.it.link.publish(Message("reedmesh/gw/press/firmware/shard", frame))


def test_new_firmware_takes_over_and_proves_good_while_windows_go_on(tmp_path: Path) -> None:
    async def story() -> None:
        async with sensor(tmp_path) as it:
            offering = Offering(it, packed(NEXT))
            await offering.announce()
            ending = asyncio.create_task(offering.end())
            it.feed(NORMAL[:10])
            await it.until("window", lambda window: window.number == it.counted + 10)
            assert (await ending)["code"] == 200
            assert [said["block"] for said in offering.answers if said["missing"] == offering.bundle.shape.k] == list(
                range(offering.bundle.shape.blocks)
            )
            hello = await it.until("hello", lambda said: said["tree"]["sequence"] == NEXT)
            assert not hello["tree"]["proved"]
            await proved(it)
            assert (it.folder / "fw_b" / "app.mpy").read_bytes() == compiled()["app.mpy"]
            await Offering(it, packed(NEXT)).announce()
            assert (await it.until("firmware/status"))["code"] == 304

    asyncio.run(story())


async def proved(it: test_app.Sensor) -> None:
    """Feed windows until it says that its firmware proved good."""
    feeding = asyncio.create_task(fed(it))
    try:
        await it.until("hello", lambda said: said["tree"]["proved"] and said["tree"]["sequence"] == NEXT)
    finally:
        feeding.cancel()


async def fed(it: test_app.Sensor) -> None:
    for window in itertools.cycle(NORMAL):
        with suppress(BlockingIOError):
            it.feed(window[None])
        await asyncio.sleep(0.02)


WRONG_MANIFESTS = [
    ({"code": "xtensawin-6-3"}, b"", 400, "made for firmware-xtensawin-6-3, this sensor runs x64-6-3"),
    ({}, test_app.UNSEALED, 403, "not sealed"),
    ({}, bytes(32), 403, "not sealed"),
    ({"sequence": 0}, b"", 304, "already running"),
]


@pytest.mark.parametrize(("change", "key", "code", "reason"), WRONG_MANIFESTS)
def test_what_must_not_come_is_refused_before_any_of_it_comes(
    tmp_path: Path, change: dict[str, Any], key: bytes, code: int, reason: str
) -> None:
    async def story() -> None:
        async with sensor(tmp_path) as it:
            offering = Offering(it, packed(NEXT), **change)
            await offering.announce(key)
            status = await offering.end()
            assert status["code"] == code and reason in status["reason"], status
            assert not offering.answers and not (it.folder / "firmware.json").exists()

    asyncio.run(story())


def test_wrong_packages_never_become_active_and_older_ones_come_never_again(tmp_path: Path) -> None:
    good = packed(NEXT - 5)
    cases = [
        (good[:-1000], NEXT, "cut short"),  # truncated
        (good, NEXT, "not what its manifest says"),  # another number than was sealed
        (good + b"x" * 5000, NEXT - 5, "package"),
        (good.replace(b"score.mpy", b"../core.mp"[:9]), NEXT - 5, "package: file"),
        (packed(NEXT - 5).replace(b"x64-6-3", b"x86-6-3", 1), NEXT - 5, "not what its manifest says"),
    ]

    async def story() -> None:
        async with sensor(tmp_path) as it:
            for payload, sequence, reason in cases:
                offering = Offering(it, payload, sequence)
                await offering.announce()
                status = await offering.end()
                assert (status["code"], status["sequence"]) == (400, 0) and reason in status["reason"], (status, reason)
            spoilt = Offering(it, good, NEXT - 5)
            spoilt.bundle.manifest.sha256 = bytes(32)
            spoilt.bundle.id = spoilt.bundle.manifest.bundle
            await spoilt.announce()
            assert "not of one offer" in (await spoilt.end())["reason"]
            assert not (it.folder / "firmware.json").exists(), "nothing was switched"
            await Offering(it, good, NEXT - 5).announce()
            right = Offering(it, good, NEXT - 5)
            assert (await right.end())["code"] == 200
            await it.until("hello", lambda said: said["tree"]["sequence"] == NEXT - 5)
            early = Offering(it, packed(NEXT))
            await early.announce()
            assert (await early.end())["code"] == 409, "while on probation, the one before is needed"
            older = Offering(it, packed(NEXT - 6), NEXT - 6)
            await older.announce()
            status = await older.end()
            assert status["code"] == 403 and "not above" in status["reason"]

    asyncio.run(story())


@contextmanager
def gateway(it: test_app.Sensor) -> Iterator[Path]:
    """The gateway of this sensor as a process, on the sensor's broker; its config."""
    folder = it.plan.folder / "gw"
    config = folder / "reedmesh.toml"
    config.write_text(f'name = "gw"\nstate = "{folder}"\n[broker]\nport = {it.plan.ports["gw"]}\n')
    with (folder / "gateway.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "reedmesh", "run", str(config)], stderr=log)
    try:
        yield config
    finally:
        process.terminate()
        process.wait(PATIENCE)


def test_make_update_sensors_reaches_a_sensor_through_its_gateway(tmp_path: Path) -> None:
    async def story() -> None:
        async with sensor(tmp_path) as it:
            with gateway(it) as config:
                command = [sys.executable, "-m", "tools.board.update_sensors", "--config", str(config)]
                command += ["--architecture", "x64", "--out", str(tmp_path / "packages")]
                made = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, text=True)
                assert made.returncode == 0, made.stderr
                number = device_tree.sequence()
                await it.until("hello", lambda said: said["tree"]["sequence"] == number)
                await it.until("state", lambda said: said.get("update") == "firmware on probation")
                feeding = asyncio.create_task(fed(it))
                await it.until("hello", lambda said: said["tree"]["proved"] and said["tree"]["sequence"] == number)
                it.heard.clear()
                await it.until("state", lambda said: "update" not in said and said["online"])
                feeding.cancel()

    asyncio.run(story())


def test_firmware_that_cannot_start_gives_way_to_the_one_before_and_goes_to_nobody_else(tmp_path: Path) -> None:
    async def story() -> None:
        async with sensor(tmp_path) as it:
            it.kill()
            it.heard.clear()
            running = asyncio.create_task(kept_running(tmp_path, it))
            try:
                first = await it.until("hello", lambda said: said["tree"]["proved"])
                bad = tmp_path / "bad.parcel"
                bad.write_bytes(packed(NEXT, app=program(tmp_path, "from protocol import wire\n1 / 0")))
                with gateway(it) as config:
                    firmware_packages.put(bad, config.parent)
                    hello = await it.until("hello", lambda said: said["tree"]["relapse"])
                    assert hello["tree"]["relapse"] == f"firmware {NEXT} did not prove good in 3 starts"
                    assert hello["tree"]["sequence"] == first["tree"]["sequence"] and not hello["safe_mode"]
                    state = await it.until("state", lambda said: "failed" in said.get("update", ""))
                    assert "did not prove good" in state["update"]
                it.heard.clear()
                await it.until("window")
            finally:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running
            log = (tmp_path / "board.log").read_text()
            assert log.count("ZeroDivisionError") == 3 and "machine.WDT 60000" in log

    asyncio.run(story())


async def kept_running(folder: Path, it: test_app.Sensor) -> None:
    """A board that is started again whenever it resets."""
    logs = []
    while True:
        process = test_board_life.board(folder, it)
        try:
            assert await asyncio.to_thread(process.wait) == 3
        finally:
            process.kill()
            logs.append((folder / "board.log").read_text())
            (folder / "board.log").write_text("".join(logs))
