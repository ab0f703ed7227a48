"""Readers of data from sensors, over the network and on a wire, and of data to them."""

import json
from functools import cache
from typing import Any

from reedmesh.config.settings import AlertRule
from reedmesh.links.message import Message
from reedmesh.outputs import home_assistant
from reedmesh.protocol import late_frame, offer_frame, scaling, serial_message, wire
from reedmesh.protocol.serial_frame import Deframer, frame
from reedmesh.protocol.shards import Shape
from reedmesh.protocol.wire import Window, WireError
from reedmesh.readings import watch
from reedmesh.readings.line import Line
from reedmesh.store.store import Store
from reedmesh.updates import firmware_packages
from tools.check.fuzz_targets.target import FEATURES, WIRE, Target


def _window() -> bytes:
    into, window = bytearray(1024), Window(bytes(FEATURES), 1, 2)
    window.score = 7
    return bytes(into[: wire.pack_window(window, into)])


def _offer() -> bytes:
    return offer_frame.pack_offer(offer_frame.Offer(3, bytes(100), bytes(32), bytes(8), 9))


def _package() -> bytes:
    return firmware_packages.pack({"app.mpy": b"M\x06\x2b\x1f" + bytes(9), "tflite/dot.mpy": b"M\x06\x00\x1f"}, 7)


SAID = ("hello", "availability", "model/status", "firmware/status", "window", "late")


def take_from_sensor(data: bytes) -> None:
    """All that a sensor can say, and what the gateway makes of it: which leaf, then the payload."""
    leaf, payload = SAID[data[0] % len(SAID)] if data else "hello", data[1:]
    line, store = Line(FEATURES, 100, AlertRule(), 10), _store()
    events = watch.Events(_ignore, _ignore, _ignore, _ignore, _ignore, _ignore)
    try:
        watch.take(Message(f"reedmesh/gw/press/{leaf}", payload), line, store.windows, events, 1.0)
    finally:
        store.windows.take_pending()
    for sensor in line.sensors.values():
        shown = home_assistant.sensor_device("gw", sensor)
        json.dumps([sensor.summary(), sensor.hz, sensor.longest_shard, sensor.hello, shown]).encode()


def from_sensors() -> list[bytes]:
    """Messages of real sensors."""
    hello: dict[str, Any] = {"model": "00" * 8, "sequence": 3, "shard": 228, "measured_hz": 199.5, "room": 4096}
    hello |= {"sensor": {"rate_hz": 200}, "tree": {"code": "xtensawin-6-3", "sequence": 1, "newest": 2}}
    said = [
        hello,
        {"state": "online", "seconds": 60},
        {"code": 206, "missing": 3},
        {"code": 206, "block": 1, "missing": 2},
    ]
    return [
        *(bytes([i]) + json.dumps(each).encode() for i, each in enumerate(said)),
        b"\x04" + _window(),
        b"\x05" + late_frame.pack_late(9, _window()),
    ]


def _ignore(*_: object) -> None:
    pass


@cache
def _store() -> Store:
    return Store()


def take_serial(data: bytes) -> None:
    """Bytes on a wire, through to the message; then the same bytes as one body, for which no check is in the way."""
    assembler = serial_message.Assembler()
    for body in [*Deframer().feed(data), data[:234]]:
        try:
            _take_body(body, assembler)
        except WireError:
            continue


def _take_body(body: bytes, assembler: serial_message.Assembler) -> None:
    kind = body[0] if body else 0
    if kind == serial_message.REPORT:
        serial_message.unpack_report(body)
    elif kind == serial_message.SHARD:
        serial_message.unpack_shard(body, bytes(8), Shape(4, 32, 300))
    else:
        whole = assembler.add(body)[2]
        serial_message.unpack_message(whole)


def serial_lines() -> list[bytes]:
    """Messages, reports, and a frame that has to be mended."""
    message = serial_message.pack_message("reedmesh/gw/press/hello", b'{"model": ""}', 1, True)
    bodies = [*serial_message.pieces(9, message), serial_message.pack_report(9, 5), bytes([3, 0, 1, 2]) + bytes(32)]
    framed = [frame(each) for each in bodies]
    bent = bytearray(framed[0])
    bent[9] ^= 1
    return [*framed, *bodies, bytes(bent), b"".join(framed)]


TARGETS = {
    "window": Target(wire.unpack_window, WIRE, lambda: [_window()]),
    "offer": Target(offer_frame.unpack_offer, WIRE, lambda: [_offer()]),
    "topic": Target(lambda data: wire.split_topic(data.decode("latin-1")), WIRE, lambda: [b"reedmesh/gw/press/window"]),
    "package": Target(firmware_packages.unpack, WIRE, lambda: [_package()]),
    "from a sensor": Target(take_from_sensor, WIRE, from_sensors),
    "scaling": Target(scaling.from_bytes, (ValueError,), lambda: [scaling.to_bytes([1, 2], [3, 4], 5)]),
    "serial": Target(take_serial, (), serial_lines, longest=1024, weight=2),
}
