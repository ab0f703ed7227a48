"""The data path in memory: what a message does, and that junk does nothing."""

import json
import logging
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.config.settings import AlertRule
from reedmesh.links.message import Message
from reedmesh.links.rejects import QUIET, Rejects
from reedmesh.protocol import late_frame, wire
from reedmesh.protocol.wire import Window, WireError
from reedmesh.readings.line import Line
from reedmesh.readings.sensor import Sensor
from reedmesh.readings.watch import Events, take

FEATURES = 5


class Kept(list[object]):
    """A table of windows that only takes."""

    def add(self, *window: object) -> None:
        self.append(window)


class Path:
    """The path with nothing behind it."""

    def __init__(self) -> None:
        self.line = Line(FEATURES, 10, AlertRule(), limit=3)
        self.windows = Kept()
        self.introduced: list[Sensor] = []
        self.asked: list[tuple[str, bytes]] = []
        self.lacking: list[tuple[Sensor, tuple[int, int]]] = []
        self.updating: list[tuple[Sensor, Any]] = []
        heard = self.introduced.append, self.lacking.append, self.updating.append
        self.received: list[int] = []
        receipt = lambda name, window: self.received.append(window.number)  # noqa: E731
        self.events = Events(lambda change: None, *heard, self.ask, receipt)

    def ask(self, verb: str, payload: bytes) -> None:
        self.asked.append((verb, payload))

    def take(self, leaf: str, payload: bytes) -> None:
        take(Message(f"reedmesh/gw/{leaf}", payload), self.line, self.windows, self.events, 100.0)  # type: ignore[arg-type]


def window(number: int, boot: int = 1, features: bytes = bytes(FEATURES)) -> bytes:
    frame = bytearray(wire.WINDOW_HEADER + len(features))
    wire.pack_window(Window(features, boot, number), frame)
    return bytes(frame)


def test_a_window_of_a_new_sensor_is_counted_and_stored() -> None:
    path = Path()
    path.take("press/window", window(1))
    assert path.line.sensors["press"].summary()["progress"] == 0.1
    assert path.windows == [("press", 100.0, bytes(FEATURES), None)]


def test_windows_that_never_came_are_counted_but_not_over_a_restart() -> None:
    path = Path()
    for number, boot in ((1, 1), (2, 1), (5, 1), (1, 2), (2, 2)):
        path.take("press/window", window(number, boot))
    assert path.line.sensors["press"].counters.missed == 2


def test_a_clipped_window_is_counted_and_judged_but_not_learnt() -> None:
    path, clipped = Path(), Window(bytes(FEATURES), 1, 1)
    clipped.clipped = 12
    frame = bytearray(wire.WINDOW_HEADER + FEATURES + wire.WINDOW_CLIPPED)
    wire.pack_window(clipped, frame)
    path.take("press/window", bytes(frame))
    sensor = path.line.sensors["press"]
    assert (sensor.learnt, sensor.arrivals.clipped, sensor.counters.windows) == (0, 1, 1) and path.windows == []


def late(age: int, number: int) -> bytes:
    return late_frame.pack_late(age, window(number))


def test_a_late_window_is_stored_at_its_time_once_and_counts_as_no_other() -> None:
    path = Path()
    path.take("press/window", window(7))
    path.take("press/late", late(30, 7))  # it had arrived in time
    path.take("press/late", late(20, 8))
    path.take("press/late", late(10, 8))
    path.take("press/late", late(late_frame.UNKNOWN, 9))
    path.take("press/late", late(10**9, 10))
    assert path.received == [7, 8, 8, 9, 10], "a receipt for each, also for what was heard before"
    assert [stored[1] for stored in path.windows] == [100.0, 80.0, 100.0, 100.0]
    counters, sensor = path.line.sensors["press"].counters, path.line.sensors["press"]
    assert (counters.late, counters.windows, counters.missed, counters.doubled, sensor.learnt) == (3, 1, 0, 0, 1)


def test_a_hello_introduces() -> None:
    path = Path()
    path.take("press/hello", json.dumps({"model": "ab" * 32}).encode())
    path.take("press/availability", b'{"state": "online"}')
    [sensor] = path.introduced
    assert sensor.running == b"\xab" * 8 and sensor.online


def test_a_refusal_is_remembered_in_the_sensors_own_words() -> None:
    path = Path()
    path.take("press/model/status", b'{"code": 400, "reason": "operator 3 unsupported"}')
    assert path.line.sensors["press"].refusal == "400 operator 3 unsupported"
    path.take("press/model/status", b'{"code": 200}')
    assert path.line.sensors["press"].refusal == ""


@pytest.mark.parametrize(
    ("leaf", "payload", "reason"),
    [
        ("press/window", b"", "header"),
        ("press/window", window(1)[:-1], "features declared"),
        ("press/window", window(1, features=bytes(6)), "family has 5"),
        ("press/hello", b"{", "not JSON"),
        ("press/hello", b"[" * 4000, "JSON of more than 32 levels"),
        ("press/hello", b'"' + b"x" * 5000 + b'"', "bytes of JSON"),
        ("press/hello", b"[]", "no object"),
        ("press/hello", b'{"model": 3}', "no digest"),
        ("press/model/status", b"{}", "no code"),
        ("press/unknown", b"", "nothing is expected"),
        ("Press/window", window(1), "topic"),
    ],
)
def test_what_is_malformed_is_refused_with_the_reason(leaf: str, payload: bytes, reason: str) -> None:
    path = Path()
    with pytest.raises(WireError, match=reason):
        path.take(leaf, payload)
    assert path.windows == []


@given(st.sampled_from(["window", "hello", "availability", "model/status", "x"]), st.binary(max_size=200))
def test_junk_never_crashes_the_path(leaf: str, payload: bytes) -> None:
    path = Path()
    with suppress(WireError):
        path.take(f"press/{leaf}", payload)


def test_made_up_names_cannot_fill_the_memory() -> None:
    path = Path()
    for name in ("a", "b", "c"):
        path.take(f"{name}/window", window(1))
    with pytest.raises(WireError, match="one more than the 3"):
        path.take("d/window", window(1))
    assert len(path.line.sensors) == 3


def test_junk_is_logged_once_per_sender_and_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    rejects = Rejects(lambda: now[0])
    with caplog.at_level(logging.WARNING):
        for _ in range(1000):
            rejects.add("reedmesh/gw/press/window", WireError("short"))
        rejects.add("reedmesh/gw/saw/window", WireError("short"))
        now[0] = QUIET
        rejects.add("reedmesh/gw/press/window", WireError("short"))
    assert rejects.total == 1002
    assert [record.message for record in caplog.records] == [
        "reedmesh/gw/press: 1 dropped: short",
        "reedmesh/gw/saw: 1 dropped: short",
        "reedmesh/gw/press: 1000 dropped: short",
    ]


def test_a_request_is_handed_on_and_its_topics_are_no_sensor() -> None:
    path = Path()
    path.take("request/ack", b"{}")
    assert path.asked == [("ack", b"{}")] and not path.line.sensors
    with pytest.raises(WireError, match="taken"):
        path.take("request/model/status", b'{"code": 200}')
