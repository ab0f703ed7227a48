"""Whose turn it is to get new firmware, and when nobody gets it any more; and the packages it comes in."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.__main__ import main
from reedmesh.config.settings import AlertRule
from reedmesh.errors import ConfigError
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.links.message import Message
from reedmesh.protocol import firmware_package, shards
from reedmesh.protocol.wire import WireError
from reedmesh.readings.line import Line
from reedmesh.readings.sensor import Sensor
from reedmesh.updates import firmware_packages, firmware_rollout
from reedmesh.updates.firmware_rollout import FirmwareRollout

CODE = b"M\x06\x2b"  # compiled for xtensawin, 6.3
FILES = {"node.mpy": CODE + bytes(3000), "tflite/dot.mpy": CODE + b"dot", "plain.mpy": b"M\x06\x00"}


def put(state: Path, sequence: int) -> None:
    source = state / "made.parcel"
    source.write_bytes(firmware_packages.pack(FILES, sequence))
    firmware_packages.put(source, state)


class World:
    """A rollout, three sensors, what they are sent, and a clock."""

    def __init__(self, state: Path) -> None:
        self.line = Line(69, 100, AlertRule(), 10)
        self.now = 0.0
        self.sent: list[Message] = []
        self.rollout = FirmwareRollout("gw", self.line, state, lambda: self.now)
        for name in ("a", "b", "c"):
            SensorKeys(state).made_for(name)
            self.says(name, 5)

    def says(self, name: str, sequence: int, **more: Any) -> Sensor:
        sensor = self.line.sensor(name)
        tree = {"sequence": sequence, "newest": sequence, "code": "xtensawin-6-3", "proved": True, "relapse": ""}
        sensor.hello, sensor.online = {"tree": tree | more, "room": 2048, "shard": 1024}, True
        return sensor

    async def publish(self, message: Message) -> bool:
        self.sent.append(message)
        return True

    async def looks(self) -> list[str]:
        """Topics of what it sends when it looks."""
        self.sent.clear()
        await self.rollout._look(self)
        return [message.topic.removeprefix("reedmesh/gw/") for message in self.sent]

    async def answers(self, name: str, **status: Any) -> None:
        self.sent.clear()
        await self.rollout._hear(self, self.line.sensor(name), status)


def told(tmp_path: Path, story: Any) -> None:
    asyncio.run(story(World(tmp_path)))


def test_one_after_the_other_gets_it_and_the_next_only_when_it_proved_good(tmp_path: Path) -> None:
    async def story(it: World) -> None:
        assert await it.looks() == []
        put(tmp_path, 7)
        assert await it.looks() == ["a/firmware/manifest"]
        manifest = shards.unpack_manifest(it.sent[0].payload)
        assert shards.is_sealed_by(manifest, SensorKeys(tmp_path).of("a") or b"")
        assert (manifest.sequence, manifest.family, manifest.shape.blocks) == (7, "firmware-xtensawin-6-3", 2)
        await it.answers("a", code=206, block=1, missing=2)
        assert [shards.unpack_shard(message.payload).block for message in it.sent] == [1] * 3
        await it.answers("a", code=200)
        assert await it.looks() == [] and it.line.sensor("a").summary()["update"] == "firmware on probation"
        it.says("a", 7, proved=False)
        assert await it.looks() == []
        it.says("a", 7)
        assert await it.looks() == [] and "update" not in it.line.sensor("a").summary()
        assert await it.looks() == ["b/firmware/manifest"]

    told(tmp_path, story)


def test_nobody_gets_what_failed_on_one_until_there_is_something_newer(tmp_path: Path) -> None:
    async def story(it: World) -> None:
        put(tmp_path, 7)
        await it.looks()
        await it.answers("a", code=200)
        it.says("a", 5, newest=7, relapse="firmware 7 did not prove good in 3 starts")
        assert await it.looks() == await it.looks() == []
        assert "did not prove good" in it.line.sensor("a").summary()["update"]
        again = World(tmp_path)
        again.says("a", 5, newest=7, relapse="firmware 7 did not prove good in 3 starts")
        assert await again.looks() == [], "a gateway that starts anew sees it from what the sensor says"
        put(tmp_path, 8)
        assert await it.looks() == ["a/firmware/manifest"]

    told(tmp_path, story)


def test_one_that_never_comes_back_stops_it_and_one_that_is_silent_meanwhile_is_passed_over(tmp_path: Path) -> None:
    async def story(it: World) -> None:
        put(tmp_path, 7)
        await it.looks()
        it.now = firmware_rollout.SILENT + 1
        assert await it.looks() == []
        assert await it.looks() == ["b/firmware/manifest"]
        await it.answers("b", code=200)
        it.now += firmware_rollout.PROOF + 1
        assert await it.looks() == await it.looks() == []
        assert "did not prove good in 30 minutes" in it.line.sensor("b").summary()["update"]

    told(tmp_path, story)


@pytest.mark.parametrize(("code", "next_one"), [(400, "b"), (403, "b"), (500, "b"), (409, "b"), (408, "b"), (304, "b")])
def test_one_that_refuses_is_left_out_and_one_that_is_busy_comes_later(
    tmp_path: Path, code: int, next_one: str
) -> None:
    async def story(it: World) -> None:
        put(tmp_path, 7)
        await it.looks()
        await it.answers("a", code=code, reason="why not")
        assert await it.looks() == [f"{next_one}/firmware/manifest"]
        refused = code in (400, 403, 500)
        assert it.line.sensor("a").update == (f"firmware refused: {code} why not" if refused else "")
        it.says("b", 7)
        await it.looks()
        it.now = firmware_rollout.SILENT + 1
        assert await it.looks() == ["c/firmware/manifest" if refused else "a/firmware/manifest"]

    told(tmp_path, story)


def test_a_sensor_without_a_key_or_of_another_kind_gets_none(tmp_path: Path) -> None:
    async def story(it: World) -> None:
        (tmp_path / "sensors" / "a").unlink()
        it.says("b", 5, code="rv32imc-6-3")
        it.line.sensor("c").hello = {"tree": {"code": "xtensawin-6-3", "sequence": "x"}}
        put(tmp_path, 7)
        assert await it.looks() == await it.looks() == []
        assert "sensor-key" in it.line.sensor("a").update

    told(tmp_path, story)


@pytest.mark.parametrize("status", [{}, {"code": 206}, {"code": 206, "block": 99, "missing": 1}, {"code": "200"}])
def test_a_status_that_makes_no_sense_sends_nothing(tmp_path: Path, status: dict[str, Any]) -> None:
    async def story(it: World) -> None:
        put(tmp_path, 7)
        await it.looks()
        await it.answers("a", **status)
        assert it.sent == []

    told(tmp_path, story)


def test_one_that_asks_for_ever_loses_its_turn(tmp_path: Path) -> None:
    async def story(it: World) -> None:
        put(tmp_path, 7)
        await it.looks()
        for _ in range(firmware_rollout.MOST_ASKED):
            await it.answers("a", code=206, block=0, missing=255)
            assert 0 < len(it.sent) <= 3  # two shards of a block, and a spare one
        await it.answers("a", code=206, block=0, missing=255)
        assert it.sent == [] and "asked for block 0" in it.line.sensor("a").update
        assert await it.looks() == ["b/firmware/manifest"]

    told(tmp_path, story)


def test_a_package_is_what_was_packed(tmp_path: Path) -> None:
    made = firmware_packages.unpack(firmware_packages.pack(FILES, 9))
    assert (made.code, made.sequence) == ("xtensawin-6-3", 9)
    for files, says in (({"main.py": b"x"}, "main.py"), ({"a.mpy": b"M\x06\x00"}, "no processor")):
        with pytest.raises(ConfigError, match=says):
            firmware_packages.pack(files, 1)
    with pytest.raises(ConfigError, match="one package serves one"):
        firmware_packages.pack({"a.mpy": CODE, "b.mpy": b"M\x06\x2f"}, 1)


@given(st.binary(max_size=200), st.integers(0, 3100), st.binary(max_size=20))
def test_damaged_packages_are_refused_or_whole(junk: bytes, at: int, patch: bytes) -> None:
    good = firmware_packages.pack(FILES, 9)
    for data in (junk, good[:at], good[:at] + patch + good[at + len(patch) :]):
        try:
            made = firmware_packages.unpack(data)
        except WireError:
            continue
        assert len(made.payload) == len(good)


@pytest.mark.parametrize(
    "path", ["../x.mpy", "/x.mpy", "a/b/c.mpy", "x.py", ".mpy", "A.mpy", "a//b.mpy", "x" * 70 + ".mpy"]
)
def test_paths_that_lead_elsewhere_are_none(path: str) -> None:
    assert not firmware_package.is_path(path)


def test_what_is_no_package_is_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "reedmesh.toml"
    config.write_text(f'name = "gw"\nstate = "{tmp_path}"\n')
    (tmp_path / "junk").write_bytes(b"junk")
    assert main(["update-sensors", str(tmp_path / "junk"), "--config", str(config)]) == 2
    assert "make update-sensors" in capsys.readouterr().err
    put(tmp_path, 3)
    assert main(["update-sensors", str(tmp_path / "made.parcel"), "--config", str(config)]) == 0
    assert "firmware 3 for xtensawin-6-3" in capsys.readouterr().out
