"""Two wires that are shared and echo: who speaks is known, and nobody takes himself or another for his gateway."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from reedmesh.links import serial_link
from reedmesh.links.message import Message
from reedmesh.links.serial_link import SerialLink
from reedmesh.protocol import serial_message, wire
from reedmesh.protocol.serial_frame import Deframer, frame
from tests.support import micropython
from tests.support.paths import SCRIPTS
from tests.support.timeouts import PATIENCE
from tools.simulate.noisy_serial import bus

pytest.importorskip("serial", reason="no pyserial: pip install pyserial")

SENSOR = SCRIPTS / "shared_wires.py"
HELLO = "reedmesh/gw/{}/hello"


class Line:
    """A gateway on the wire, and what it heard, by topic."""

    def __init__(self, port: str) -> None:
        self.link = SerialLink(port)
        self.heard: dict[str, list[bytes]] = {}

    async def listen(self) -> None:
        async for message in self.link.messages():
            self.heard.setdefault(message.topic, []).append(message.payload)

    async def until(self, topic: str, count: int = 1) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.heard.get(topic, ())) < count:
                await asyncio.sleep(0.01)


def play(port: str, story: object) -> Line:
    """Run a coroutine function of a Line."""

    async def run() -> Line:
        line = Line(port)
        listening = asyncio.create_task(line.listen())
        while not line.link.connected:
            await asyncio.sleep(0.01)
        await story(line)  # type: ignore[operator]
        listening.cancel()
        return line

    return asyncio.run(run())


def test_three_sensors_share_two_wires_that_echo() -> None:
    names = ["press", "press-2", "fan"]

    async def story(line: Line) -> None:
        for name in names:
            await line.until(HELLO.format(name))
        told = [line.link.publish(Message(f"reedmesh/gw/{name}/tell", name.encode() * 99, 1)) for name in names]
        assert await asyncio.gather(*told) == [True] * 3
        for name in names:
            await line.until(f"reedmesh/gw/{name}/told")
            await line.until(f"reedmesh/gw/{name}/window", 10)
        for name in names:
            assert await line.link.publish(Message(f"reedmesh/gw/{name}/tell", b"end", 1))

    with bus(4) as ports, ExitStack() as stack:
        sensors = [stack.enter_context(running(port, name)) for port, name in zip(ports[1:], names, strict=True)]
        line = play(ports[0], story)
        said = [json.loads(sensor.communicate(timeout=PATIENCE)[0].splitlines()[-1]) for sensor in sensors]
    assert line.link.refused == 0 and line.link.echoes > 0
    for name, each in zip(names, said, strict=True):
        assert set(line.heard[f"reedmesh/gw/{name}/told"]) == {name.encode() * 99}, "no other's"
        assert each["up"] and each["sessions"] == 1 and each["strange"] > 0 and each["foreign"] == 0


@contextmanager
def running(port: str, name: str) -> Iterator[object]:
    sensor = micropython.start(SENSOR, port, name)
    try:
        yield sensor
    finally:
        sensor.kill()


def test_a_gateway_does_not_take_its_echo_for_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_link, "PATIENCE", 0.02)

    async def story(line: Line) -> None:
        assert not await line.link.publish(Message(HELLO.format("press"), b"x" * 300, 1))

    with bus(1) as (port,):
        line = play(port, story)
    assert not line.heard and line.link.echoes > 0


def test_a_sensor_does_not_take_its_echo_for_a_gateway() -> None:
    with bus(1) as (port,), running(port, "alone") as sensor:
        said = json.loads(sensor.communicate(timeout=PATIENCE)[0].splitlines()[-1])  # type: ignore[attr-defined]
    assert not said["up"] and said["sessions"] == 0 and said["lost"] > 0 and said["foreign"] == 0


class OldSensor(threading.Thread):
    """Speaks version 1, as sensors before it do: reports what it is told and keeps it."""

    def __init__(self, port: str) -> None:
        super().__init__(daemon=True)
        self._port = Path(port).open("r+b", buffering=0)  # noqa: SIM115 - until the end
        self.told: list[bytes] = []
        self.addressed = 0

    def say(self, topic: str, payload: bytes) -> None:
        bodies = serial_message.pieces(1, serial_message.pack_message(topic, payload, 1, True))
        for body in [*bodies[:-1], serial_message.asking(bodies[-1])]:
            self._port.write(frame(body))

    def run(self) -> None:
        deframer, assembler = Deframer(), serial_message.Assembler()
        while not self.told:
            for body in deframer.feed(self._port.read(256) or b""):
                self.addressed += body[0] > serial_message.SHARD
                if body[0] <= serial_message.LAST:
                    number, missing, data = assembler.add(body)
                    self._port.write(frame(serial_message.pack_report(number, missing)))
                    self.told += [serial_message.unpack_message(data)[1]] if data else []
        self._port.close()


def test_a_sensor_of_version_1_is_read_and_answered_in_version_1() -> None:
    with bus(2, echo=False) as (ours, theirs):
        old = OldSensor(theirs)
        old.start()

        async def story(line: Line) -> None:
            old.say(HELLO.format("press"), b"{}")
            await line.until(HELLO.format("press"))
            assert await line.link.publish(Message("reedmesh/gw/press/model/manifest", b"m" * 500, 1))

        play(ours, story)
        old.join(PATIENCE)
    assert old.told == [b"m" * 500] and not old.addressed


def test_what_is_said_under_anothers_address_is_refused() -> None:
    with bus(2, echo=False) as (ours, theirs), Path(theirs).open("r+b", buffering=0) as port:

        async def story(line: Line) -> None:
            said = serial_message.pack_message("reedmesh/gw/press/hello", b"{}", 0, True)
            whose = serial_message.address("reedmesh/gw/fan/hello")
            for body in serial_message.pieces(1, said, serial_message.ADDRESSED_PIECE):
                port.write(frame(serial_message.addressed(body, whose, False)))
            async with asyncio.timeout(PATIENCE):
                while not line.link.refused:
                    await asyncio.sleep(0.01)

        assert not play(ours, story).heard


def test_no_two_names_of_a_hall_share_an_address() -> None:
    names = [f"{kind}-{number}" for kind in ("press", "fan", "pump", "m") for number in range(500)]
    assert len({serial_message.address(wire.topic("hall1", name, "window")) for name in names}) == len(names)
