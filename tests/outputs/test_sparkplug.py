"""Sparkplug B: a host that follows the rules of the specification finds none broken, also over a real broker.

Payloads are read with a copy of Eclipse Tahu's schema that is not ours.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from esio_spb_builder.core import sparkplug_b_pb2 as tahu
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.config.settings import AlertRule
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from reedmesh.outputs import sparkplug, sparkplug_payload
from reedmesh.outputs.sparkplug import REBIRTH, EdgeNode, Sparkplug
from reedmesh.outputs.sparkplug_payload import BOOLEAN, DOUBLE, INT64, STRING, pack, unpack
from reedmesh.protocol import wire
from reedmesh.protocol.wire import WireError
from reedmesh.readings.line import Line
from reedmesh.readings.parts import Station
from tests.support.brokers import free_port, mosquitto
from tests.support.parts import RECIPE
from tests.support.timeouts import PATIENCE


def line(*names: str) -> Line:
    found = Line(features=5, to_learn=10, rule=AlertRule(), limit=500)
    for name in names:
        found.sensor(name).online = True
    return found


def window(on: Line, name: str, number: int) -> None:
    on.sensor(name).take(wire.Window(bytes(5), 1, number), 100.0)


def read(payload: bytes) -> Any:
    found = tahu.Payload()
    found.ParseFromString(payload)
    assert not found.HasField("seq") or found.seq < 256
    assert found.timestamp > 0
    return found


class Host:
    """Keeps the state that a host application keeps, and asserts the rules it relies on."""

    def __init__(self) -> None:
        self.births: list[int] = []  # bdSeq of each NBIRTH
        self.deaths: list[int] = []
        self.alive: dict[str, dict[str, int]] = {}  # device -> datatype of its metrics; "" is the node
        self.values: dict[tuple[str, str], Any] = {}
        self._seq = -1

    def take(self, message: Message) -> None:
        space, group, kind, node, *device = message.topic.split("/")
        assert (space, group, node) == ("spBv1.0", "Plant 1", "hall1") and not message.retain
        payload = read(message.payload)
        if kind == "NDEATH":
            [metric] = payload.metrics
            assert metric.name == "bdSeq" and not payload.HasField("seq")
            self.deaths.append(metric.long_value)
            self.alive.clear()
            return
        assert message.qos == 0 and payload.HasField("seq")
        if kind == "NBIRTH":
            self._birth(payload)
        else:
            assert "" in self.alive and payload.seq == (self._seq + 1) % 256
            self._change(kind, "/".join(device), payload)
        self._seq = payload.seq

    def _birth(self, payload: Any) -> None:
        named = {metric.name: metric for metric in payload.metrics}
        assert payload.seq == 0 and named["bdSeq"].datatype == INT64
        assert named[REBIRTH].datatype == BOOLEAN and named[REBIRTH].boolean_value is False
        self.births.append(named["bdSeq"].long_value)
        self.alive = {"": {}}
        self._note("", payload, new=True)

    def _change(self, kind: str, device: str, payload: Any) -> None:
        if kind == "DBIRTH":
            self.alive[device] = {}
        assert device in self.alive and bool(device) == kind.startswith("D")
        if kind == "DDEATH":
            del self.alive[device]
        else:
            self._note(device, payload, new=kind == "DBIRTH")

    def _note(self, device: str, payload: Any, new: bool) -> None:
        assert len(payload.metrics)
        for metric in payload.metrics:
            assert metric.name and metric.timestamp and metric.datatype in (INT64, DOUBLE, BOOLEAN, STRING)
            assert new or self.alive[device][metric.name] == metric.datatype
            self.alive[device][metric.name] = metric.datatype
            value = None if metric.is_null else getattr(metric, metric.WhichOneof("value"))
            self.values[device, metric.name] = value


def test_our_part_of_the_schema_is_that_of_others() -> None:
    theirs = {"Payload": tahu.Payload.DESCRIPTOR, "Metric": tahu.Payload.Metric.DESCRIPTOR}
    for name, fields in sparkplug_payload._FIELDS.items():
        for field, number, kind, repeated, chosen in fields:
            known = theirs[name].fields_by_name[field]
            assert (known.number, known.type, known.is_repeated) == (number, kind, repeated)
            assert (known.containing_oneof is not None) == chosen
    assert (tahu.Int64, tahu.Double, tahu.Boolean, tahu.String) == (INT64, DOUBLE, BOOLEAN, STRING)


VALUES = {
    INT64: st.integers(0, 2**63 - 1),
    DOUBLE: st.floats(allow_nan=False),
    BOOLEAN: st.booleans(),
    STRING: st.text(max_size=50),
}
METRIC = st.sampled_from(list(VALUES)).flatmap(lambda kind: st.tuples(st.just(kind), st.none() | VALUES[kind]))


@given(st.dictionaries(st.text(min_size=1, max_size=20), METRIC, max_size=8), st.none() | st.integers(0, 255))
def test_others_read_what_we_pack_and_we_read_what_they_do(metrics: dict[str, Any], seq: int | None) -> None:
    theirs = read(frame := pack(metrics, seq, 5.0))
    assert theirs.timestamp == 5000 and (theirs.seq if theirs.HasField("seq") else None) == seq
    assert [each.name for each in theirs.metrics] == list(metrics)
    assert unpack(theirs.SerializeToString()) == unpack(frame) == {name: value for name, (_, value) in metrics.items()}


@given(st.binary(max_size=300))
def test_junk_is_no_payload_or_harmless(junk: bytes) -> None:
    with contextlib.suppress(WireError):
        assert isinstance(unpack(junk), dict)
    with pytest.raises(WireError):
        unpack(junk + bytes(70_000))


def test_births_then_only_what_changed_and_seq_wraps() -> None:
    on, host = line("press", "saw"), Host()
    node = EdgeNode("Plant 1", "hall1", on)
    node.will()
    node.joined()
    for message in node.births():
        host.take(message)
    assert set(host.alive) == {"", "press", "saw"} and host.births == [0] and host.values["", "Sensors"] == 2
    assert node.news() == []
    for number in range(1, 301):
        window(on, "press", number)
        [message] = node.news()
        host.take(message)
        assert [metric.name for metric in read(message.payload).metrics] == [
            each for each in ("Learning progress", "Windows") if each == "Windows" or number <= 10
        ]
    assert host.values["press", "Windows"] == 300


def test_a_sensor_that_goes_dies_and_one_that_comes_is_born() -> None:
    on, host = line("press"), Host()
    node = EdgeNode("Plant 1", "hall1", on)
    node.joined()
    steps = []
    for press, saw in ((True, False), (False, False), (True, True)):
        on.sensor("press").online, on.sensor("saw").online = press, saw
        for message in node.news() if host.births else node.births():
            host.take(message)
        steps.append(set(host.alive) - {""})
    assert steps == [{"press"}, set(), {"press", "saw"}] and host.deaths == []


def test_numbers_of_births_are_those_of_wills_and_wrap() -> None:
    node = EdgeNode("Plant 1", "hall1", line())
    for connect in range(300):
        will, again = node.will(), node.will()  # the first connect failed
        assert read(will.payload).metrics[0].long_value == read(again.payload).metrics[0].long_value
        node.joined()
        [birth] = node.births()
        bd_seq = {each.name: each.long_value for each in read(birth.payload).metrics}["bdSeq"]
        assert bd_seq == connect % 256 == read(will.payload).metrics[0].long_value
        assert read(node.death().payload).metrics[0].long_value == bd_seq


def test_over_a_real_broker_a_lost_link_is_a_death_and_a_command_a_rebirth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sparkplug, "LOOK_SECONDS", 0.02)

    async def story(port: int) -> None:
        on, host = line("press"), Host()
        node = EdgeNode("Plant 1", "hall1", on)
        told = Sparkplug(node)
        said = {"will": node.will, "farewell": node.death, "greeting": told.greeting}
        link = Link("127.0.0.1", port, "edge", subscriptions={node.commands: 1}, **said)  # type: ignore[arg-type]
        ear = Link("127.0.0.1", port, "host", subscriptions={"spBv1.0/+/+/#": 1})

        async def listen() -> None:
            async for message in ear.messages():
                if "/NCMD/" not in message.topic:
                    host.take(message)

        listening = asyncio.create_task(listen())
        await until(lambda: ear.connected)
        work = asyncio.create_task(told.run(link))
        await until(lambda: "press" in host.alive)
        window(on, "press", 1)
        await until(lambda: host.values["press", "Windows"] == 1)
        link._client._client.socket().shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
        await until(lambda: host.deaths == [0] and host.births == [0, 1] and "press" in host.alive)
        for junk in (b"junk", pack({REBIRTH: (BOOLEAN, False)}, None), pack({"Other": (BOOLEAN, True)}, None)):
            await ear.publish(Message(node.commands, junk))
        await ear.publish(Message(node.commands, pack({REBIRTH: (BOOLEAN, True)}, None)))
        await until(lambda: host.births == [0, 1, 1] and "press" in host.alive)
        work.cancel()
        await until(lambda: host.deaths == [0, 1])
        listening.cancel()
        await asyncio.gather(work, listening, return_exceptions=True)

    with mosquitto(tmp_path, free_port()) as port:
        asyncio.run(story(port))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.01)


def test_a_sensor_that_turns_out_to_judge_parts_is_born_again_with_all_its_metrics() -> None:
    on, host = line("press"), Host()
    node = EdgeNode("Plant 1", "hall1", on)
    node.joined()
    for message in node.births():
        host.take(message)
    assert "Parts/Verdict" not in host.alive["press"]
    on.sensors["press"].station = station = Station(RECIPE)
    (born,) = [each for each in node.news() if "press" in each.topic]
    assert "/DBIRTH/" in born.topic
    host.take(born)
    assert host.values["press", "Parts/OK"] == 0 and host.values["press", "Score"] is None
    station.take(wire.Window(bytes(RECIPE.length), 1, 1), None, [], 1.0).verdict = "NOK"
    station.counters.nok += 1
    for message in node.news():
        host.take(message)
    assert host.values["press", "Parts/NOK"] == 1 and host.values["press", "Parts/Verdict"] == "NOK"
