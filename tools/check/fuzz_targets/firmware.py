"""Readers of a sensor: models, packets of its broker, its settings; its own modules, under CPython."""

import builtins
import gc
import importlib
import json
import sys
import types
from functools import cache
from io import BytesIO
from typing import Any

from reedmesh.protocol.wire import WireError
from tools.check.fuzz_targets.target import MIB, WIRE, Target, input_file, operators
from tools.checkout import ROOT


@cache
def sensor_module(name: str) -> Any:
    """A module of the firmware under CPython. Compiled kernels do nothing there: what reads and checks needs none."""
    told, spare = types.ModuleType("micropython"), types.ModuleType("gc")
    told.const, told.viper, told.native = (lambda value: value), (lambda _: lambda *_: 0), (lambda value: value)
    spare.collect = spare.mem_free = spare.threshold = lambda *_: 0
    gc.threshold = gc.mem_free = lambda *_: 0  # type: ignore[attr-defined]  # for what is imported when it is used
    vars(builtins).update(dict.fromkeys(("ptr8", "ptr16", "ptr32"), object))
    if str(ROOT / "firmware") not in sys.path:
        sys.path.append(str(ROOT / "firmware"))
        sys.path.append(str(ROOT / "gateway" / "reedmesh"))
    sys.modules |= {"micropython": told, "gc": spare}
    try:
        return importlib.import_module(name)
    finally:
        sys.modules["gc"] = gc


def take_model_on_sensor(data: bytes) -> None:
    """A model that a sensor is to load."""
    engine = sensor_module("tflite")
    try:
        engine.Model(bytearray(data)).metadata("reedmesh.scaling")
    except engine.ModelError as refusal:
        raise WireError(str(refusal)) from refusal


def take_packets(data: bytes) -> None:
    """Packets from a broker to a sensor."""
    packets, greeting = sensor_module("net.mqtt_packets"), sensor_module("net.mqtt_greeting")
    small, source = memoryview(bytearray(64)), BytesIO(data)
    packet = packets.Incoming(small, lambda topic: small if topic else None)
    try:
        while source.tell() < len(data):
            for view in packet.parts():
                if source.readinto(view) < len(view):
                    return
            if packet.kind != packets.PUBLISH:
                greeting.check_accepted(packet)
    except packets.MqttError as refusal:
        raise WireError(str(refusal)) from refusal


def packets() -> list[bytes]:
    """CONNACK, SUBACK, a message at each QoS, PINGRESP."""
    said = [b"\x20\x02\0\0", b"\x90\x03\0\x01\x01", b"\x30\x06\0\x01a{} ", b"\x32\x06\0\x01a\0\x07!", b"\xd0\0"]
    return [*said, b"".join(said)]


def take_settings(data: bytes) -> None:
    """A sensor's config.json."""
    sensor_module("board.settings").load(str(input_file(data)))


def settings() -> list[bytes]:
    """With a broker, and with a wire."""
    features = {"version": 1, "samples": 200, "axes": 3, "bands": 20}
    common = {"gateway": "gw", "name": "press", "board": "esp32", "sensor": {"driver": "replay"}, "features": features}
    ways = {"broker": {"host": "a", "port": 1, "plain": True}}, {"serial": {"uart": 1, "baud": 9600}, "key": "ab" * 32}
    return [json.dumps(common | {"model_bytes": 16384} | way).encode() for way in ways]


TARGETS = {
    "model on a sensor": Target(take_model_on_sensor, WIRE, operators, longest=8192, room=4 * MIB, weight=5),
    "packets on a sensor": Target(take_packets, WIRE, packets),
    "settings of a sensor": Target(take_settings, (ValueError,), settings, weight=5),
}
